"""Read CSV files of applicants and of their outcomes; what is wrong is one sentence with file, row and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shipway.errors import ScoringError
from shipway.spec.model import ModelSpec

#: When the outcome happened, and when it became known.
TIMES = ("OCCURRED_AT", "KNOWN_AT")


def read_applicants(spec: ModelSpec, file: Path) -> list[dict[str, Any]]:
    """Read applicants into instances: numbers as numbers, empty values as None.

    :param file: CSV in UTF-8 with the entity and every input; key and business time are optional, others are left out.
    :raises ScoringError: naming what is missing, or the row and the column of a value that is not a finite number.
    """
    return [_instance(spec, number, row) for number, row in _read_csv(file, [spec.scoring.entity, *spec.inputs])]


def read_outcomes(spec: ModelSpec, file: Path) -> list[tuple[str, int, datetime, datetime]]:
    """Read outcomes: entity, truth (0 or 1), when it happened, when it was known; a time without zone is UTC.

    :param file: CSV in UTF-8 with the entity, the target, ``OCCURRED_AT`` and ``KNOWN_AT`` (ISO 8601).
    :raises ScoringError: naming what is missing, or the row and the column of a wrong value.
    """
    return [_outcome(spec, number, row) for number, row in _read_csv(file, [spec.scoring.entity, spec.target, *TIMES])]


def _read_csv(file: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their numbers, of which the header has the first."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return list(_rows(file, csv.reader(stream), required))
    except OSError as error:
        problem, hint = f"{file} cannot be read ({error.strerror}).", ""
    except UnicodeDecodeError:
        problem, hint = f"{file} is not UTF-8.", "Save it with that encoding."
    except csv.Error as error:
        problem, hint = f"{file} is not good CSV: {error}.", ""
    raise ScoringError(problem, hint=hint)


def _rows(file: Path, lines: Iterable[list[str]], required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    header: list[str] = []
    for number, values in enumerate(lines, start=1):
        if number == 1:
            header = values
            _check_header(file, header, required)
        elif values and len(values) != len(header):
            expected = f"the header names {len(header)}"
            raise ScoringError(f"Row {number} of {file} has {len(values)} values, {expected}.", row=number)
        elif values:
            yield number, dict(zip(header, values, strict=True))
    if not header:
        _check_header(file, header, required)


def _check_header(file: Path, header: list[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        columns = f"column {missing[0]}" if len(missing) == 1 else f"columns {', '.join(missing)}"
        raise ScoringError(f"{file} has no {columns}.", hint="Its first row must name them.", missing=missing)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ScoringError(f"{file} has more than one column {twice[0]}.", field=twice[0])


def _instance(spec: ModelSpec, number: int, row: dict[str, str]) -> dict[str, Any]:
    instance: dict[str, Any] = {}
    for name, text in row.items():
        kind = spec.inputs.get(name)
        if kind == "number":
            instance[name] = _number(number, name, text) if text.strip() else None
        elif kind or name in (spec.scoring.entity, spec.scoring.key, spec.scoring.business_time):
            instance[name] = text.strip() or None
    return instance


def _number(number: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _wrong(number, name, text, "not a number") from None
    if not math.isfinite(value):
        raise _wrong(number, name, text, "not a finite number", hint="A missing value is an empty one.")
    return value


def _outcome(spec: ModelSpec, number: int, row: dict[str, str]) -> tuple[str, int, datetime, datetime]:
    entity, truth = row[spec.scoring.entity].strip(), row[spec.target]
    if not entity:
        raise ScoringError(f"Row {number}: {spec.scoring.entity} is empty.", field=spec.scoring.entity)
    occurred, known = (_time(number, name, row[name]) for name in TIMES)
    return entity, _truth(number, spec.target, truth), occurred, known


def _truth(number: int, name: str, text: str) -> int:
    """Return 0 or 1, however it is written (``1``, ``1.0``); another number is never rounded to one of them."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value not in (0.0, 1.0):
        raise _wrong(number, name, text, "neither 0 nor 1")
    return int(value)


def _time(number: int, name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _wrong(number, name, text, "not a time in ISO 8601") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _wrong(number: int, name: str, text: str, what: str, hint: str = "") -> ScoringError:
    return ScoringError(f"Row {number}: {name} is {text[:60]!r}, {what}.", hint=hint, field=name, row=number)
