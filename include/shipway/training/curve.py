"""KS and AUC of one set of scores, also of weighted rows: sorted once, measured many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Curve:
    """Scores and truths, sorted by score.

    :param scores: one finite number per row; higher means riskier.
    :param bad: True for bads, one per row.
    """

    def __init__(self, scores: np.ndarray, bad: np.ndarray) -> None:
        import numpy as np

        self._order = np.argsort(scores, kind="stable")
        ranked = scores[self._order]
        self._bad = bad[self._order]
        # Equal scores are one step of both distributions: look only at the last row of each score.
        self._ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1) if len(ranked) else None

    def ks(self, weights: np.ndarray | None = None) -> float | None:
        """Return the largest distance between the distributions of goods and bads, None when either is empty.

        Equal to ``scipy.stats.ks_2samp(scores[bad], scores[good]).statistic``.

        :param weights: how often each row counts, in the order given to the constructor; once when None.
        """
        import numpy as np

        steps = self._steps(weights)
        if steps is None:
            return None
        bads, goods = steps
        return float(np.abs(bads / bads[-1] - goods / goods[-1]).max())

    def auc(self) -> float | None:
        """Return the probability that a bad scores higher than a good, ties counted half; None when either is empty.

        The Mann-Whitney statistic divided by the number of pairs.
        """
        import numpy as np

        steps = self._steps(None)
        if steps is None:
            return None
        bads, goods = (np.diff(cumulated, prepend=0) for cumulated in steps)
        below = np.cumsum(goods) - goods
        return float((bads * (below + goods / 2)).sum() / (bads.sum() * goods.sum()))

    def _steps(self, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Cumulated bads and goods at each different score."""
        import numpy as np

        if self._ends is None:
            return None
        counts = np.ones(len(self._bad), dtype=np.int64) if weights is None else weights[self._order]
        bads = np.cumsum(np.where(self._bad, counts, 0))[self._ends]
        goods = np.cumsum(np.where(self._bad, 0, counts))[self._ends]
        return (bads, goods) if bads[-1] and goods[-1] else None
