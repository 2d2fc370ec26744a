"""Fenced leases on (model, stage): two releases never mix, and an attempt that was overtaken writes nothing.

A lease is a row; its fence rises with every acquisition, also by the same holder, because each attempt of a task may
outlive the next one. Time is the database's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shipway.errors import LeaseHeld, StaleFence
from shipway.records.database import Records

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Lease:
    """The right to change a model's releases on a stage.

    :param holder: the run that holds it.
    :param fence: number of the acquisition; targets refuse lower ones.
    :param expires_at: from then on another holder may take it over.
    """

    model: str
    stage: str
    holder: str
    fence: int
    expires_at: datetime


def acquire(records: Records, model: str, stage: str, holder: str, *, seconds: float) -> Lease:
    """Take the lease: a free one, an expired one, or one's own again, each time with a higher fence.

    :param seconds: how long it holds.
    :raises LeaseHeld: when another holder's lease lives; ``data`` has ``holder`` and ``expires_at``.
    """
    with records.transaction() as connection:
        row = connection.execute(
            "INSERT INTO shipway.lease AS held (model, stage, holder, fence, expires_at)"
            " VALUES (%(model)s, %(stage)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))"
            " ON CONFLICT (model, stage) DO UPDATE SET holder = excluded.holder, fence = held.fence + 1,"
            " expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)"
            " WHERE held.holder = excluded.holder OR held.expires_at <= clock_timestamp()"
            " RETURNING model, stage, holder, fence, expires_at",
            {"model": model, "stage": stage, "holder": holder, "seconds": float(seconds)},
        ).fetchone()
        if row is None:
            raise _held(_row(connection, model, stage))
    return Lease(**row)


def release_lease(records: Records, lease: Lease) -> None:
    """Give it back; nothing happens when it was overtaken."""
    with records.transaction() as connection:
        connection.execute(
            "UPDATE shipway.lease SET expires_at = least(expires_at, clock_timestamp())"
            " WHERE model = %s AND stage = %s AND fence = %s AND holder = %s",
            (lease.model, lease.stage, lease.fence, lease.holder),
        )


def check(records: Records, lease: Lease) -> None:
    """Make sure that nobody has taken over. An expired lease that nobody took is still good.

    :raises StaleFence: when somebody has.
    """
    with records.transaction() as connection:
        _compare(lease, _row(connection, lease.model, lease.stage))


def check_locked(connection: psycopg.Connection[dict[str, Any]], lease: Lease) -> None:
    """Make sure that nobody has taken over, nor can until the transaction ends.

    :raises StaleFence: when somebody has.
    """
    _compare(lease, _row(connection, lease.model, lease.stage, lock=True))


def _row(
    connection: psycopg.Connection[dict[str, Any]], model: str, stage: str, *, lock: bool = False
) -> dict[str, Any] | None:
    query = "SELECT holder, fence, expires_at FROM shipway.lease WHERE model = %s AND stage = %s"
    return connection.execute(query + (" FOR UPDATE" if lock else ""), (model, stage)).fetchone()


def _compare(lease: Lease, row: dict[str, Any] | None) -> None:
    if row is None or row["fence"] != lease.fence or row["holder"] != lease.holder:
        raise _stale(lease, row)


def _stale(lease: Lease, row: dict[str, Any] | None) -> StaleFence:
    found = row["fence"] if row else 0
    return StaleFence(
        f"Attempt {lease.fence} on {lease.model}/{lease.stage} was overtaken by attempt {found}.",
        hint="Nothing was changed; look at the newer attempt.",
        fence=lease.fence,
        found=found,
        holder=row["holder"] if row else None,
    )


def _held(row: dict[str, Any] | None) -> LeaseHeld:
    holder, expires_at = (row["holder"], row["expires_at"]) if row else ("nobody any more", None)
    until = f" until {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else ""
    return LeaseHeld(
        f"{holder} is releasing this model on this stage{until}.",
        hint="Wait for it, or stop that run.",
        holder=holder,
        expires_at=expires_at.isoformat() if expires_at else None,
    )
