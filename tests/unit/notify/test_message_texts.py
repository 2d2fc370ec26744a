from __future__ import annotations

import pytest

from shipway.notify import texts
from shipway.notify.making import figure, short, span, written

DIGEST = "sha256:" + "ab" * 32
RELEASE = {"stage": "production", "version": 5, "release": "hmeq-5-1", "image_digest": DIGEST}
MEASURED = {
    "version": 4, "ks": 0.41, "auc": 0.8, "goods": 1200, "bads": 80, "window_start": "2026-01-01",
    "window_end": "2026-04-01", "ks_minimum": 0.45, "ks_watch": 0.5, "minimum_events": 30,
}  # fmt: skip
COMPARED = {"version": 6, "champion": 4, "ks_challenger": 0.58, "ks_champion": 0.52, "why": "It gains 0.06 KS."}
ASKED = {"stage": "production", "version": 5, "approvers": ["validator"], "timeout_seconds": 86_400}

EVENTS = {
    "prebuilt": {"version": 5, "content_digest": DIGEST, "files": 9, "golden": 20},
    "built": {"version": 5, "image": "var/images/hmeq", "image_digest": DIGEST},
    "approval_wanted": {
        **ASKED, "champion": 4, "content_digest": DIGEST, "image_digest": DIGEST, "registered_by": "ada",
        "metrics": {"ks": 0.6},
    },
    "approved": {"stage": "production", "version": 5, "approver": "validator", "evidence": DIGEST, "reason": "good"},
    "rejected": {"stage": "production", "version": 5, "approver": "validator", "reason": "too early"},
    "unanswered": ASKED,
    "asked_again": {"stage": "production", "version": 5, "champion_then": 3, "champion_now": 4},
    "deployed": RELEASE,
    "verified": {
        "stage": "production", "version": 5, "release": "hmeq-5-1", "golden": 20, "largest_difference": 1e-9,
        "tolerance": 1e-6,
    },
    "promoted": {**RELEASE, "previous": 4, "steps": [10, 50, 100]},
    "put_back": {**RELEASE, "version": 3, "previous": 5},
    "release_failed": {"stage": "production", "version": 5, "task": "verify", "error": "No answer.", "serving": 4},
    "retrain_started": {"champion": 4, "cause": "underperforming"},
    "retrain_accepted": COMPARED,
    "retrain_rejected": COMPARED,
    "spec_broken": {"problems": ["model.yaml: titel: is not a key"]},
    "measured": {**MEASURED, "verdict": "underperforming"},
}  # fmt: skip


def say(event, **changes):
    return getattr(texts, event)("hmeq", **{**EVENTS[event], **changes})


@pytest.mark.parametrize("event", texts.__all__)
def test_every_event_makes_a_message_that_names_its_model_and_carries_run_and_link(event):
    message = say(event, run_id="manual__1", url="https://airflow/run", facts={"Cluster": "east"})
    assert message.event.startswith(event)
    assert "hmeq" in message.title
    assert message.model == "hmeq"
    assert message.run_id == "manual__1"
    assert message.links[0][1] == "https://airflow/run"
    assert ("Cluster", "east") in message.facts
    assert ("Run", "manual__1") in message.facts
    assert message.text[-1] in ".y"


@pytest.mark.parametrize("event", texts.__all__)
def test_no_text_leaves_a_placeholder_or_a_missing_value_behind(event):
    message = say(event)
    everything = " ".join([message.title, message.text, *(value for fact in message.facts for value in fact)])
    assert "{" not in everything
    assert "None" not in everything
    assert message.links == ()


def test_promotion_says_from_where_to_where_and_how_traffic_moved():
    facts = dict(say("promoted").facts)
    assert facts["Change"] == "version 4 → version 5"
    assert facts["Traffic"] == "10 % → 50 % → 100 %"


def test_the_first_release_says_that_nothing_served_before():
    message = say("promoted", previous=None)
    assert "first release" in message.text
    assert dict(message.facts)["Change"] == "no version → version 5"


@pytest.mark.parametrize(("serving", "words"), [(4, "version 4 still serves"), (None, "No version of this model")])
def test_a_failed_release_says_what_clients_get(serving, words):
    message = say("release_failed", serving=serving)
    assert words in message.text
    assert "No answer." in message.text
    assert message.tone == "attention"


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [("healthy", "good"), ("watch", "warning"), ("underperforming", "attention"), ("insufficient", "default")],
)
def test_every_verdict_has_its_own_colour_and_event(verdict, tone):
    message = say("measured", verdict=verdict)
    assert (message.event, message.tone) == (f"measured_{verdict}", tone)
    assert dict(message.facts)["Goods and bads"] == "1,200 and 80"
    assert "0.41" in dict(message.facts)["KS"]


def test_a_measurement_without_a_ks_says_so_in_words():
    message = say("measured", verdict="insufficient", ks=None, auc=None, bads=3)
    assert dict(message.facts)["AUC"] == "not available"
    assert "1,200 goods and 3 bads" in message.text


def test_a_rejected_challenger_shows_both_ks_and_that_the_champion_stays():
    message = say("retrain_rejected")
    assert "champion stays" in message.title
    assert [value for _, value in message.facts] == ["0.580 (version 6)", "0.520 (version 4)"]
    assert "It gains 0.06 KS." in message.text


def test_an_approval_is_asked_of_the_approvers_within_their_time():
    message = say("approval_wanted", url="https://airflow/a")
    assert "validator" in message.text
    assert "24 hours" in message.text
    assert message.links == (("Open the approval", "https://airflow/a"),)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(86_400, "24 hours"), (3600, "1 hour"), (120, "2 minutes"), (90, "90 seconds"), (1, "1 second")],
)
def test_times_are_written_in_the_largest_fitting_unit(seconds, words):
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.41239, "0.412"), (0.0, "0.000"), (1e-9, "1e-09"), (None, "not available"), (float("nan"), "not available")],
)
def test_figures_are_written_with_three_digits(value, words):
    assert figure(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(True, "yes"), (12345, "12,345"), (0.5, "0.500"), (["a", 2], "a, 2"), ("x", "x")]
)
def test_facts_are_written_for_people(value, words):
    assert written(value) == words


def test_digests_are_shortened_to_twelve_digits():
    assert short(DIGEST) == "sha256:abababababab"
    assert short("ab" * 32) == "abababababab"
