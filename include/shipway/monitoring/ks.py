"""KS and AUC of goods and bads: exact, with ties."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.errors import ShipwayError

#: Up to this size of the larger sample scipy rounds to the nearest possible distance (``MAX_AUTO_N``).
_SCIPY_EXACT = 10_000

Scores = bytes | NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """How well a score separates bads from goods; without goods or without bads nothing is known of that.

    :param ks: maximum distance of the two empirical distributions, 0 to 1, without direction.
    :param auc: probability that a bad scores above a good, ties half; under 0.5 where the score is upside down.
    :param gini: ``2 auc - 1``.
    :param goods: how many.
    :param bads: how many.
    """

    ks: float | None
    auc: float | None
    gini: float | None
    goods: int
    bads: int


def measure(goods: Scores, bads: Scores) -> Measures:
    """Measure KS, AUC and Gini of two samples of scores.

    KS has the same bits as ``scipy.stats.ks_2samp(bads, goods).statistic`` (scipy 1.17).
    AUC is the Mann-Whitney statistic by mid-ranks, divided by its maximum.

    :param goods: scores of entities that turned out good, float64; as bytes: big-endian, eight each.
    :param bads: the same of the bad ones.
    :raises ShipwayError: when a score is not finite.
    """
    good, bad = _sorted(goods, "goods"), _sorted(bads, "bads")
    if not len(good) or not len(bad):
        return Measures(ks=None, auc=None, gini=None, goods=len(good), bads=len(bad))
    auc = _auc(good, bad)
    return Measures(ks=_ks(bad, good), auc=auc, gini=2 * auc - 1, goods=len(good), bads=len(bad))


def _ks(bad: NDArray[np.float64], good: NDArray[np.float64]) -> float:
    """Take the same differences of the same quotients at the same points as scipy does, in the same order."""
    points = np.concatenate([bad, good])
    differences = np.searchsorted(bad, points, side="right") / len(bad)
    differences -= np.searchsorted(good, points, side="right") / len(good)
    distance = float(max(differences.max(), np.clip(-differences.min(), 0, 1)))
    if max(len(bad), len(good)) > _SCIPY_EXACT:
        return distance
    steps = math.lcm(len(bad), len(good))  # every distance is a whole number of steps
    return int(np.round(distance * steps)) / steps


def _auc(good: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    """Count, for each bad, the goods below it, and half of those at it; in whole numbers, so nothing is rounded."""
    below = int(np.searchsorted(good, bad, side="left").sum())
    not_above = int(np.searchsorted(good, bad, side="right").sum())
    return (below + not_above) / (2 * len(good) * len(bad))


def _sorted(scores: Scores, name: str) -> NDArray[np.float64]:
    values: NDArray[Any] = np.frombuffer(scores, dtype=">f8") if isinstance(scores, bytes) else np.asarray(scores)
    ordered = np.sort(values.astype(np.float64))
    if not np.isfinite(ordered).all():
        raise ShipwayError(f"A score of the {name} is not a finite number.", hint="Check the model's output.")
    return ordered
