"""Every message of the loop: one function per event, ``text(model, *, …, run_id=, url=, facts=) -> Message``."""

from __future__ import annotations

from shipway.notify.approval_texts import approval_wanted, approved, asked_again, rejected, unanswered
from shipway.notify.performance_texts import measured, retrain_accepted, retrain_rejected, retrain_started
from shipway.notify.release_texts import (
    built,
    deployed,
    prebuilt,
    promoted,
    put_back,
    release_failed,
    spec_broken,
    verified,
)

__all__ = [
    "approval_wanted",
    "approved",
    "asked_again",
    "built",
    "deployed",
    "measured",
    "prebuilt",
    "promoted",
    "put_back",
    "rejected",
    "release_failed",
    "retrain_accepted",
    "retrain_rejected",
    "retrain_started",
    "spec_broken",
    "unanswered",
    "verified",
]
