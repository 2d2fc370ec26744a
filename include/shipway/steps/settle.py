"""What a run leaves behind, however it ended: nothing half-deployed, and the lease given back."""

from __future__ import annotations

from typing import Any

from shipway.errors import LeaseHeld
from shipway.steps import lease as leases
from shipway.steps.deploy import give_traffic_back, withdraw
from shipway.steps.rooms import Rooms

#: Holder of the lease while the nightly run repairs the traffic.
REPAIR = "repair"


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


def repair_traffic(rooms: Rooms, *, stage: str) -> str | None:
    """Give all traffic to the champion where an outage left it split and nobody could clean up.

    While a release holds the lease nothing is touched: the split is its own.

    :returns: what was repaired, or None where nothing had to be.
    """
    from shipway.records.releases import serving

    champion = serving(rooms.records, rooms.spec.model, stage)
    if champion is None or rooms.target(stage).observe(rooms.spec.model).weights == {champion.id: 100}:
        return None
    try:
        lease = leases.take(rooms, stage=stage, run_id=REPAIR)
    except LeaseHeld:
        return None
    try:
        found = rooms.target(stage).observe(rooms.spec.model)  # the release may have ended in between
        champion = serving(rooms.records, rooms.spec.model, stage)
        if champion is None or found.weights == {champion.id: 100}:
            return None
        if champion.id not in found.releases:
            return f"{champion.id} shall serve and does not run: put it back by its release workflow"
        give_traffic_back(rooms, champion, stage=stage, fence=lease.fence)
    finally:
        leases.give_back(rooms, lease)
    return f"traffic was {found.weights or 'nowhere'}, and is with {champion.id} again"


def note_answer(rooms: Rooms, *, release_id: str, decision: str, run_id: str, detail: dict[str, Any]) -> None:
    """Put a no into the history of a release.

    :param decision: ``rejected``, ``unanswered`` or ``asked_again``.
    """
    from shipway.records.releases import append_event

    append_event(rooms.records, release_id, decision, run_id=run_id, detail=detail)
