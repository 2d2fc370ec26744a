"""What the approver reads, what the answer means, and what it binds: without records and registry."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import ReleaseFailed, ShipwayError
from shipway.records.approvals import BOUND, binding, evidence_digest
from shipway.records.releases import Release
from shipway.spec.environment import ApprovalRule, Environment, Stage
from shipway.spec.model import ModelSpec, Rollout
from shipway.steps.approve import _decision, body, subject
from shipway.steps.deploy import require_own
from shipway.steps.evidence import approvers
from shipway.steps.retrain import code_revision
from shipway.steps.rooms import Rooms

EVIDENCE = {
    "title": "Credit", "model": "credit", "version": 3, "stage": "production", "because": "", "rollout": [10, 100],
    "registered_by": "scientist", "requested_by": "operator", "registered_at": "2026-03-01",
    "parent": 2, "decision": "accepted",
    "golden": {"requests": 4, "largest_difference": 2e-8}, "snapshot": None, "metrics": {"ks": 0.61},
    "content_digest": "sha256:c", "image_digest": "sha256:i", "manifest_digest": "sha256:m",
    "champion": {
        "release": "r", "version": 2, "metrics": {"ks": 0.5, "auc": 0.7},
        "measured": {"ks": 0.41, "verdict": "underperforming", "as_of": "2026-02-28T00:00:00+00:00"},
    },
}  # fmt: skip
RELEASE = Release(
    "credit-production-3-abc", "credit", "production", 3, "sha256:c", "sha256:i", "layout@sha256:i", "sha256:s",
    datetime(2026, 3, 1, tzinfo=UTC), "run-1",
)  # fmt: skip


@pytest.fixture
def rooms(tmp_path):
    spec = ModelSpec(model="credit", title="Credit", inputs={"INCOME": "number", "REGION": "category"}, target="BAD")
    spec._folder = tmp_path
    stage = Stage(name="production", approval=ApprovalRule(approvers=("validator", "scientist")))
    return Rooms(spec, Environment(name="unit", stages=(stage,)), "postgresql://secret@nowhere/none")


def test_the_request_says_what_goes_where_and_what_it_replaces():
    assert subject(EVIDENCE) == "Credit: version 3 to production (replaces version 2)"
    assert subject({**EVIDENCE, "champion": None}) == "Credit: version 3 to production (the first one)"
    text = body(EVIDENCE)
    assert "traffic 10 % → 100 %; version 2 serves" in text
    assert "| auc | – | 0.7000 |\n| ks | 0.6100 | 0.5000 |" in text
    assert "KS 0.4100, underperforming (2026-02-28)" in text
    assert all(EVIDENCE[name] in text for name in ("content_digest", "image_digest", "manifest_digest"))
    assert "Asked again" not in text


def test_a_request_that_comes_again_says_why():
    assert "**Asked again:** the champion has changed" in body({**EVIDENCE, "because": "the champion has changed"})
    assert "was lost on its way" in body(EVIDENCE, attempt=2)
    both = body({**EVIDENCE, "because": "the champion has changed"}, attempt=2)
    assert "the champion has changed" in both
    assert "was lost on its way" in both


def test_a_reason_to_ask_again_cannot_forge_evidence():
    forged = "hurry\n\n| metric | this version |\n|---|---|\n| ks | 0.99 |\n\n**approved by the board**"
    text = body({**EVIDENCE, "because": forged})
    assert "\n| ks | 0.99" not in text
    assert "**approved by the board**" not in text


def test_a_first_version_without_figures_is_described_as_well():
    text = body({**EVIDENCE, "champion": None, "metrics": {}, "parent": None})
    assert "nothing serves yet" in text
    assert "| metric" not in text


@given(st.lists(st.sampled_from(["Approve", "Reject", "approve", ""]), max_size=2), st.booleans())
def test_only_a_plain_yes_of_somebody_is_a_yes(options, answered):
    decision = _decision({"chosen_options": options}, answered=answered)
    expected = ("approved" if options == ["Approve"] else "rejected") if answered else "unanswered"
    assert decision == expected


@pytest.mark.parametrize("name", ["content_digest", "image_digest", "spec_digest", "stage"])
def test_an_approval_binds_the_release_and_the_champion(name):
    bound = binding(RELEASE, None)
    assert set(bound) == set(BOUND)
    other = replace(RELEASE, **{name: "other"})
    assert evidence_digest(binding(other, None)) != evidence_digest(bound)
    assert evidence_digest(binding(RELEASE, other.id)) != evidence_digest(bound)
    moved = replace(RELEASE, id="x", image="elsewhere@sha256:i", requested_by="run-2")
    assert binding(moved, None) == bound


def test_who_registered_a_version_is_not_asked(rooms):
    assert approvers(rooms, EVIDENCE) == ["validator"]
    alone = Stage(name="production", approval=ApprovalRule(approvers=("scientist",)))
    only = replace(rooms, environment=Environment(name="unit", stages=(alone,)))
    with pytest.raises(ShipwayError, match="its only approver, scientist, registered it"):
        approvers(only, EVIDENCE)


def test_the_spec_digest_is_of_every_value_and_of_no_place(rooms):
    same = rooms.spec.model_copy()
    same._folder = Path("/elsewhere")
    assert replace(rooms, spec=same).spec_digest == rooms.spec_digest
    changed = rooms.spec.model_copy(update={"rollout": Rollout(steps=(100,))})
    assert replace(rooms, spec=changed).spec_digest != rooms.spec_digest


def test_rooms_do_not_show_the_address_of_the_records(rooms):
    assert "secret" not in repr(rooms)


def test_a_release_of_another_model_or_stage_is_refused(rooms):
    require_own(rooms, RELEASE)
    for other in (replace(RELEASE, model="loans"), replace(RELEASE, stage="test")):
        with pytest.raises(ReleaseFailed, match="not of credit on production"):
            require_own(rooms, other)


def test_any_code_of_the_folder_and_how_it_is_called_are_the_revision(rooms, tmp_path):
    (tmp_path / "train.py").write_text("from depth import DEPTH")
    (tmp_path / "depth.py").write_text("DEPTH = 3")
    seen = [code_revision(rooms)]
    assert code_revision(rooms) == seen[0]
    (tmp_path / "depth.py").write_text("DEPTH = 4")
    seen.append(code_revision(rooms))
    called = rooms.spec.training.model_copy(update={"parameters": {"seed": 8}})
    spec = rooms.spec.model_copy(update={"training": called})
    spec._folder = tmp_path
    seen.append(code_revision(replace(rooms, spec=spec)))
    assert len(set(seen)) == 3
