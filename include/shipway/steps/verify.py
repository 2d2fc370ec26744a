"""``verify``: golden requests to the release's private endpoint, before it gets any traffic."""

from __future__ import annotations

from typing import Any

from shipway.errors import ReleaseFailed
from shipway.steps import lease as leases
from shipway.steps import points
from shipway.steps.deploy import withdraw
from shipway.steps.golden import check_private
from shipway.steps.rooms import Rooms


def verify(rooms: Rooms, *, release_id: str, run_id: str) -> dict[str, Any]:
    """Replay the golden requests at the private endpoint; take the release away when it answers otherwise.

    :returns: ``requests`` and ``largest_difference``.
    :raises ReleaseFailed: when it does not answer as at registration.
    :raises StaleFence: when a newer attempt has taken over.
    """
    from shipway.records.releases import append_event, get_release

    release = get_release(rooms.records, release_id)
    lease = leases.take(rooms, stage=release.stage, run_id=run_id)
    points.passed("verify.leased")
    probe = rooms.target(release.stage).probe(release.model, release.id)
    try:
        if probe.state != "ready":
            raise ReleaseFailed(f"{release.id} is not ready any more: {probe.reason}")
        result = check_private(rooms, release, probe.endpoint)
    except ReleaseFailed as error:
        withdraw(rooms, release_id=release.id, lease=lease, why=str(error))
        raise
    append_event(rooms.records, release.id, "verified", run_id=run_id, detail=result, lease=lease)
    points.passed("verify.recorded")
    return result
