"""Releases through the real scheduler, API server and PostgreSQL."""

import json
import shutil
import time

import pytest
from e2e.world import APPROVE, MODEL, World

from shipway import api
from shipway.cli.embedded.rest import AirflowApi
from shipway.records import approvals
from shipway.registry.manifest import GOLDEN_FILE, MODEL_FOLDER, Proposal, lay_out

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def nothing_changed(world: World, before: dict) -> None:
    assert world.served() == before
    assert api.open_rooms(MODEL).registry.alias(MODEL, "champion") == before["version"]


def test_an_approved_release_serves_and_its_approval_binds_the_evidence(world, champion):
    run = world.first_run
    outcome = world.xcom(run, "outcome")
    assert outcome["outcome"] == "promoted"
    assert champion["image_digest"] == world.xcom(run, "build")["image_digest"]
    evidence = world.xcom(run, APPROVE, "evidence")
    found = approvals.latest(api.open_rooms(MODEL).records, approvals.evidence_digest(evidence["binding"]))
    assert (found.decision, found.responder, found.reason) == ("approved", "validator", "tested")
    assert outcome["alias"] == "champion: none → 1"


def test_a_rejected_release_ends_well_and_changes_nothing(world, champion):
    before = world.served()
    run = world.release({"version": world.register("steeper")}, answer="Reject")
    assert world.end(run) == "success"
    outcome = world.xcom(run, "outcome")
    assert (outcome["outcome"], outcome["by"], outcome["reason"]) == ("rejected", "validator", "tested")
    assert world.tasks(run)["production.deploy"] == "skipped"
    nothing_changed(world, before)


def test_no_answer_in_time_means_no(world, champion):
    before = world.served()
    run = world.release({"version": world.register("steeper")}, answer=None)
    assert world.end(run) == "success"
    assert world.xcom(run, "outcome")["outcome"] == "nobody answered"
    nothing_changed(world, before)


def test_who_registered_a_version_cannot_approve_it(world, champion):
    run = world.release({"version": world.register("steeper", by="validator")}, answer=None)
    assert world.parked(run) == "awaiting_input"
    time.sleep(4)
    refused = world.as_user["validator"].answer(f"{MODEL}_release", run, APPROVE, option="Approve", reason="mine")
    assert refused.status_code == 403
    admin = world.as_user["admin"].answer(f"{MODEL}_release", run, APPROVE, option="Approve", reason="I may all")
    assert admin.status_code == 403
    world.answer(run, "Reject", by="scientist")
    assert world.end(run) == "success"
    assert world.xcom(run, "outcome")["by"] == "scientist"


def test_a_task_marked_successful_by_hand_is_no_approval(world, champion):
    before = world.served()
    run = world.release({"version": world.register("flatter")}, answer=None)
    assert world.parked(run) == "awaiting_input"
    path = f"/dags/{MODEL}_release/dagRuns/{run}/taskInstances/{APPROVE}"
    marked = world.as_user["admin"].call("PATCH", path, json={"new_state": "success"})
    assert marked.ok, marked.text
    assert world.end(run) == "failed"
    assert world.tasks(run)["production.deploy"] == "failed"
    assert "no approval" in world.log(run, "production.deploy").lower()
    nothing_changed(world, before)


def broken(world: World, kind: str) -> int:
    """Register a bad version past all checks, as somebody with access to the store could."""
    registry = api.open_rooms(MODEL).registry
    source = world.home / f"broken-{kind}"
    registry.download(MODEL, 1, source / "good")
    directory = source / "version"
    directory.mkdir()
    golden = json.loads((source / "good" / GOLDEN_FILE).read_text())
    saved_model = source / "good" / MODEL_FOLDER
    if kind == "broken":
        (saved_model / "saved_model.pb").write_bytes(b"not a SavedModel")
    if kind == "signature":
        saved_model = world.made / "other_names"
    if kind == "golden":
        golden[0]["score"] += 0.01
    lay_out(saved_model, {"inputs": {}, "outputs": {}}, golden, directory)
    proposal = Proposal(registered_by="scientist", registered_at="2026-01-01T00:00:00+00:00")
    return registry.register(MODEL, directory, proposal).version


