"""What people read around an approval: the question, the answer, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from shipway.notify.making import Extras, figure, make, short, span, version_name
from shipway.notify.message import Message


def approval_wanted(
    model: str,
    *,
    stage: str,
    version: int,
    champion: int | None,
    content_digest: str,
    image_digest: str,
    registered_by: str,
    approvers: Sequence[str],
    timeout_seconds: float,
    metrics: Mapping[str, float] | None = None,
    **extras: Unpack[Extras],
) -> Message:
    """Ask for an approval. The ``url`` leads to the place where it is given.

    :param champion: version in production now; None: there is none.
    :param registered_by: who made the version; this person cannot approve it.
    :param metrics: figures of registration, such as ``{"ks": 0.81}``.
    """
    figures = {name.upper(): figure(value) for name, value in (metrics or {}).items()}
    return make(
        "approval_wanted",
        model,
        tone="accent",
        title=f"Please decide: {model} version {version} for {stage}",
        text=(
            f"{registered_by} registered this version; it passed every check. It waits for a yes or no from"
            f" {' or '.join(approvers)}. Without an answer within {span(timeout_seconds)} it is not released."
        ),
        rows={
            "Stage": stage,
            "Change": f"{version_name(champion)} → {version_name(version)}",
            **figures,
            "Registered by": registered_by,
            "Content": short(content_digest),
            "Image digest": image_digest,
        },
        extras=extras,
        button="Open the approval",
    )


def approved(
    model: str, *, stage: str, version: int, approver: str, evidence: str, reason: str = "", **extras: Unpack[Extras]
) -> Message:
    """Say who said yes.

    :param evidence: digest of the evidence to which the yes is bound.
    :param reason: the approver's own words.
    """
    return make(
        "approved",
        model,
        tone="good",
        title=f"{approver} approved {model} version {version} for {stage}",
        text="The yes is recorded for exactly this version, image and champion. The release starts now.",
        rows={"Stage": stage, "Version": version, "Approved by": approver, "Reason": reason, "Evidence": evidence},
        extras=extras,
    )


def rejected(
    model: str, *, stage: str, version: int, approver: str, reason: str = "", **extras: Unpack[Extras]
) -> Message:
    """Say who said no.

    :param reason: the person's own words.
    """
    return make(
        "rejected",
        model,
        tone="warning",
        title=f"{approver} rejected {model} version {version} for {stage}",
        text=f"It is not released to {stage}; what serves there goes on serving. The decision is recorded.",
        rows={"Stage": stage, "Version": version, "Rejected by": approver, "Reason": reason},
        extras=extras,
    )


def unanswered(
    model: str,
    *,
    stage: str,
    version: int,
    approvers: Sequence[str],
    timeout_seconds: float,
    **extras: Unpack[Extras],
) -> Message:
    """Say that nobody answered in time, which means no."""
    return make(
        "unanswered",
        model,
        tone="warning",
        title=f"Nobody decided on {model} version {version} for {stage}",
        text=(
            f"There was no answer within {span(timeout_seconds)}, so it is not released; what serves goes on serving."
            " Start the release again to ask once more."
        ),
        rows={"Stage": stage, "Version": version, "Asked": list(approvers)},
        extras=extras,
    )


def asked_again(
    model: str,
    *,
    stage: str,
    version: int,
    champion_then: int | None,
    champion_now: int | None,
    **extras: Unpack[Extras],
) -> Message:
    """Say that an approval no longer holds because the champion has changed.

    :param champion_then: the champion to which the yes was bound.
    :param champion_now: the champion now.
    """
    return make(
        "asked_again",
        model,
        tone="accent",
        title=f"Please decide again: {model} version {version} for {stage}",
        text=(
            f"The approval was given against {version_name(champion_then)}, but {version_name(champion_now)} is the"
            " champion now. Another comparison needs another decision; nothing was deployed."
        ),
        rows={
            "Stage": stage,
            "Version": version,
            "Champion when approved": version_name(champion_then),
            "Champion now": version_name(champion_now),
        },
        extras=extras,
        button="Open the approval",
    )
