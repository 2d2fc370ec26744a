"""The verdict on a version's performance."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["healthy", "watch", "underperforming", "insufficient"]


def verdict(
    ks: float | None, goods: int, bads: int, *, ks_minimum: float, ks_watch: float, minimum_events: int
) -> Verdict:
    """Judge a KS.

    :param ks: the measured KS; None where it could not be measured.
    :param goods: how many goods it was measured on.
    :param bads: how many bads.
    :param ks_minimum: under it: ``underperforming``.
    :param ks_watch: from ``ks_minimum`` up to, but not including, this: ``watch``.
    :param minimum_events: fewer goods or fewer bads than this: ``insufficient``, whatever the KS.
    """
    if ks is None or goods < minimum_events or bads < minimum_events:
        return "insufficient"
    if ks < ks_minimum:
        return "underperforming"
    return "watch" if ks < ks_watch else "healthy"
