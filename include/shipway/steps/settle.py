"""What a run leaves behind, however it ended: nothing half-deployed, and the lease given back."""

from __future__ import annotations

from typing import Any

from shipway.errors import LeaseHeld
from shipway.steps import lease as leases
from shipway.steps.deploy import withdraw
from shipway.steps.rooms import Rooms


def settle(rooms: Rooms, *, stage: str, release_id: str, run_id: str, why: str) -> dict[str, Any]:
    """Clean up after a failed run: the release is taken away unless it serves; its lease ends.

    A task that was killed for good could not do this itself. Another run that holds the lease is left alone: it
    takes away what it does not know when it promotes.

    :param why: one sentence for the history.
    :returns: ``serving``: the release that serves, or None; ``settled``: whether this run could clean up.
    """
    from shipway.records.releases import serving

    champion = serving(rooms.records, rooms.spec.model, stage)
    try:
        lease = leases.take(rooms, stage=stage, run_id=run_id)
    except LeaseHeld:
        return {"serving": champion.id if champion else None, "settled": False}
    try:
        if champion is None or champion.id != release_id:
            withdraw(rooms, release_id=release_id, lease=lease, why=why)
    finally:
        leases.give_back(rooms, lease)
    return {"serving": champion.id if champion else None, "settled": True}


def note_answer(rooms: Rooms, *, release_id: str, decision: str, run_id: str, detail: dict[str, Any]) -> None:
    """Put a no into the history of a release.

    :param decision: ``rejected``, ``unanswered`` or ``asked_again``.
    """
    from shipway.records.releases import append_event

    append_event(rooms.records, release_id, decision, run_id=run_id, detail=detail)
