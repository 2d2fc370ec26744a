import pytest
from integration.steps.planting import AS_OF, KNOWN, OCCURRED, SCORED, field_data, release

pytestmark = pytest.mark.slow
BEFORE_KNOWN = "2026-02-24T00:00:00+00:00"


@pytest.fixture
def measured(quick):
    release(quick)
    field_data(quick, score=lambda income: income)
    return quick


def test_a_measurement_of_the_same_time_stays_whatever_becomes_known(measured):
    first = measured.run("measure", as_of=AS_OF)
    assert (first["verdict"], first["measured"]["ks"], first["measured"]["goods"]) == ("healthy", 1.0, 120)
    field_data(measured, score=lambda income: 1 - income, prefix="L", number=40)
    again = measured.run("measure", as_of=AS_OF)
    assert {**again, "repaired": ""} == {**first, "repaired": ""}
    assert len(measured.state()["performance"]) == 1


def test_a_time_that_has_passed_does_not_know_later_outcomes(measured):
    assert SCORED < OCCURRED < KNOWN
    measured.run("measure", as_of=AS_OF)
    then = measured.run("measure", as_of=BEFORE_KNOWN)
    assert (then["verdict"], then["measured"]["scored"], then["measured"]["goods"]) == ("insufficient", 240, 0)
    stored = measured.state()["performance"]
    assert [(row["as_of"][:10], row["ks"], row["verdict"]) for row in stored] == [
        ("2026-02-24", None, "insufficient"),
        ("2026-03-01", 1.0, "healthy"),
    ]


def test_a_score_that_is_no_number_is_named_and_never_stored(measured):
    field_data(measured, score=lambda income: float("nan"), prefix="N", number=2)
    failure = measured.start("measure", as_of=AS_OF).failure()
    assert "is not a finite number" in failure.text
    assert measured.state()["performance"] == []


def test_scores_of_another_stage_neither_measure_nor_teach(measured):
    field_data(measured, score=lambda income: 1 - income, prefix="T", stage="test")
    assert measured.run("measure", as_of=AS_OF)["measured"]["scored"] == 240
    taken = measured.run("take_snapshot", champion=1, as_of=AS_OF)
    (about,) = [file for file in (measured.folder / "var" / "snapshots").glob(f"{taken['digest'][7:]}.parquet")]
    from pyarrow import parquet

    assert {who[0] for who in parquet.read_table(about)["entity"].to_pylist()} == {"D", "F"}


def test_the_alias_follows_the_records(measured):
    assert measured.aliases()["champion"] is None
    assert "champion: none → 1" in measured.run("measure", as_of=AS_OF)["repaired"]
    away = "the champion's traffic could not be checked (TargetUnavailable)"
    assert measured.run("measure", as_of=AS_OF)["repaired"] == [away]
    assert measured.aliases()["champion"] == 1
