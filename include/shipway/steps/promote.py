"""``promote``: move the traffic step by step, check in public, move the alias; at any failure all of it goes back."""

from __future__ import annotations

import time
from typing import Any

from shipway.errors import RecordsUnavailable, ReleaseFailed, ShipwayError, StaleFence
from shipway.records.leases import Lease
from shipway.records.releases import Release
from shipway.steps import lease as leases
from shipway.steps import points
from shipway.steps.aliases import move_champion
from shipway.steps.deploy import require_approval, withdraw
from shipway.steps.golden import check_public
from shipway.steps.rooms import Rooms


def promote(rooms: Rooms, *, release_id: str, run_id: str, put_back: bool = False) -> dict[str, Any]:
    """Make a verified release the one that serves.

    The record ``promoted`` is the turning point: before it every failure, and every retry after a kill, returns to
    the champion's traffic and alias first or goes on from there; after it a retry only finishes what is left.

    :param put_back: an older release returns; an unreachable registry is then told, not fatal.
    :returns: ``release``, ``version``, ``previous`` (release, or None) and ``alias`` (what was done with it).
    :raises ReleaseFailed: with why, after traffic and alias were put back.
    :raises StaleFence: when a newer attempt has taken over; then nothing is put back either.
    :raises RecordsUnavailable: when PostgreSQL does not answer; a retry goes on, because without the records nobody
        knows what to put back.
    """
    from shipway.records.releases import get_release, serving

    release = get_release(rooms.records, release_id)
    lease = leases.take(rooms, stage=release.stage, run_id=run_id)
    points.passed("promote.leased")
    previous = serving(rooms.records, release.model, release.stage)
    if previous is None or previous.id != release.id:
        alias = _turn(rooms, release, previous, lease=lease, run_id=run_id, put_back=put_back)
    else:
        alias = _finish(rooms, release, lease, put_back=put_back)
        previous = _before(rooms, release, run_id)
    points.passed("promote.recorded")
    _retire_others(rooms, release, lease)
    points.passed("promote.retired")
    leases.give_back(rooms, lease)
    return {
        "release": release.id,
        "stage": release.stage,
        "version": release.version,
        "image_digest": release.image_digest,
        "previous": previous.id if previous else None,
        "previous_version": previous.version if previous else None,
        "alias": alias,
    }


def _turn(
    rooms: Rooms, release: Release, previous: Release | None, *, lease: Lease, run_id: str, put_back: bool
) -> str:
    from shipway.records.releases import append_event

    try:
        require_approval(rooms, release, previous, put_back=put_back)  # a lease may have run out since `deploy`
        _shift_stepwise(rooms, release, previous, lease)
        alias = _move_alias(rooms, release, lease, put_back=put_back)
        points.passed("promote.aliased")
        detail = {"previous": previous.id if previous else None, "alias": alias}
        append_event(rooms.records, release.id, "promoted", run_id=run_id, detail=detail, lease=lease)
    except (StaleFence, RecordsUnavailable):
        raise
    except Exception as error:
        tail = _log_tail(rooms, release)
        withdraw(rooms, release_id=release.id, lease=lease, why=str(error))
        served = f"version {previous.version} serves again" if previous else "nothing serves"
        raise ReleaseFailed(f"{release.id} was not promoted, {served}. {error}\n{tail}", release=release.id) from error
    return alias


def _shift_stepwise(rooms: Rooms, release: Release, previous: Release | None, lease: Lease) -> None:
    target = rooms.target(release.stage)
    served = previous is not None and target.probe(release.model, previous.id).state == "ready"
    for share in rooms.spec.rollout.steps if served else (100,):
        weights = {release.id: share}
        if previous is not None and share < 100:
            weights[previous.id] = 100 - share
        target.shift(release.model, weights, fence=lease.fence)
        points.passed("promote.shifted")
        points.passed(f"promote.shifted_{share}")
        time.sleep(rooms.spec.rollout.bake_seconds)
        endpoint = target.observe(release.model).endpoint
        check_public(rooms, release, endpoint)


def _move_alias(rooms: Rooms, release: Release, lease: Lease, *, put_back: bool) -> str:
    if release.stage != rooms.last_stage:
        return "not moved: only the last stage has the champion"
    with leases.held(rooms, lease):
        try:
            return move_champion(rooms, release.version)
        except (ShipwayError, OSError) as error:
            if not put_back:
                raise
            return f"not moved ({type(error).__name__}); the monitor repairs it"


def _finish(rooms: Rooms, release: Release, lease: Lease, *, put_back: bool) -> str:
    """An earlier attempt recorded the promotion: make sure that target and alias agree with it."""
    rooms.target(release.stage).shift(release.model, {release.id: 100}, fence=lease.fence)
    return _move_alias(rooms, release, lease, put_back=put_back)


def _before(rooms: Rooms, release: Release, run_id: str) -> Release | None:
    """Return what served before an earlier attempt of this run recorded the promotion."""
    from shipway.records.releases import events, get_release

    ours = [event for event in events(rooms.records, release.id) if event["event"] == "promoted"]
    before = ours[-1]["detail"].get("previous") if ours and ours[-1]["run_id"] == run_id else None
    return get_release(rooms.records, before) if before else None


def _retire_others(rooms: Rooms, release: Release, lease: Lease) -> None:
    """Stop what gets no traffic any more; it can come back from its image without registry or build."""
    target = rooms.target(release.stage)
    for other in target.observe(release.model).releases:
        if other != release.id:
            target.retire(release.model, other, fence=lease.fence)


def _log_tail(rooms: Rooms, release: Release) -> str:
    """Say what the target knows of the release; a target that is away adds nothing."""
    try:
        return rooms.target(release.stage).probe(release.model, release.id).reason
    except ShipwayError:
        return ""
