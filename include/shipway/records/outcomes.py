"""Outcomes: the later-known truth about an entity. Append-only; a correction is a row that is known later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from shipway.errors import RecordsError
from shipway.records.database import Records

#: entity, bad (0 or 1), occurred_at, known_at; both times with a zone.
Row = tuple[str, int, datetime, datetime]


def add_outcomes(records: Records, model: str, rows: Iterable[Row], source: str) -> int:
    """Add outcomes, all or none; rows that are already there, with the same values, are left out.

    :param rows: (entity, bad, occurred_at, known_at) each.
    :param source: where they come from, such as a file's name.
    :returns: how many were new.
    :raises RecordsError: naming the first row that is not an outcome.
    """
    with records.transaction() as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE incoming (place bigint, entity text, bad smallint, occurred_at timestamptz,"
            " known_at timestamptz) ON COMMIT DROP"
        )
        with connection.cursor().copy(
            "COPY pg_temp.incoming (place, entity, bad, occurred_at, known_at) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "text", "int2", "timestamptz", "timestamptz"])
            for row in _checked(rows):
                copy.write_row(row)
        return connection.execute(
            "INSERT INTO shipway.outcome (model, entity, bad, occurred_at, known_at, source)"
            " SELECT %s, entity, bad, occurred_at, known_at, %s FROM pg_temp.incoming ORDER BY entity, place"
            " ON CONFLICT (model, entity, occurred_at, known_at, bad) DO NOTHING",
            (model, source),
        ).rowcount


def _checked(rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    for place, row in enumerate(rows, start=1):
        problem = _problem(row)
        if problem:
            raise RecordsError(f"Outcome {place}: {problem}.", hint="Nothing was added; correct the row.", row=place)
        entity, bad, occurred_at, known_at = row
        yield place, entity, int(bad), occurred_at, known_at


def _problem(row: Row) -> str:
    if len(row) != 4:
        return f"expected entity, bad, occurred_at, known_at, found {len(row)} values"
    entity, bad, occurred_at, known_at = row
    if not isinstance(entity, str) or not entity or "\0" in entity:
        return f"entity: expected a text, found {entity!r}"
    if isinstance(bad, str) or bad not in (0, 1):
        return f"bad: expected 0 or 1, found {bad!r}"
    for name, value in (("occurred_at", occurred_at), ("known_at", known_at)):
        if not isinstance(value, datetime) or value.tzinfo is None:
            return f"{name}: expected a time with a zone, found {value!r}"
    return "" if known_at >= occurred_at else "known_at lies before occurred_at"
