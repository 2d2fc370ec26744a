import dataclasses

import pytest

from shipway.errors import ApprovalMissing, ChampionChanged, RecordsError
from shipway.records import approvals, releases


def test_a_release_is_opened_once(records, opened):
    first = opened()
    again = opened(image="elsewhere@sha256:i1", requested_by="ben")
    assert again == first
    assert first.id.startswith("credit-line-production-1-")
    assert releases.get_release(records, first.id) == first
    assert releases.releases(records, "credit_line") == [first]


def test_an_id_never_stands_for_two_things(opened):
    opened(model="credit_line", stage="production")
    with pytest.raises(RecordsError, match="already stands for another content_digest"):
        opened(content_digest="sha256:other")
    opened(model="a_b", stage="c")
    with pytest.raises(RecordsError, match="already stands for another model, stage"):
        opened(model="a", stage="b_c")


def test_releases_are_told_by_model_and_stage_oldest_first(records, opened):
    one, two, three = opened(1), opened(2, stage="test"), opened(3)
    opened(1, model="other")
    assert releases.releases(records, "credit_line") == [one, two, three]
    assert releases.releases(records, "credit_line", "production") == [one, three]


def test_a_release_that_is_not_there_is_named(records):
    with pytest.raises(RecordsError, match="no release 'nobody'"):
        releases.get_release(records, "nobody")


def test_an_event_is_written_once_for_each_run(records, opened):
    release = opened()
    assert releases.append_event(records, release.id, "staged", run_id="r1", detail={"port": 1})
    assert not releases.append_event(records, release.id, "staged", run_id="r1", detail={"port": 2})
    assert releases.append_event(records, release.id, "staged", run_id="r2", detail={})
    found = releases.events(records, release.id)
    assert [(one["event"], one["run_id"], one["detail"]) for one in found] == [
        ("staged", "r1", {"port": 1}),
        ("staged", "r2", {}),
    ]
    assert found[0]["happened_at"] < found[1]["happened_at"]


def test_every_word_is_known_to_the_table(records, opened):
    release = opened()
    for event in releases.EVENTS:
        assert releases.append_event(records, release.id, event, run_id="r", detail={})
    with pytest.raises(RecordsError, match="'danced' is no event"):
        releases.append_event(records, release.id, "danced", run_id="r", detail={})
    with pytest.raises(RecordsError, match="refused that"):
        releases.append_event(records, "nobody", "staged", run_id="r", detail={})


def test_the_last_promoted_release_serves(records, opened):
    one, two, elsewhere = opened(1), opened(2), opened(3, stage="test")
    assert releases.serving(records, "credit_line", "production") is None
    for release, event, run in [(one, "promoted", "r1"), (two, "staged", "r2"), (elsewhere, "promoted", "r3")]:
        releases.append_event(records, release.id, event, run_id=run, detail={})
    assert releases.serving(records, "credit_line", "production") == one
    releases.append_event(records, two.id, "promoted", run_id="r2", detail={})
    assert releases.serving(records, "credit_line", "production") == two
    releases.append_event(records, one.id, "promoted", run_id="r4", detail={})
    assert releases.serving(records, "credit_line", "production") == one


def test_an_approval_is_kept_as_it_was_given(records, opened, answered, day):
    release = opened()
    evidence = {"binding": approvals.binding(release, None), "inputs": {"z": 1, "a": 2}, "ks": 0.1 + 0.2}
    given = answered(release, None, evidence=evidence)
    assert approvals.of_release(records, release.id) == [given]
    kept = approvals.latest(records, given.evidence_digest)
    assert list(kept.evidence["inputs"]) == ["z", "a"]
    assert kept.responded_at == day(0)


def test_an_answer_is_recorded_once(records, opened, answered):
    release = opened()
    answered(release, None)
    answered(release, None, reason="said twice")
    assert [one.reason for one in approvals.of_release(records, release.id)] == ["fits"]
    answered(release, None, at=1)
    assert len(approvals.of_release(records, release.id)) == 2


def test_evidence_and_digest_belong_together(opened, answered):
    release = opened()
    with pytest.raises(RecordsError, match="is not what its digest says"):
        answered(release, None, evidence_digest="sha256:other")
    with pytest.raises(RecordsError, match="is not what its digest says"):
        answered(release, None, stage="test")


def test_a_person_stands_behind_every_yes(opened, answered):
    with pytest.raises(RecordsError, match="check constraint"):
        answered(opened(), None, responder=None)


def test_a_yes_to_exactly_this_evidence_opens_the_way(records, opened, answered):
    release = opened(2)
    given = answered(release, "champion-1")
    assert approvals.require(records, release=release, champion="champion-1") == given


def test_without_an_answer_the_way_is_closed(records, opened):
    with pytest.raises(ApprovalMissing, match="no approval for exactly this evidence"):
        approvals.require(records, release=opened(), champion=None)
    with pytest.raises(ApprovalMissing):
        approvals.require_any(records, opened())


@pytest.mark.parametrize("decision", ["rejected", "unanswered"])
def test_a_later_no_takes_the_yes_back(records, opened, answered, decision):
    release = opened()
    answered(release, None)
    answered(release, None, decision, at=1)
    with pytest.raises(ApprovalMissing, match=f"latest answer was '{decision}'"):
        approvals.require(records, release=release, champion=None)
    with pytest.raises(ApprovalMissing):
        approvals.require_any(records, release)


def test_a_later_yes_takes_the_no_back(records, opened, answered):
    release = opened()
    answered(release, None, "rejected")
    yes = answered(release, None, at=1)
    assert approvals.require(records, release=release, champion=None) == yes


@pytest.mark.parametrize("champion", ["champion-2", None])
def test_a_yes_against_another_champion_asks_again(records, opened, answered, champion):
    release = opened(3)
    answered(release, "champion-1")
    with pytest.raises(ChampionChanged, match="approved against champion champion-1") as caught:
        approvals.require(records, release=release, champion=champion)
    assert (caught.value.data["approved_against"], caught.value.data["champion"]) == ("champion-1", champion)


def test_a_no_to_exactly_this_evidence_stays_a_no(records, opened, answered):
    release = opened(3)
    answered(release, "champion-1")
    answered(release, "champion-2", "rejected", at=1)
    with pytest.raises(ApprovalMissing, match="'rejected'"):
        approvals.require(records, release=release, champion="champion-2")


def test_no_answer_against_the_new_champion_asks_again(records, opened, answered):
    release = opened(3)
    answered(release, "champion-1")
    answered(release, "champion-2", "unanswered", at=1)
    with pytest.raises(ChampionChanged):
        approvals.require(records, release=release, champion="champion-2")


@pytest.mark.parametrize("part", ["content_digest", "image_digest", "spec_digest", "stage"])
def test_a_yes_to_one_release_says_nothing_of_another(records, opened, answered, part):
    release = opened()
    answered(release, None)
    other = dataclasses.replace(release, id="other", **{part: "sha256:other"})
    with pytest.raises(ApprovalMissing):
        approvals.require(records, release=other, champion=None)


def test_an_older_release_returns_on_any_yes(records, opened, answered):
    release = opened()
    answered(release, "champion-0")
    newer = answered(release, "champion-1", at=1)
    answered(release, "champion-2", "rejected", at=2)
    assert approvals.require_any(records, release) == newer
