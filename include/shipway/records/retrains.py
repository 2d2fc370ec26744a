"""Retrains: a champion that decays, for one cause, starts one retrain, not one each night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shipway.errors import RecordsError
from shipway.records.database import Records

_COLUMNS = "model, champion, cause, run_id, as_of, claimed_at, decision, challenger, detail, finished_at"


def claim(records: Records, *, model: str, champion: int, cause: str, run_id: str, as_of: datetime) -> bool:
    """Claim the one retrain of (model, champion, cause).

    :param champion: number of the champion's version; 0 where there is none.
    :param as_of: business time of the claim.
    :returns: whether it is this run's; also when the same run claims again.
    """
    with records.transaction() as connection:
        connection.execute(
            "INSERT INTO shipway.retrain (model, champion, cause, run_id, as_of) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (model, champion, cause) DO NOTHING",
            (model, champion, cause, run_id, as_of),
        )
        row = connection.execute(
            "SELECT run_id FROM shipway.retrain WHERE model = %s AND champion = %s AND cause = %s",
            (model, champion, cause),
        ).fetchone()
    return row is not None and row["run_id"] == run_id


def finish(
    records: Records,
    *,
    model: str,
    champion: int,
    cause: str,
    decision: str,
    challenger: int | None,
    detail: Mapping[str, Any],
) -> None:
    """Write down how a retrain ended.

    :param decision: for example ``accepted`` or ``rejected``.
    :param challenger: number of the version that it registered, if any.
    :param detail: plain JSON.
    :raises RecordsError: when nobody has claimed it.
    """
    from psycopg.types.json import Jsonb

    with records.transaction() as connection:
        found = connection.execute(
            "UPDATE shipway.retrain SET decision = %s, challenger = %s, detail = %s, finished_at = clock_timestamp()"
            " WHERE model = %s AND champion = %s AND cause = %s",
            (decision, challenger, Jsonb(dict(detail)), model, champion, cause),
        ).rowcount
    if not found:
        raise RecordsError(
            f"There is no retrain of {model} version {champion} because of '{cause}'.", hint="Claim it first."
        )


def last(records: Records, model: str) -> dict[str, Any] | None:
    """Return the retrain of a model with the latest business time, or None."""
    found = of_model(records, model)
    return found[-1] if found else None


def of_model(records: Records, model: str) -> list[dict[str, Any]]:
    """Return all retrains of a model, by business time: the columns of the table."""
    with records.transaction() as connection:
        return connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.retrain WHERE model = %s"  # noqa: S608 - a constant
            " ORDER BY as_of, claimed_at",
            (model,),
        ).fetchall()