def test_a_bad_version_fails_before_anybody_is_asked(world, champion):
    before = world.served()
    words = {"broken": "does not load", "signature": "'INCOME' of the spec is missing", "golden": "Golden request 0"}
    runs = {kind: world.release({"version": broken(world, kind)}, answer=None) for kind in words}
    for kind, run in runs.items():
        assert world.end(run) == "failed"
        assert world.tasks(run)["prebuild"] == "failed"
        assert words[kind] in world.log(run, "prebuild"), kind
        assert words[kind] in world.xcom(run, "prebuild", "error"), kind
        assert world.tasks(run)[APPROVE] == "upstream_failed"
    nothing_changed(world, before)


def test_an_image_that_was_altered_after_its_approval_never_serves(world, champion):
    before = world.served()
    version = world.register("flatter")
    run = world.release({"version": version}, answer=None)
    assert world.parked(run) == "awaiting_input"
    layout, _, digest = world.xcom(run, "build")["image"].partition("@sha256:")
    blobs = world.home / layout / "blobs" / "sha256"
    layer = json.loads((blobs / digest).read_text())["layers"][0]["digest"].removeprefix("sha256:")
    content = bytearray((blobs / layer).read_bytes())
    content[len(content) // 2] ^= 1
    (blobs / layer).chmod(0o644)
    (blobs / layer).write_bytes(bytes(content))
    world.answer(run, "Approve")
    assert world.end(run) == "failed"
    assert world.tasks(run)["production.deploy"] == "failed"
    assert layer[:12] in world.log(run, "production.deploy")
    nothing_changed(world, before)
    (blobs / layer).unlink()  # the next build of this version makes it anew


def test_two_releases_started_together_never_mix_and_the_second_is_asked_again(world, champion):
    first_version, second_version = world.register("steeper"), world.register("flatter")
    first = world.release({"version": first_version}, answer=None)
    second = world.release({"version": second_version}, answer=None)
    world.parked(first)
    world.parked(second)
    world.answer(first, "Approve")
    world.answer(second, "Approve")
    assert world.end(first) == "success"
    assert world.end(second) == "success"
    outcomes = {run: world.xcom(run, "outcome") for run in (first, second)}
    assert sorted(one["outcome"] for one in outcomes.values()) == ["asked again", "promoted"]
    late = next(run for run, one in outcomes.items() if one["outcome"] == "asked again")
    again = f"{late}__again"
    world.answer(again, "Approve")
    evidence = world.xcom(again, APPROVE, "evidence")
    assert "champion has changed" in evidence["because"]
    assert world.end(again) == "success"
    assert world.xcom(again, "outcome")["outcome"] == "promoted"
    assert world.served()["version"] == world.xcom(late, "build")["version"]


def test_an_older_release_goes_back_into_service_without_the_registry(world, champion):
    registry, away = world.home / "var" / "registry", world.home / "var" / "registry-away"
    shutil.move(registry, away)
    try:
        run = world.release({"put_back": champion["release"]}, answer=None)
        assert world.end(run) == "success", world.tasks(run)
    finally:
        shutil.rmtree(registry, ignore_errors=True)
        shutil.move(away, registry)
    tasks = world.tasks(run)
    assert {tasks["prebuild"], tasks["build"], tasks[APPROVE]} == {"skipped"}
    assert world.xcom(run, "outcome")["outcome"] == "put back"
    assert world.served() == champion | {"state": "ready"}


def test_a_viewer_may_neither_start_nor_answer(world, champion):
    risk: AirflowApi = world.as_user["risk"]
    body = {"logical_date": None, "conf": {"version": 1}}
    assert risk.call("POST", f"/dags/{MODEL}_release/dagRuns", json=body).status_code == 403
