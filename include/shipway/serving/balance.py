"""Smooth weighted round robin: every run of as many picks as the weights' sum gives each release exactly its weight.

The algorithm is nginx's: each pick adds every weight to its release's credit, takes the richest, and charges it the
sum of the weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Balance:
    """The turns of the releases of one model.

    :param weights: release → weight, zero or more.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = {name: weight for name, weight in weights.items() if weight > 0}
        self._credit = dict.fromkeys(self._weights, 0)

    def pick(self, without: Collection[str] = ()) -> str | None:
        """Return the release whose turn it is.

        :param without: releases that were tried and did not answer.
        :returns: None when no release of positive weight is left.
        """
        candidates = {name: weight for name, weight in self._weights.items() if name not in without}
        if not candidates:
            return None
        for name, weight in candidates.items():
            self._credit[name] += weight
        chosen = max(candidates, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(candidates.values())
        return chosen
