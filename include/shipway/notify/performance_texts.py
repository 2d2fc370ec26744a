"""What people read about a version's performance: the nightly verdict, and what retraining brought."""

from __future__ import annotations

from typing import Literal, Unpack

from shipway.notify.making import Extras, figure, make, version_name
from shipway.notify.message import Message, Tone

Verdict = Literal["healthy", "watch", "underperforming", "insufficient"]

_TONES: dict[Verdict, Tone] = {
    "healthy": "good",
    "watch": "warning",
    "underperforming": "attention",
    "insufficient": "default",
}
_TITLES: dict[Verdict, str] = {
    "healthy": "{model} version {version} separates good and bad applicants well (KS {ks})",
    "watch": "{model} version {version} is getting weaker (KS {ks})",
    "underperforming": "{model} version {version} underperforms (KS {ks})",
    "insufficient": "{model} version {version}: too few outcomes to judge",
}
_TEXTS: dict[Verdict, str] = {
    "healthy": "KS is at or above {ks_watch}. Nothing needs to be done.",
    "watch": (
        "KS lies under {ks_watch}, but not under the minimum of {ks_minimum}. The version goes on serving;"
        " keep an eye on it."
    ),
    "underperforming": (
        "KS lies under the minimum of {ks_minimum}: the scores no longer tell good from bad applicants well enough."
        " A challenger is trained unless one was trained recently; until a person approves it, this version serves on."
    ),
    "insufficient": (
        "The window holds {goods} goods and {bads} bads; at least {minimum_events} of each are needed for a verdict."
        " No verdict is no good news: it is judged again at the next run."
    ),
}


def measured(
    model: str,
    *,
    version: int,
    verdict: Verdict,
    ks: float | None,
    auc: float | None,
    goods: int,
    bads: int,
    window_start: str,
    window_end: str,
    ks_minimum: float,
    ks_watch: float,
    minimum_events: int,
    **extras: Unpack[Extras],
) -> Message:
    """Say what was measured and what it means.

    :param ks: None where there was nothing to compare.
    :param goods: number of scored applicants with outcome 0 in the window.
    :param bads: number with outcome 1.
    :param window_start: first day of the window of business time, ISO 8601.
    :param window_end: its end.
    """
    words = {
        "model": model,
        "version": version,
        "ks": figure(ks),
        "ks_minimum": f"{ks_minimum:g}",
        "ks_watch": f"{ks_watch:g}",
        "goods": f"{goods:,}",
        "bads": f"{bads:,}",
        "minimum_events": minimum_events,
    }
    return make(
        f"measured_{verdict}",
        model,
        tone=_TONES[verdict],
        title=_TITLES[verdict].format(**words),
        text=_TEXTS[verdict].format(**words),
        rows={
            "Verdict": verdict,
            "KS": f"{figure(ks)} (minimum {ks_minimum:g}, watch under {ks_watch:g})",
            "AUC": figure(auc),
            "Goods and bads": f"{goods:,} and {bads:,}",
            "Window": f"{window_start} to {window_end}",
            "Version": version,
        },
        extras=extras,
    )


def retrain_started(model: str, *, champion: int | None, cause: str, **extras: Unpack[Extras]) -> Message:
    """Say that a challenger is being trained.

    :param champion: the version that it shall beat.
    :param cause: why, in words: ``underperforming``, ``by hand``.
    """
    return make(
        "retrain_started",
        model,
        tone="default",
        title=f"A challenger for {model} is being trained",
        text=(
            f"It is compared with {version_name(champion)} on applicants that its training has never seen."
            " Production does not change."
        ),
        rows={"Cause": cause, "Champion": version_name(champion)},
        extras=extras,
    )


def retrain_accepted(
    model: str,
    *,
    version: int,
    champion: int | None,
    ks_challenger: float,
    ks_champion: float | None,
    why: str,
    **extras: Unpack[Extras],
) -> Message:
    """Say that the challenger won and goes to release.

    :param version: number of the challenger.
    :param ks_challenger: its KS on the held-back rows.
    :param ks_champion: the champion's KS on the same rows; None: there is no champion.
    :param why: the decision in one sentence.
    """
    return make(
        "retrain_accepted",
        model,
        tone="good",
        title=f"{model} version {version} beats the champion" if champion else f"{model} version {version} is trained",
        text=f"{why} Its release starts now and asks for approval; nothing changes before a person says yes.",
        rows=_comparison(version, champion, ks_challenger, ks_champion),
        extras=extras,
    )


def retrain_rejected(
    model: str,
    *,
    version: int,
    champion: int | None,
    ks_challenger: float,
    ks_champion: float | None,
    why: str,
    **extras: Unpack[Extras],
) -> Message:
    """Say that the challenger is not better, so that the champion stays.

    :param version: number under which the rejected challenger is kept.
    :param why: the decision in one sentence.
    """
    return make(
        "retrain_rejected",
        model,
        tone="warning",
        title=f"{model}: the champion stays, the challenger is not better",
        text=(
            f"{why} The challenger is kept as version {version}, marked as rejected. If the champion goes on"
            " weakening, it needs a data scientist: other inputs, other data, another model."
        ),
        rows=_comparison(version, champion, ks_challenger, ks_champion),
        extras=extras,
    )


def _comparison(
    version: int, champion: int | None, ks_challenger: float, ks_champion: float | None
) -> dict[str, object]:
    return {
        "KS of the challenger": f"{figure(ks_challenger)} (version {version})",
        "KS of the champion": f"{figure(ks_champion)} ({version_name(champion)})",
    }
