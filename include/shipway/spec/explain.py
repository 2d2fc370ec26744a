"""Turn what pydantic found into sentences for people who write specs: which key, what was expected, what to do."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shipway.errors import SpecError

# Type of pydantic's error → what was expected; the names in braces are pydantic's own context.
_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "tuple_type": "expected a list",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
    "invalid_key": "expected text as a key",
    "too_short": "expected {min_length} or more of them",
    "literal_error": "expected {expected}",
    "union_tag_invalid": "expected {expected_tags}",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than": "expected less than {lt:g}",
    "less_than_equal": "expected {le:g} or less",
    "string_pattern_mismatch": "expected small letters, digits and _, a letter first, at most 40 characters",
}

_shown = reprlib.Repr()  # a spec may hold anything, also something endless
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 60, 60


def explain(file: Path, kind: type[BaseModel], error: ValidationError) -> list[SpecError]:
    """Return every problem once, in the order of the file's model.

    :param file: the file that was read.
    :param kind: the model that refused it.
    :param error: what pydantic says.
    """
    details = error.errors(include_url=False)
    inner = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    # A list whose items are wrong counts as too short as well; and every member of a union complains for itself.
    real = [detail for detail in details if not (detail["type"] == "too_short" and detail["loc"] in inner)]
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for detail in real:
        by_key.setdefault(".".join(_follow(kind, detail["loc"])[0]), []).append(detail)
    return [_explain(file, kind, group) for group in by_key.values()]


def _explain(file: Path, kind: type[BaseModel], group: list[Mapping[str, Any]]) -> SpecError:
    detail = group[0]
    words, place = _follow(kind, detail["loc"])
    known = sorted(place.model_fields) if _is_model(place) else []
    if detail["type"] == "extra_forbidden":
        problem, hint = "is not a key that Shipway knows.", _nearest(words[-1], known, "Known keys here")
    elif detail["type"] in ("missing", "union_tag_not_found"):
        problem, hint = "is missing.", _addition(detail)
    else:
        problem, hint = f"{_expectations(group)}{_found(detail)}.", _hint(detail)
    tag = ["kind"] if detail["type"].startswith("union_tag") else []
    return SpecError(file=str(file), key=".".join([*words, *tag]), problem=problem, hint=hint)


def _expectations(group: list[Mapping[str, Any]]) -> str:
    first, *others = dict.fromkeys(_expectation(detail) for detail in group)
    return " or ".join([first, *(other.removeprefix("expected ") for other in others)])


def _expectation(detail: Mapping[str, Any]) -> str:
    text = _EXPECTED.get(detail["type"])
    if text is None:
        return str(detail["msg"]).removeprefix("Value error, ")
    return text.format(**detail.get("ctx", {}))


def _found(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "union_tag_invalid":
        return f", found '{detail['ctx']['tag']}'"
    return "" if detail["type"] == "value_error" else f", found {_shown.repr(detail['input'])}"


def _addition(detail: Mapping[str, Any]) -> str:
    return "Add it." if detail["type"] == "missing" else "Add it: it says what the other keys mean."


def _hint(detail: Mapping[str, Any]) -> str:
    context, found = detail.get("ctx", {}), detail["input"]
    if detail["type"] == "string_type" and isinstance(found, bool | int | float):
        return "Put it in quotes."
    choices = str(context.get("expected_tags") or context.get("expected") or "")
    if choices:
        words = [word.strip(" '") for word in choices.replace(" or ", ",").split(",")]
        return _nearest(str(context.get("tag", found)), words, "")
    return ""


def _nearest(word: str, known: list[str], listing: str) -> str:
    near = difflib.get_close_matches(word[:60], known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"{listing}: {', '.join(known)}." if known and listing else ""


def _follow(kind: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], Any]:
    """Follow a location down the models: the words that stand in the file, and the type around the last one."""
    words: list[str] = []
    current: Any = kind
    around: Any = kind
    for part in location:
        current = _plain(current)
        if _is_model(current):
            around, field = current, current.model_fields.get(str(part))
            current = field.annotation if field else None
        elif get_origin(current) in (tuple, dict) and part != "[key]":
            around, current = current, _item(current)
        else:  # a member of a union, or pydantic's own word: it stands in no file
            current = _member(current, str(part))
            around = current or around
            continue
        words.append(str(part))
    return words, around


def _plain(annotation: Any) -> Any:
    """Take off ``Annotated`` and ``… | None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation):
            rest = [member for member in get_args(annotation) if member is not type(None)]
            if len(rest) > 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def _item(annotation: Any) -> Any:
    return get_args(annotation)[1 if get_origin(annotation) is dict else 0]


def _member(annotation: Any, tag: str) -> Any:
    """Return the model of a discriminated union whose ``kind`` is the tag."""
    for member in get_args(annotation):
        kind = getattr(member, "model_fields", {}).get("kind")
        if kind and tag in get_args(kind.annotation):
            return member
    return None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
