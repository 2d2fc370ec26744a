"""Every step that needs no target: killed at each of its points and run again, it leaves what one run leaves."""

import json

import pytest
from integration.steps.planting import AS_OF, field_data, release, weigh
from integration.steps.steps_world import STAGE

POINTS = [
    ("prebuild", "prebuild.replayed"),
    ("prebuild", "prebuild.kept"),
    ("build", "build.written"),
    ("gather", "approve.opened"),
    ("record_answer", "approve.recorded"),
    ("measure", "measure.saved"),
    ("measure", "alias.moved"),
    ("begin", "begin.claimed"),
    ("take_snapshot", "snapshot.written"),
    ("train", "train.fitted"),
    ("train", "train.kept"),
    ("register", "register.leased"),
    ("register", "register.checked"),
    ("register", "register.registered"),
    ("register", "register.proposed"),
    ("register", "register.finished"),
]


def arguments(step, done):
    """What a task gives its step, out of the results of those before it."""
    built = {**done.get("prebuild", {}), **done.get("build", {})}
    retrain = {"snapshot": done.get("take_snapshot", {}).get("digest"), **done.get("train", {})}
    retrain.pop("metrics", None)
    return {
        "prebuild": {"version": 1},
        "build": {"prebuilt": done.get("prebuild")},
        "gather": {"stage": STAGE, "built": built, "requested_by": "run-1"},
        "record_answer": {"evidence": done.get("gather"), "run_id": "run-1", "answer": answer()},
        "measure": {"as_of": AS_OF},
        "begin": {"cause": "ks", "as_of": AS_OF, "run_id": "retrain-1"},
        "take_snapshot": {"champion": 1, "as_of": AS_OF},
        "train": {"snapshot": retrain["snapshot"]},
        "evaluate": {**retrain, "champion": 1},
        "register": {
            **retrain, "begun": done.get("begin"), "comparison": done.get("evaluate"), "run_id": "retrain-1"
        },
    }[step]  # fmt: skip


def answer():
    user = {"id": "validator", "name": "Vera"}
    return {
        "chosen_options": ["Approve"], "params_input": {"reason": "good"}, "responded_by_user": user,
        "responded_at": "2026-03-01T10:00:00+00:00",
    }  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(trained, copied):
    """Each step of a run that nothing disturbs: the home before it, its arguments, its result, and what it left."""
    home = copied(trained)
    release(home)
    field_data(home)
    weigh(home, income=4.0)
    steps, done = {}, {}
    for step in arguments_order():
        given, before = arguments(step, done), copied(home)
        done[step] = home.run(step, **given)
        steps[step] = (before, at(given, home, before), at(done[step], home, before), home.state())
    return steps


def arguments_order():
    return [
        "prebuild", "build", "gather", "record_answer", "measure", "begin", "take_snapshot", "train", "evaluate",
        "register",
    ]  # fmt: skip


def at(value, home, other):
    """The same value in another home."""
    return json.loads(json.dumps(value).replace(str(home.folder), str(other.folder)))


@pytest.mark.slow
@pytest.mark.parametrize(("step", "point"), POINTS)
def test_a_killed_step_that_runs_again_leaves_what_one_run_leaves(undisturbed, copied, step, point):
    before, given, result, state = undisturbed[step]
    home = copied(before)
    home.killed(point, step, **at(given, before, home))
    again = home.run(step, **at(given, before, home))
    assert told(again) == told(at(result, before, home))
    assert home.state() == state


def told(result):
    """What a step says, but for what it had to repair."""
    return {name: value for name, value in result.items() if name != "repaired"}


@pytest.mark.slow
def test_the_undisturbed_run_did_what_a_run_does(undisturbed):
    state = undisturbed["register"][3]
    assert list(state["versions"]) == ["1", "2"]
    assert state["aliases"] == {"champion": 1, "challenger": 2}
    assert [row["decision"] for row in state["approvals"]] == ["approved"]
    assert [(row["verdict"], row["goods"], row["bads"]) for row in state["performance"]] == [
        ("underperforming", 120, 120)
    ]
    assert [(row["decision"], row["challenger"]) for row in state["retrains"]] == [("accepted", 2)]
    assert any("contexts/1-" in file for file in state["files"])
