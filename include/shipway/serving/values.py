"""From the JSON values of a request to the values of a model's inputs, judged field by field."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.errors import ScoringError
from shipway.serving.tfrest import Instance, kind_of

#: One tensor of a signature: ``{"dtype": "float32", "shape": [null]}``.
Tensor = Mapping[str, Any]

_FLOAT_LIMITS = {"float32": 3.4028234663852886e38, "float64": math.inf}
_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


def clean(instance: Instance, inputs: Mapping[str, Tensor], index: int) -> dict[str, Any]:
    """Judge one instance and give every input a value, in the order of the signature.

    :param instance: fields as they came; one that is null, NaN or left out is missing.
    :param inputs: the signature's inputs.
    :param index: position in the request, from 0; named in errors.
    :returns: a float or None (missing) for float inputs, an int, a bool, or text ("" when missing) for the others.
    :raises ScoringError: naming the field and the instance.
    """
    for name in instance:
        if name not in inputs:
            raise _unknown(name, inputs, index)
    return {name: _value(instance.get(name), tensor, name, index) for name, tensor in inputs.items()}


def columns(instances: Sequence[Instance], inputs: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    """Judge all instances and turn them into columns.

    :param instances: as they came.
    :param inputs: the signature's inputs.
    :raises ScoringError: naming the field and the instance.
    """
    rows = [clean(instance, inputs, index) for index, instance in enumerate(instances)]
    return {name: [row[name] for row in rows] for name in inputs}


def check_text(text: str, field: str, index: int) -> str:
    """Return a text that PostgreSQL can keep.

    :raises ScoringError: for a NUL character or half a surrogate pair: valid in JSON, but in no database's text.
    """
    if "\0" in text or any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise bad(field, index, "contains a character that is not text (NUL or half a surrogate pair).")
    return text


def bad(field: str, index: int, problem: str) -> ScoringError:
    """Make the error for one field of one instance."""
    return ScoringError(f"instances[{index}]: field '{field}': {problem}", field=field, instance=index)


def _value(value: Any, tensor: Tensor, name: str, index: int) -> Any:
    dtype = tensor["dtype"]
    if isinstance(value, list) and len(value) == 1 and len(tensor["shape"]) == 2:
        value = value[0]
    if dtype in _FLOAT_LIMITS:
        return _float(value, dtype, name, index)
    if dtype == "string":
        return _text(value, name, index)
    if dtype in _INTEGER_LIMITS:
        return _integer(value, dtype, name, index)
    if dtype == "bool" and isinstance(value, bool):
        return value
    raise bad(name, index, f"expected a {dtype}, found {kind_of(value)}.")


def _float(value: Any, dtype: str, name: str, index: int) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(name, index, f"expected a number, found {kind_of(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return None
    if math.isinf(number) or abs(number) > _FLOAT_LIMITS[dtype]:
        raise bad(name, index, f"is too large for a {dtype}.")
    return number


def _text(value: Any, name: str, index: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad(name, index, f"expected text, found {kind_of(value)}.")
    return check_text(value, name, index)


def _integer(value: Any, dtype: str, name: str, index: int) -> int:
    if value is None:
        raise bad(name, index, f"is missing, which an {dtype} cannot be.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(name, index, f"expected a whole number, found {kind_of(value)}.")
    limit = _INTEGER_LIMITS[dtype]
    if (isinstance(value, float) and not value.is_integer()) or not -limit <= value < limit:
        raise bad(name, index, f"expected a whole number that fits an {dtype}.")
    return int(value)


def _unknown(name: str, inputs: Mapping[str, Tensor], index: int) -> ScoringError:
    shown = name[:100]  # it comes from a client, and is compared and echoed
    folded = {one.lower(): one for one in inputs}
    near = difflib.get_close_matches(shown.lower(), list(folded), n=1)
    hint = f"Did you mean '{folded[near[0]]}'?" if near else f"Known: {', '.join(inputs)}."
    return bad(shown, index, f"is not an input of this model. {hint}")
