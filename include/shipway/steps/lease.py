"""The lease of (model, stage): from deploy to promote two releases never mix.

Every attempt of every task takes the lease anew under the name of its run, and gets a higher fence. Whatever an
overtaken attempt still tries is refused, by the records and by the target.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shipway.records.leases import Lease
from shipway.steps.rooms import Rooms

#: Time to spare beyond what a step may wait, in seconds.
_SPARE = 120.0


def take(rooms: Rooms, *, stage: str, run_id: str) -> Lease:
    """Take the lease for a run's next attempt.

    :raises LeaseHeld: while another run is releasing this model on this stage.
    """
    from shipway.records.leases import acquire

    rollout = rooms.spec.rollout
    seconds = rollout.ready_timeout_seconds + len(rollout.steps) * (rollout.bake_seconds + 30) + _SPARE
    return acquire(rooms.records, rooms.spec.model, stage, run_id, seconds=seconds)


def take_for_registration(rooms: Rooms, *, run_id: str) -> Lease:
    """Take a lease of the run's own, so that of its attempts only the latest registers a version."""
    from shipway.records.leases import acquire

    return acquire(rooms.records, rooms.spec.model, f"register/{run_id}", run_id, seconds=_SPARE)


@contextmanager
def held(rooms: Rooms, lease: Lease) -> Iterator[None]:
    """Let nobody take over while something changes that knows no fences, such as the registry.

    :raises StaleFence: when a newer attempt has taken over already; then the change is not begun.
    """
    from shipway.records.leases import check_locked

    with rooms.records.transaction() as connection:
        check_locked(connection, lease)
        yield


def give_back(rooms: Rooms, lease: Lease) -> None:
    """Give the lease back, if it is still ours."""
    from shipway.records.leases import release_lease

    release_lease(rooms.records, lease)


def resume(rooms: Rooms, *, stage: str, run_id: str, fence: int) -> Lease:
    """Return the lease that this very attempt took before it waited.

    :param fence: the fence that :func:`take` gave it.
    :raises StaleFence: when a newer attempt has taken over meanwhile.
    """
    from datetime import UTC, datetime

    from shipway.records.leases import check

    lease = Lease(rooms.spec.model, stage, run_id, fence, datetime.now(UTC))
    check(rooms.records, lease)
    return lease
