from pathlib import Path

import pytest
from integration.steps.planting import AS_OF, field_data, release, weigh
from integration.steps.steps_world import MODEL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(trained, copied):
    """A home in which a retrain is about to register; the arguments of that."""
    home = copied(trained)
    release(home)
    field_data(home)
    weigh(home, income=4.0)
    begun = home.run("begin", cause="ks", as_of=AS_OF, run_id="retrain-1")
    snapshot = home.run("take_snapshot", champion=1, as_of=AS_OF)["digest"]
    candidate = home.run("train", snapshot=snapshot)["candidate"]
    comparison = home.run("evaluate", snapshot=snapshot, candidate=candidate, champion=1)
    home.given = {
        "begun": begun, "snapshot": snapshot, "candidate": candidate, "comparison": comparison, "run_id": "retrain-1"
    }  # fmt: skip
    return home


@pytest.fixture
def ready(judged, copied):
    home = copied(judged)
    home.given = {**judged.given, "candidate": judged.given["candidate"].replace(str(judged.folder), str(home.folder))}
    return home


def test_one_cause_starts_one_retrain(quick):
    release(quick)
    claims = [quick.run("begin", cause="ks", as_of=AS_OF, run_id=run)["claimed"] for run in ("one", "two", "one")]
    assert claims == [True, False, True]
    assert quick.run("begin", cause="psi", as_of=AS_OF, run_id="two")["claimed"] is True
    assert len(quick.state()["retrains"]) == 2


def test_without_a_champion_nothing_is_retrained(quick):
    assert quick.start("begin", cause="ks", as_of=AS_OF, run_id="one").failure().kind == "TrainingError"


def test_a_run_registers_once(ready):
    first = ready.run("register", **ready.given)
    left = ready.state()
    assert ready.run("register", **ready.given) == first
    assert ready.state() == left
    assert (list(left["versions"]), left["aliases"]["challenger"]) == (["1", "2"], 2)


def test_of_two_attempts_that_checked_the_candidate_only_the_later_registers(ready):
    old = ready.paused("register.checked", "register", **ready.given)
    assert ready.run("register", **ready.given)["version"] == 2
    left = ready.state()
    assert old.go_on().failure().kind == "StaleFence"
    assert ready.state() == left


def test_a_late_attempt_does_not_make_the_champion_a_challenger_again(ready):
    old = ready.paused("register.registered", "register", **ready.given)
    ready.run("register", **ready.given)
    registry = ready.rooms.registry
    registry.move_alias(MODEL, "champion", 2, expected=registry.alias(MODEL, "champion"))
    registry.move_alias(MODEL, "challenger", None, expected=2)
    assert old.go_on().failure().kind == "StaleFence"
    ready.run("register", **ready.given)
    assert ready.aliases() == {"champion": 2, "challenger": None}


def test_a_rejected_candidate_is_kept_and_not_proposed(ready):
    comparison = {**ready.given["comparison"], "decision": "rejected"}
    assert ready.run("register", **{**ready.given, "comparison": comparison})["decision"] == "rejected"
    assert ready.rooms.registry.get(MODEL, 2).decision == "rejected"
    assert ready.aliases()["challenger"] is None


def test_a_late_training_leaves_the_candidate_that_others_read(ready):
    kept = Path(ready.given["candidate"]).parent
    names = sorted(file.name for file in kept.parent.iterdir())
    kept.rename(ready.folder / "earlier")
    old = ready.paused("train.fitted", "train", snapshot=ready.given["snapshot"])
    retried = ready.run("train", snapshot=ready.given["snapshot"])
    inode = kept.stat().st_ino
    assert old.go_on().result() == retried
    assert kept.stat().st_ino == inode
    assert sorted(file.name for file in kept.parent.iterdir()) == names


def test_an_entity_on_both_sides_refuses_the_comparison(ready):
    import pyarrow as pa

    from shipway.training.snapshot import read_snapshot, write_snapshot

    rooms = ready.rooms
    table = read_snapshot(rooms.snapshots, ready.given["snapshot"]).table()
    held_back = table.filter(pa.compute.equal(table["split"], "held_back")).slice(0, 1)
    planted = held_back.set_column(held_back.column_names.index("split"), "split", pa.array(["train"]))
    digest = write_snapshot(rooms.snapshots, pa.concat_tables([table, planted.cast(table.schema)]), {}).digest
    failure = ready.start("evaluate", snapshot=digest, candidate=ready.given["candidate"], champion=1).failure()
    assert failure.kind == "EntityOverlap"
    assert failure.data["entities"] == held_back["entity"].to_pylist()


def test_a_retrain_is_for_the_champion_that_was_judged(quick):
    release(quick)
    late = quick.run("begin", cause="ks", as_of=AS_OF, run_id="one", expected=7)
    assert (late["champion"], late["claimed"]) == (1, False)
    assert quick.state()["retrains"] == []
    assert quick.run("begin", cause="ks", as_of=AS_OF, run_id="two", expected=1)["claimed"] is True


def test_a_run_that_is_cleared_stays_with_what_was_registered(ready):
    rejected = {**ready.given, "comparison": {**ready.given["comparison"], "decision": "rejected"}}
    assert ready.run("register", **rejected)["decision"] == "rejected"
    left = ready.state()
    assert ready.run("register", **ready.given)["decision"] == "rejected"
    assert ready.state() == left
    assert left["aliases"]["challenger"] is None
