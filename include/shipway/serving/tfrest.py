"""TensorFlow Serving's REST API for predictions: what a request says, and how an answer or an error looks.

The wire format is that of https://www.tensorflow.org/tfx/serving/api_rest: row form ``{"instances": [...]}`` answered
by ``{"predictions": [...]}``, column form ``{"inputs": {...}}`` answered by ``{"outputs": ...}``, ``{"error": "..."}``
for all that goes wrong. Two things are wider: a missing value may be null or left out, and a scalar is taken for
``[None, 1]`` too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shipway.errors import ScoringError

#: Largest body of a request, bytes.
MAXIMUM_BODY = 16 * 1024 * 1024

Layout = Literal["row", "column"]
#: One instance: name of a field → its JSON value.
Instance = dict[str, Any]

_KNOWN_KEYS = {"signature_name", "instances", "inputs"}


@dataclass(frozen=True)
class Request:
    """A prediction request.

    :param signature_name: empty when the client named none.
    :param layout: the form of the request, and so of its answer.
    :param instances: at least one; values as they came.
    """

    signature_name: str
    layout: Layout
    instances: list[Instance]


def parse(body: bytes, only_input: str | None = None) -> Request:
    """Read the body of a prediction request.

    :param body: JSON in UTF-8; ``NaN`` literals are allowed, as in TensorFlow Serving.
    :param only_input: name of the input when the model has a single one: its values may then come without a name.
    :raises ScoringError: with the key, and the instance's index, at fault.
    """
    content = _load(body)
    unknown = sorted(set(content) - _KNOWN_KEYS)
    if unknown:
        raise _bad(f"unknown key '{unknown[0]}'; expected signature_name, instances or inputs.", unknown[0])
    name = content.get("signature_name", "")
    if not isinstance(name, str):
        raise _bad(f"signature_name: expected text, found {kind_of(name)}.", "signature_name")
    if ("instances" in content) == ("inputs" in content):
        raise _bad("expected either 'instances' (row form) or 'inputs' (column form).", "instances")
    if "instances" in content:
        return Request(name, "row", _rows(content["instances"], only_input))
    return Request(name, "column", _columns(content["inputs"], only_input))


def answer(layout: Layout, outputs: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Make the body of an answer; the name of a single output is left out, as TensorFlow Serving does.

    :param layout: form of the request.
    :param outputs: name → one value per instance.
    """
    if layout == "column":
        return {"outputs": list(next(iter(outputs.values()))) if len(outputs) == 1 else dict(outputs)}
    if len(outputs) == 1:
        return {"predictions": list(next(iter(outputs.values())))}
    return {"predictions": [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]}


def error(message: str) -> dict[str, str]:
    """Make the body of an error."""
    return {"error": message}


def bad_signature(name: str, known: Iterable[str]) -> ScoringError:
    """Make the error for a request that names a signature that is not served."""
    served = ", ".join(sorted(known))
    return _bad(f"signature_name: '{name[:100]}' is not served here, only {served}.", "signature_name")


def kind_of(value: Any) -> str:
    """Name the JSON type of a value, for error messages."""
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _load(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error_:
        # ValueError covers bad UTF-8 and numbers with thousands of digits as well.
        problem = getattr(error_, "msg", "") or "it cannot be read"
        raise _bad(f"the body is not JSON: {problem}.", "body") from None
    if not isinstance(content, dict):
        raise _bad(f"the body: expected an object, found {kind_of(content)}.", "body")
    return content


def _rows(found: Any, only_input: str | None) -> list[Instance]:
    if not isinstance(found, list):
        raise _bad(f"instances: expected a list, found {kind_of(found)}.", "instances")
    if not found:
        raise _bad("instances: expected at least one instance, found an empty list.", "instances")
    return [_row(value, index, only_input) for index, value in enumerate(found)]


def _row(value: Any, index: int, only_input: str | None) -> Instance:
    if isinstance(value, dict):
        return value
    if only_input is None:
        raise _bad(f"instances[{index}]: expected an object, found {kind_of(value)}.", "instances", index)
    return {only_input: value}


def _columns(found: Any, only_input: str | None) -> list[Instance]:
    if isinstance(found, list) and only_input is not None:
        found = {only_input: found}
    if not isinstance(found, dict):
        raise _bad(f"inputs: expected an object, found {kind_of(found)}.", "inputs")
    if not found:
        raise _bad("inputs: expected at least one column, found none.", "inputs")
    for name, column in found.items():
        if not isinstance(column, list):
            raise _bad(f"inputs.{name}: expected a list, found {kind_of(column)}.", name)
    size = len(next(iter(found.values())))
    for name, column in found.items():
        if len(column) != size:
            raise _bad(f"inputs.{name}: has {len(column)} values, other columns {size}.", name)
    if not size:
        raise _bad("inputs: expected at least one instance, found empty columns.", "inputs")
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _bad(message: str, field: str, instance: int | None = None) -> ScoringError:
    data = {"field": field} if instance is None else {"field": field, "instance": instance}
    return ScoringError(message, **data)
