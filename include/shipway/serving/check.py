"""The child that judges a SavedModel: it loads, has the signature of the spec, and answers as it did before.

Run by ``shipway.child.run("shipway.serving.check", request, timeout=…)`` with the request::

    {"directory": str, "signature": name, "output": name, "inputs": {name: "number" | "category"},
     "instances": [{…}] | null, "golden": [{"instance": {…}, "score": float}] | null, "tolerance": 1e-6}

It answers ``{"signature": {"inputs": …, "outputs": …}, "scores": [float, …]}``: the scores of ``instances``, or
else of the golden requests, or else none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway import child
from shipway.errors import GoldenMismatch, ModelError, SignatureMismatch
from shipway.serving import values
from shipway.serving.metadata import Signature
from shipway.serving.savedmodel import SavedModel

_FLOATS = ("float32", "float64")
_BATCH = 8_192


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Judge a SavedModel.

    :param request: see the module.
    :raises ModelError: when it does not load, or a score is not a finite number.
    :raises SignatureMismatch: naming the input or output that is missing, unknown or of the wrong type.
    :raises GoldenMismatch: naming the golden request, its expected and its actual score.
    :raises ScoringError: for an instance that cannot be scored.
    """
    model = SavedModel(Path(request["directory"]))
    name, output = request["signature"], request["output"]
    signature = model.signature(name)
    compare(signature, request["inputs"], output)
    golden = request.get("golden")
    instances = request.get("instances") or [one["instance"] for one in golden or []]
    scores = score(model, name, output, instances)
    if golden and not request.get("instances"):
        replay(golden, scores, request.get("tolerance", 1e-6))
    return {"signature": signature, "scores": scores}


def compare(signature: Signature, inputs: Mapping[str, str], output: str) -> None:
    """Compare a signature with the inputs and the output that the spec promises.

    :param inputs: name → ``number`` or ``category``.
    :raises SignatureMismatch: naming the first difference.
    """
    found = signature["inputs"]
    missing, extra = sorted(set(inputs) - set(found)), sorted(set(found) - set(inputs))
    if missing:
        raise _mismatch(f"Input '{missing[0]}' of the spec is missing in the SavedModel.", missing[0])
    if extra:
        raise _mismatch(f"Input '{extra[0]}' of the SavedModel is not in the spec.", extra[0])
    for name, kind in inputs.items():
        _compare_input(name, kind, found[name])
    if output not in signature["outputs"]:
        known = ", ".join(signature["outputs"])
        raise _mismatch(f"Output '{output}' of the spec is missing in the SavedModel, which has {known}.", output)
    tensor = signature["outputs"][output]
    if tensor["dtype"] not in _FLOATS or not _is_scalar(tensor):
        raise _mismatch(f"Output '{output}' must be one float per instance, not {_show(tensor)}.", output)


def score(model: SavedModel, name: str, output: str, instances: Sequence[dict[str, Any]]) -> list[float]:
    """Score any number of instances.

    :param model: the model.
    :param name: of the signature.
    :param output: name of the score.
    :param instances: as a client sends them.
    :raises ModelError: when a score is not a finite number.
    """
    inputs = model.signature(name)["inputs"]
    scores: list[float] = []
    for start in range(0, len(instances), _BATCH):
        batch = instances[start : start + _BATCH]
        answers = model.predict(name, values.columns(batch, inputs))[output]
        scores.extend(one[0] if isinstance(one, list) else one for one in answers)
    for index, value in enumerate(scores):
        if not math.isfinite(value):
            raise ModelError(
                f"The model's score of instance {index} is {value}, not a finite number.",
                hint="Train the model so that every instance, also with missing values, gets a score.",
                instance=index,
            )
    return scores


def replay(golden: Sequence[Mapping[str, Any]], scores: Sequence[float], tolerance: float) -> None:
    """Compare scores with the golden answers.

    :param golden: requests with their scores at registration.
    :param scores: now, in the same order.
    :param tolerance: largest absolute difference.
    :raises GoldenMismatch: for the first difference above it.
    """
    for index, (one, got) in enumerate(zip(golden, scores, strict=True)):
        difference = abs(got - one["score"])
        if not difference <= tolerance:
            raise GoldenMismatch(
                f"Golden request {index}: expected {one['score']!r}, got {got!r} "
                f"(difference {difference:.3g}, tolerance {tolerance:.3g}).",
                hint="The model, or the TensorFlow that runs it, is not the one that was registered.",
                request=index,
                expected=one["score"],
                got=got,
                difference=difference,
            )


def _compare_input(name: str, kind: str, tensor: Mapping[str, Any]) -> None:
    if not _is_scalar(tensor):
        raise _mismatch(f"Input '{name}' must take one scalar per instance, not {_show(tensor)}.", name)
    if kind == "category" and tensor["dtype"] != "string":
        raise _mismatch(f"Input '{name}' is a category, so it must be a string, not {_show(tensor)}.", name)
    if kind == "number" and tensor["dtype"] not in _FLOATS:
        raise _mismatch(
            f"Input '{name}' is a number, so it must be float32 or float64, not {_show(tensor)}: "
            "an integer cannot carry a missing value.",
            name,
            hint="Cast numerics to float before training.",
        )


def _is_scalar(tensor: Mapping[str, Any]) -> bool:
    return tensor["shape"] in ([None], [None, 1])


def _show(tensor: Mapping[str, Any]) -> str:
    return f"{tensor['dtype']} {tensor['shape']}".replace("None", "null")


def _mismatch(message: str, name: str, hint: str = "Correct the spec, or export the model anew.") -> SignatureMismatch:
    return SignatureMismatch(message, hint=hint, name=name)


if __name__ == "__main__":
    child.serve(check)
