"""Performance: what was measured for a version over a window as of a time. Append-only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shipway.errors import RecordsError
from shipway.records.database import Records

_COLUMNS = (
    "model, version, stage, window_start, window_end, as_of, scored, goods, bads, bad_rate, ks, auc, gini, verdict,"
    " thresholds"
)


@dataclass(frozen=True)
class Performance:
    """One measurement; ``ks``, ``auc`` and ``gini`` are None where goods or bads were too few.

    :param window_start: first business time of the window.
    :param window_end: end of the window, itself not in it.
    :param as_of: outcomes known until then counted.
    :param scored: client scores in the window.
    :param bad_rate: bads among the labelled; None without any.
    :param thresholds: what the verdict was judged by.
    """

    model: str
    version: int
    stage: str
    window_start: datetime
    window_end: datetime
    as_of: datetime
    scored: int
    goods: int
    bads: int
    bad_rate: float | None
    ks: float | None
    auc: float | None
    gini: float | None
    verdict: str
    thresholds: dict[str, Any]


def save(records: Records, performance: Performance) -> Performance:
    """Store a measurement; where there is one of the same (model, version, stage, window, as_of), that one stays.

    :returns: the stored one.
    """
    from psycopg.types.json import Jsonb

    values = {**asdict(performance), "thresholds": Jsonb(performance.thresholds)}
    with records.transaction() as connection:
        connection.execute(
            f"INSERT INTO shipway.performance ({_COLUMNS})"  # noqa: S608 - a constant
            " VALUES (%(model)s, %(version)s, %(stage)s, %(window_start)s, %(window_end)s, %(as_of)s, %(scored)s,"
            " %(goods)s, %(bads)s, %(bad_rate)s, %(ks)s, %(auc)s, %(gini)s, %(verdict)s, %(thresholds)s)"
            " ON CONFLICT (model, version, stage, window_start, window_end, as_of) DO NOTHING",
            values,
        )
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.performance"  # noqa: S608 - a constant
            " WHERE model = %(model)s AND version = %(version)s AND stage = %(stage)s AND as_of = %(as_of)s"
            " AND window_start = %(window_start)s AND window_end = %(window_end)s",
            values,
        ).fetchone()
    if row is None:
        raise RecordsError("A performance that was just stored is not there.", hint="Run the task again.")
    return Performance(**row)


def history(records: Records, model: str, version: int | None = None) -> list[Performance]:
    """Return all measurements of a model, oldest first.

    :param version: only those of this version.
    """
    with records.transaction() as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.performance"  # noqa: S608 - a constant
            " WHERE model = %(model)s AND (%(version)s::integer IS NULL OR version = %(version)s)"
            " ORDER BY as_of, version, id",
            {"model": model, "version": version},
        ).fetchall()
    return [Performance(**row) for row in rows]
