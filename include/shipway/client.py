"""Ask an endpoint for scores over HTTP, and read its answers: what a client application does."""

from __future__ import annotations

import math
from typing import Any

from shipway.errors import ScoringError


def score_of(prediction: Any, output: str) -> float:
    """Return the score of one prediction.

    A row of TensorFlow Serving's answer is a number, a list of one number where the output has a second dimension of
    one, or keys and values where the signature has several outputs.

    :param prediction: one item of ``predictions``: ``0.2``, ``[0.2]``, ``{"output": 0.2}`` or ``{"output": [0.2]}``.
    :param output: name of the output that is the score.
    :raises ScoringError: naming what was found, when it is none of these or not finite.
    """
    value = prediction.get(output) if isinstance(prediction, dict) else prediction
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        found = repr(prediction)[:100]
        raise ScoringError(f"Expected a finite number as the prediction of '{output}', found {found}.", field=output)
    return float(value)
