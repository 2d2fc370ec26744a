import pytest

pytestmark = pytest.mark.slow

APPLICANT = {"ENTITY": "a-1", "KEY": "k-1", "BUSINESS_TIME": "2026-03-31", "LOAN": 100, "DEBTINC": 30.5, "JOB": "Mgr"}


def test_a_score_is_in_the_log_before_it_is_answered(gateway, rows):
    status, answer, _ = gateway.predict({"instances": [APPLICANT]})
    assert status == 200, answer
    (row,) = rows()
    assert answer["predictions"] == [row["score"]]
    assert answer["shipway"]["ids"] == [str(row["id"])]
    assert (row["entity"], row["key"], row["business_time"].isoformat()) == ("a-1", "k-1", "2026-03-31T00:00:00+00:00")
    assert (row["origin"], row["stage"], row["release"], row["version"]) == ("client", "production", "hmeq-r1", 7)
    assert row["features"] == {"DEBTINC": 30.5, "JOB": "Mgr", "LOAN": 100.0}


def test_a_repeated_key_gives_one_row_and_the_same_answer(gateway, rows):
    first = gateway.predict({"instances": [APPLICANT]})[1]
    second = gateway.predict({"instances": [{**APPLICANT, "LOAN": 900}]})[1]
    assert second["predictions"] == first["predictions"]
    assert second["shipway"]["ids"] == first["shipway"]["ids"]
    assert (first["shipway"]["repeated"], second["shipway"]["repeated"]) == ([False], [True])
    assert len(rows()) == 1


def test_a_key_of_another_applicant_is_refused_and_says_nothing_of_the_other(gateway, rows):
    first = gateway.predict({"instances": [{**APPLICANT, "ENTITY": "somebody"}]})[1]
    status, answer, _ = gateway.predict({"instances": [{"ENTITY": "b", "KEY": "new"}, {**APPLICANT, "ENTITY": "b"}]})
    assert status == 409
    assert answer.keys() == {"error"}
    assert answer["error"].startswith("instances[1]: field 'KEY': was used for another applicant before")
    assert "somebody" not in answer["error"]
    assert str(first["predictions"][0]) not in answer["error"]
    assert [row["entity"] for row in rows()] == ["somebody"]
    status, answer, _ = gateway.predict({"instances": [{"ENTITY": "b"}]}, {"Idempotency-Key": "k-1"})
    assert (status, "instances[0]: field 'KEY'" in answer["error"]) == (409, True)


def test_the_same_key_on_another_stage_is_scored_there(gateway, rows, tmp_path, model_server, records_url):
    from integration.serving.conftest import running_gateway

    gateway.predict({"instances": [APPLICANT]})
    (tmp_path / "two").mkdir()
    with running_gateway(tmp_path / "two", model_server, records_url("shipway_gateway"), stage="test") as other:
        status, answer, _ = other.predict({"instances": [{**APPLICANT, "LOAN": 900}]})
    assert (status, answer["shipway"]["repeated"]) == (200, [False])
    assert [(row["stage"], row["key"]) for row in rows()] == [("production", "k-1"), ("test", "k-1")]
    assert answer["predictions"] == [rows()[1]["score"]]


def test_columns_are_scored_like_rows(gateway, rows):
    columns = {"ENTITY": ["a", "b"], "LOAN": [100, None], "DEBTINC": [[30.5], [1]], "JOB": ["Mgr", None]}
    status, answer, _ = gateway.predict({"inputs": columns})
    assert status == 200, answer
    assert answer["outputs"] == [row["score"] for row in sorted(rows(), key=lambda row: row["entity"])]
    again = gateway.predict({"instances": [APPLICANT]})[1]
    assert again["predictions"] == answer["outputs"][:1]


def test_headers_stand_in_for_the_fields_of_one_instance(gateway, rows):
    headers = {"X-Shipway-Entity": "h", "Idempotency-Key": "hk", "X-Shipway-Business-Time": "2026-01-02T03:04:05+01:00"}
    status, answer, _ = gateway.predict({"instances": [{"LOAN": 1}]}, headers)
    assert status == 200, answer
    (row,) = rows()
    assert (row["entity"], row["key"], row["business_time"].isoformat()) == ("h", "hk", "2026-01-02T02:04:05+00:00")


def test_missing_values_may_be_null_nan_or_left_out(gateway, rows):
    body = b'{"instances": [{"ENTITY": 1, "LOAN": NaN}, {"ENTITY": 2, "LOAN": null, "JOB": null}, {"ENTITY": 3}]}'
    status, answer, _ = gateway.predict(body)
    assert status == 200, answer
    assert len(set(answer["predictions"])) == 1
    assert [row["features"] for row in rows()] == [{"DEBTINC": None, "JOB": "", "LOAN": None}] * 3


def test_a_score_that_is_no_number_is_neither_given_nor_written(gateway, rows):
    status, answer, _ = gateway.predict({"instances": [APPLICANT, {"ENTITY": "b", "LOAN": 666.0}]})
    assert status == 502
    assert "instances[1]" in answer["error"]
    assert rows() == []


def test_golden_requests_are_kept_apart(gateway, rows):
    status, answer, _ = gateway.predict(
        {"instances": [{"JOB": ""}, {"LOAN": 1, "DEBTINC": 2.5, "JOB": "Mgr"}]}, {"X-Shipway-Origin": "golden"}
    )
    assert status == 200, answer
    assert sorted((row["origin"], row["entity"]) for row in rows()) == [("golden", "golden-1"), ("golden", "golden-2")]


def test_who_claims_to_be_golden_and_is_not_is_refused(gateway, rows):
    status, answer, _ = gateway.predict({"instances": [{"LOAN": 2}]}, {"X-Shipway-Origin": "golden"})
    assert status == 409
    assert "hmeq-r1" in answer["error"]
    assert rows() == []


def test_questions_about_the_model_pass_through(gateway):
    from integration.serving import world

    status, answer, _ = world.ask(gateway.port, "GET", "/v1/models/hmeq")
    assert (status, answer["model_version_status"][0]["state"]) == (200, "AVAILABLE")
    status, answer, _ = world.ask(gateway.port, "GET", "/v1/models/hmeq/versions/7/metadata")
    assert (status, answer["model_spec"]["version"]) == (200, "7")
    assert world.ask(gateway.port, "GET", "/v1/models/other")[0] == 404
    assert gateway.health()[0] == 200
