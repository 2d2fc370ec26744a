"""What is refused before anything happens: releases without the very approval that they need."""

import pytest
from integration.steps.planting import release
from integration.steps.steps_world import NO, STAGE, Failed

pytestmark = pytest.mark.slow
BUILT = {"image": "images@sha256:" + "2" * 64, "image_digest": "sha256:" + "2" * 64, "golden": {}}


def evidence(home, **changed):
    built = {**home.built, **BUILT, **changed}
    return home.run("gather", stage=STAGE, built=built, requested_by="run-1")


def refused(home, release_id, **more):
    before = home.state()
    failure = home.start("deploy", release_id=release_id, run_id="run-1", **more).failure()
    assert home.state() == before
    return failure


def test_a_release_that_nobody_was_asked_about_is_not_deployed(quick):
    one = evidence(quick)["release"]
    assert refused(quick, one).kind == "ApprovalMissing"
    assert refused(quick, one, put_back=True).kind == "ApprovalMissing"


@pytest.mark.parametrize(("option", "by"), [(NO, "validator"), ("Approve", None)])
def test_a_no_and_a_silence_are_no_approval(quick, option, by):
    seen = evidence(quick)
    quick.approve(seen, run_id="run-1", option=option, by=by)
    failure = refused(quick, seen["release"])
    assert (failure.kind, failure.data["decision"]) == ("ApprovalMissing", "rejected" if by else "unanswered")
    assert refused(quick, seen["release"], put_back=True).kind == "ApprovalMissing"


def test_the_approval_of_another_image_does_not_count(quick):
    quick.approve(evidence(quick), run_id="run-1")
    other = "sha256:" + "3" * 64
    assert refused(quick, evidence(quick, image_digest=other, image=f"images@{other}")["release"]).kind == (
        "ApprovalMissing"
    )


def test_the_approval_under_another_spec_does_not_count(quick):
    quick.approve(evidence(quick), run_id="run-1")
    spec = quick.folder / "models" / "credit" / "model.yaml"
    spec.write_text(spec.read_text().replace("steps: [10, 50, 100]", "steps: [100]"))
    assert refused(quick, evidence(quick)["release"]).kind == "ApprovalMissing"


def test_the_approval_of_another_stage_does_not_count(quick):
    file = quick.folder / "environment.yaml"
    test = "  - name: test\n    approval: {approvers: [validator], timeout_seconds: 60}\n"
    file.write_text(file.read_text().replace("stages:\n", f"stages:\n{test}"))
    built = {**quick.built, **BUILT}
    quick.approve(quick.run("gather", stage="test", built=built, requested_by="run-1"), run_id="run-1")
    assert refused(quick, evidence(quick)["release"]).kind == "ApprovalMissing"


def test_an_approval_against_another_champion_asks_again(quick):
    seen = evidence(quick)
    quick.approve(seen, run_id="run-1")
    champion = release(quick).id
    failure = refused(quick, seen["release"])
    assert failure.kind == "ChampionChanged"
    assert (failure.data["approved_against"], failure.data["champion"]) == (None, champion)
    quick.approve(evidence(quick), run_id="run-1", at="2026-03-01T11:00:00+00:00")
    assert refused(quick, seen["release"]).kind == "TargetUnavailable"  # approved; but no supervisor runs here


def test_who_registered_a_version_cannot_approve_it(quick):
    with pytest.raises(Failed, match="scientist registered version 1 and cannot approve it"):
        quick.approve(evidence(quick), run_id="run-1", by="scientist")
    assert quick.state()["approvals"] == []
