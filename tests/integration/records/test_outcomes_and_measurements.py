import concurrent.futures
import dataclasses

import pytest

from shipway.errors import RecordsError, RecordsUnavailable
from shipway.records import deliveries, outcomes, performance, retrains
from shipway.records.database import Records


def test_outcomes_are_added_once(records, day):
    rows = [("a", 0, day(1), day(2)), ("b", 1, day(1), day(2)), ("a", 0, day(1), day(2))]
    assert outcomes.add_outcomes(records, "credit_line", rows, "first.csv") == 2
    assert outcomes.add_outcomes(records, "credit_line", rows, "again.csv") == 0
    assert outcomes.add_outcomes(records, "other", rows, "first.csv") == 2


def test_a_correction_is_a_row_of_its_own(records, day):
    outcomes.add_outcomes(records, "credit_line", [("a", 0, day(1), day(2))], "x")
    assert outcomes.add_outcomes(records, "credit_line", [("a", 1, day(1), day(3))], "x") == 1
    assert count(records) == 2


def test_no_outcomes_are_no_error(records):
    assert outcomes.add_outcomes(records, "credit_line", [], "x") == 0


def test_odd_names_arrive_as_they_are(records, day):
    names = ["tab\there", "line\nbreak", "back\\slash", "\\N", "quote'", "ünïcode", "%s"]
    outcomes.add_outcomes(records, "credit_line", [(name, 1, day(1), day(1)) for name in names], "x")
    with records.transaction() as connection:
        rows = connection.execute("SELECT entity FROM shipway.outcome ORDER BY id").fetchall()
    assert sorted(row["entity"] for row in rows) == sorted(names)


def test_many_outcomes_come_as_a_stream(records, day):
    many = ((f"e{number}", number % 2, day(1), day(2)) for number in range(20_000))
    assert outcomes.add_outcomes(records, "credit_line", many, "x") == 20_000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({1: 2}, "Outcome 2: bad: expected 0 or 1, found 2"),
        ({1: "1"}, "bad: expected 0 or 1, found '1'"),
        ({1: None}, "bad: expected 0 or 1, found None"),
        ({0: ""}, "entity: expected a text"),
        ({0: 7}, "entity: expected a text"),
        ({2: None}, "occurred_at: expected a time with a zone"),
        ({3: "2026-01-01"}, "known_at: expected a time with a zone"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_added(records, day, change, problem):
    wrong = [change.get(place, value) for place, value in enumerate(("a", 1, day(1), day(2)))]
    with pytest.raises(RecordsError, match=problem):
        outcomes.add_outcomes(records, "credit_line", [("b", 0, day(1), day(2)), tuple(wrong)], "x")
    assert count(records) == 0


def test_the_truth_is_not_known_before_it_occurs(records, day):
    with pytest.raises(RecordsError, match="known_at lies before occurred_at"):
        outcomes.add_outcomes(records, "credit_line", [("a", 1, day(2), day(1))], "x")


def test_the_same_outcomes_from_many_sides_are_added_once(records, day):
    rows = [(f"e{number}", number % 2, day(1), day(2)) for number in range(300)]
    orders = [rows, rows[::-1]] * 4
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda order: outcomes.add_outcomes(records, "credit_line", order, "x"), orders))
    assert sum(added) == count(records) == 300


def count(records):
    with records.transaction() as connection:
        return connection.execute("SELECT count(*) AS n FROM shipway.outcome").fetchone()["n"]


@pytest.fixture
def measured(day):
    return performance.Performance(
        model="credit_line",
        version=2,
        stage="production",
        window_start=day(0),
        window_end=day(90),
        as_of=day(90),
        scored=100,
        goods=60,
        bads=20,
        bad_rate=0.25,
        ks=0.1 + 0.2,
        auc=2 / 3,
        gini=1 / 3,
        verdict="underperforming",
        thresholds={"ks_minimum": 0.45},
    )


def test_the_first_measurement_stays(records, measured):
    assert performance.save(records, measured) == measured
    later = dataclasses.replace(measured, ks=0.9, verdict="healthy")
    assert performance.save(records, later) == measured
    assert performance.history(records, "credit_line") == [measured]


def test_what_could_not_be_measured_is_none(records, measured):
    nothing = dataclasses.replace(measured, ks=None, auc=None, gini=None, bad_rate=None, verdict="insufficient")
    assert performance.save(records, nothing) == nothing


