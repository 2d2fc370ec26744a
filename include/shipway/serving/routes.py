"""The routes file: which releases of which model get how much traffic, and where they listen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shipway.serving.balance import Balance


@dataclass
class Routes:
    """One generation of routes in effect.

    :param generation: number of the file that they came from.
    :param weights: model → release → weight.
    :param urls: release → base URL of its gateway.
    """

    generation: int = 0
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    _balances: dict[str, Balance] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, before: Routes | None = None) -> Routes:
        """Read the file.

        Its form: ``{"generation": 3, "models": {model: [{"release", "url", "weight"}, …]}}``.

        :param file: JSON.
        :param before: the routes until now; a model whose weights stay goes on with whose turn it is.
        :raises ValueError: when it is not such a file.
        """
        content = json.loads(file.read_bytes())
        try:
            models: Mapping[str, list[dict[str, str | int]]] = content["models"]
            weights = {name: {str(one["release"]): int(one["weight"]) for one in all_} for name, all_ in models.items()}
            urls = {str(one["release"]): str(one["url"]).rstrip("/") for all_ in models.values() for one in all_}
            routes = cls(int(content["generation"]), weights, urls)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a routes file: {error}") from None
        for name, shares in weights.items():
            keep = before is not None and before.weights.get(name) == shares
            routes._balances[name] = before._balances[name] if before and keep else Balance(shares)
        return routes

    def balance(self, model: str) -> Balance | None:
        """Return whose turn it is for a model, None for an unknown one."""
        return self._balances.get(model)
