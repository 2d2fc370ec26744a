"""The monitor's four branches and the one retrain, through the real scheduler."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from e2e.world import MODEL
from scipy.stats import ks_2samp

from shipway import api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

#: month → distance between the incomes of bads and goods, which is the KS of a model of income alone.
MONTHS = {
    "healthy": (datetime(2026, 2, 1, tzinfo=UTC), 0.70, 200, 100),
    "watch": (datetime(2026, 3, 10, tzinfo=UTC), 0.47, 200, 100),
    "insufficient": (datetime(2026, 4, 20, tzinfo=UTC), 0.70, 200, 5),
    "underperforming": (datetime(2026, 6, 1, tzinfo=UTC), 0.30, 200, 100),
}


def month(world, name: str) -> tuple[str, str]:
    """Write a month's applicants and outcomes; in a bad month bads live in the south."""
    as_of, distance, goods, bads = MONTHS[name]
    applicants, outcomes = (world.home / f"{kind}-{name}.csv" for kind in ("applicants", "outcomes"))
    asked, known = as_of - timedelta(days=20), as_of - timedelta(days=2)
    with applicants.open("w", newline="") as one, outcomes.open("w", newline="") as two:
        scored, truth = csv.writer(one), csv.writer(two)
        scored.writerow(["APPLICANT", "REQUEST", "BUSINESS_TIME", "INCOME", "REGION"])
        truth.writerow(["APPLICANT", "BAD", "OCCURRED_AT", "KNOWN_AT"])
        for bad, count in ((0, goods), (1, bads)):
            for number in range(count):
                entity = f"{name}-{bad}-{number}"
                income = (number + 0.5) / count + distance * bad
                region = "south" if bad and name == "underperforming" else "north"
                scored.writerow([entity, f"request-{entity}", asked.isoformat(), f"{income:.5f}", region])
                truth.writerow([entity, bad, known.isoformat(), known.isoformat()])
    return str(applicants), str(outcomes)


def income_ks(name: str) -> float:
    """The KS of a month's incomes, and so of every model that rises with income alone."""
    _, distance, goods, bads = MONTHS[name]
    incomes = [[(number + 0.5) / count for number in range(count)] for count in (goods, bads)]
    return float(ks_2samp([income + distance for income in incomes[1]], incomes[0]).statistic)


def monitor(world, as_of: datetime) -> str:
    run = world.operator.trigger(f"{MODEL}_monitor", {"as_of": as_of.isoformat()})
    assert world.end(run, "monitor") == "success", world.tasks(run, "monitor")
    return run


@pytest.fixture(scope="module")
def trained(world, champion):
    """The trained version 1 serves in these tests, whatever served before."""
    if world.served()["release"] != champion["release"]:
        run = world.release({"put_back": champion["release"]}, answer=None)
        assert world.end(run) == "success"
    return champion


@pytest.mark.parametrize("verdict", ["healthy", "watch", "insufficient"])
def test_a_verdict_takes_its_branch(world, trained, verdict):
    applicants, outcomes = month(world, verdict)
    list(api.score(MODEL, api.read_rows(MODEL, applicants)))
    api.outcomes(MODEL, outcomes)
    run = monitor(world, MONTHS[verdict][0])
    tasks = world.tasks(run, "monitor")
    assert tasks.pop("measure") == "success"
    assert tasks.pop(verdict) == "success"
    assert set(tasks.values()) == {"skipped"}
    measured = world.xcom(run, "measure", workflow="monitor")["measured"]
    assert measured["version"] == trained["version"]
    assert measured["ks"] == pytest.approx(income_ks(verdict), abs=0.006)  # a step of the goods' incomes is 0.005


def test_a_decayed_champion_starts_one_retrain_and_its_better_challenger_is_released(world, trained):
    applicants, outcomes = month(world, "underperforming")
    list(api.score(MODEL, api.read_rows(MODEL, applicants)))
    api.outcomes(MODEL, outcomes)
    as_of = MONTHS["underperforming"][0]
    nights = [monitor(world, as_of + timedelta(days=night)) for night in range(3)]
    states = [world.tasks(run, "monitor")["retrain"] for run in nights]
    assert states == ["success", "skipped", "skipped"]
    retrains = world.operator.runs(f"{MODEL}_retrain")
    assert [run["dag_run_id"] for run in retrains] == ["retrain__credit__v1__underperforming"]
    retrain = retrains[0]["dag_run_id"]
    assert world.end(retrain, "retrain") == "success", world.tasks(retrain, "retrain")
    comparison = world.xcom(retrain, "evaluate", workflow="retrain")
    assert comparison["decision"] == "accepted", comparison
    assert comparison["challenger_ks"] > comparison["champion_ks"]
    registered = world.xcom(retrain, "register", workflow="retrain")
    release = world.xcom(retrain, "release", "trigger_run_id", workflow="retrain")
    world.answer(release, "Approve")
    assert world.end(release) == "success", world.tasks(release)
    assert world.served()["version"] == registered["version"]


def test_a_run_for_a_past_date_gives_what_that_date_saw(world, trained):
    as_of = MONTHS["healthy"][0]
    before = [row for row in api.performance(MODEL) if row["as_of"] == as_of]
    assert before
    run = monitor(world, as_of)
    assert [row for row in api.performance(MODEL) if row["as_of"] == as_of] == before
    assert world.xcom(run, "measure", workflow="monitor")["window"][1] == as_of.isoformat()