@pytest.mark.parametrize(
    "change", [{"version": 1}, {"stage": "test"}, {"model": "other"}, {"window_start": 1}, {"as_of": 91}]
)
def test_another_measurement_is_another_row(records, measured, day, change):
    change = {key: day(value) if key in ("window_start", "as_of") else value for key, value in change.items()}
    performance.save(records, measured)
    other = dataclasses.replace(measured, **change, ks=0.5)
    assert performance.save(records, other) == other


def test_history_is_told_by_time_and_version(records, measured, day):
    rows = [dataclasses.replace(measured, version=v, as_of=day(d)) for v, d in [(2, 92), (1, 91), (2, 90), (1, 92)]]
    for row in rows:
        performance.save(records, row)
    found = performance.history(records, "credit_line")
    assert [(row.as_of, row.version) for row in found] == [(day(90), 2), (day(91), 1), (day(92), 1), (day(92), 2)]
    assert {row.version for row in performance.history(records, "credit_line", 1)} == {1}


def test_one_run_claims_a_retrain(records, day):
    why = {"model": "credit_line", "champion": 2, "cause": "ks", "as_of": day(1)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: retrains.claim(records, **why, run_id=f"r{number}"), range(8)))
    assert sum(won) == 1
    winner = f"r{won.index(True)}"
    assert retrains.claim(records, **why, run_id=winner)
    assert not retrains.claim(records, **why, run_id="late")
    assert retrains.claim(records, **{**why, "champion": 3, "as_of": day(9)}, run_id="late")
    assert [row["run_id"] for row in retrains.of_model(records, "credit_line")] == [winner, "late"]
    assert retrains.last(records, "credit_line")["as_of"] == day(9)


def test_a_retrain_ends_with_a_decision(records, day):
    which = {"model": "credit_line", "champion": 2, "cause": "ks"}
    retrains.claim(records, **which, run_id="r", as_of=day(1))
    retrains.finish(records, **which, decision="rejected", challenger=None, detail={"ks": 0.4})
    retrains.finish(records, **which, decision="rejected", challenger=None, detail={"ks": 0.4})
    row = retrains.last(records, "credit_line")
    assert (row["decision"], row["challenger"], row["detail"]) == ("rejected", None, {"ks": 0.4})
    assert row["finished_at"] >= row["claimed_at"]


def test_nobody_finishes_what_nobody_claimed(records):
    assert retrains.last(records, "credit_line") is None
    with pytest.raises(RecordsError, match="no retrain of credit_line version 1 because of 'ks'"):
        retrains.finish(
            records, model="credit_line", champion=1, cause="ks", decision="accepted", challenger=2, detail={}
        )


def test_deliveries_are_told_newest_first(records):
    for number in range(3):
        deliveries.note(
            records,
            model="credit_line",
            run_id=f"r{number}",
            event="underperforming",
            audience="IT",
            channel="teams",
            ok=number != 1,
            error="" if number != 1 else "HTTP 500",
        )
    found = deliveries.recent(records, "credit_line", 2)
    assert [(row["run_id"], row["ok"], row["error"]) for row in found] == [("r2", True, ""), ("r1", False, "HTTP 500")]
    assert deliveries.recent(records, "other", 9) == []


def test_a_failed_transaction_leaves_nothing(records):
    with pytest.raises(ZeroDivisionError):
        half_way(records)
    with records.transaction() as connection:
        assert connection.execute("SELECT count(*) AS n FROM shipway.lease").fetchone() == {"n": 0}


def half_way(records):
    with records.transaction() as connection:
        connection.execute("INSERT INTO shipway.lease VALUES ('m', 's', 'h', 1, now())")
        raise ZeroDivisionError


def test_no_connection_stays_open(records, database):
    retrains.last(records, "credit_line")
    with Records(database).transaction() as connection:
        query = (
            "SELECT count(*) AS n FROM pg_stat_activity"
            " WHERE usename = 'shipway_tasks' AND datname = current_database()"
        )
        assert connection.execute(query).fetchone() == {"n": 0}


def test_a_statement_that_takes_too_long_is_stopped(records_url):
    impatient = Records(records_url("shipway_tasks"), statement_timeout=1)
    with pytest.raises(RecordsUnavailable, match="took longer than it may"), impatient.transaction() as connection:
        connection.execute("SELECT pg_sleep(30)")


def test_a_connection_that_breaks_is_told(records, database):
    with pytest.raises(RecordsUnavailable):
        break_half_way(records, Records(database))


def break_half_way(records, admin):
    with records.transaction() as connection:
        with admin.transaction() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")
