"""Deliveries: which message went to whom, and whether it arrived."""

from __future__ import annotations

from typing import Any

from shipway.records.database import Records


def note(
    records: Records, *, model: str, run_id: str, event: str, audience: str, channel: str, ok: bool, error: str = ""
) -> None:
    """Write a delivery down.

    :param event: what the message was about.
    :param channel: kind of the channel, such as ``teams``; never its address.
    :param error: why it failed; without any address.
    """
    with records.transaction() as connection:
        connection.execute(
            "INSERT INTO shipway.delivery (model, run_id, event, audience, channel, ok, error)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (model, run_id, event, audience, channel, ok, error or ""),
        )


def recent(records: Records, model: str, limit: int = 50) -> list[dict[str, Any]]:
    """Return the latest deliveries of a model, newest first.

    :param limit: rows at most.
    """
    with records.transaction() as connection:
        return connection.execute(
            "SELECT model, run_id, event, audience, channel, ok, error, noted_at FROM shipway.delivery"
            " WHERE model = %s ORDER BY id DESC LIMIT %s",
            (model, limit),
        ).fetchall()
