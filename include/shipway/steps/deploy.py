"""``deploy``: start an approved release without traffic."""

from __future__ import annotations

from typing import Any

from shipway.errors import ChampionChanged, ReleaseFailed
from shipway.records.leases import Lease
from shipway.records.releases import Release
from shipway.steps import lease as leases
from shipway.steps import points
from shipway.steps.aliases import take_back
from shipway.steps.rooms import Rooms
from shipway.target.contract import Launch, Probe


def deploy(rooms: Rooms, *, release_id: str, run_id: str, put_back: bool = False) -> dict[str, Any]:
    """Check the approval record, take the lease, and start the release without traffic.

    :param release_id: id of the release.
    :param run_id: holder of the lease.
    :param put_back: an older, approved release returns: any approval of it counts, whoever is champion now.
    :returns: ``release``, ``stage``, ``version``, ``image_digest``, ``previous`` (the champion's release or None) and
        ``fence``.
    :raises ReleaseFailed: when the release is of another model or stage.
    :raises ApprovalMissing: when the stage needs an approval and there is no record of one for exactly this evidence.
    :raises ChampionChanged: when it was approved against another champion.
    :raises LeaseHeld: while another run is releasing this model on this stage.
    """
    from shipway.records.releases import append_event, get_release, serving

    release = get_release(rooms.records, release_id)
    require_own(rooms, release)
    lease = leases.take(rooms, stage=release.stage, run_id=run_id)
    points.passed("deploy.leased")
    try:
        champion = serving(rooms.records, release.model, release.stage)
        options = require_approval(rooms, release, champion, put_back=put_back)
        rooms.target(release.stage).stage(_launch(release, options), fence=lease.fence)
    except Exception:
        leases.give_back(rooms, lease)
        raise
    points.passed("deploy.staged")
    append_event(rooms.records, release.id, "staged", run_id=run_id, detail={"put_back": put_back}, lease=lease)
    points.passed("deploy.recorded")
    return {
        "release": release.id,
        "stage": release.stage,
        "version": release.version,
        "image_digest": release.image_digest,
        "previous": champion.id if champion else None,
        "fence": lease.fence,
    }


def require_own(rooms: Rooms, release: Release) -> None:
    """Refuse a release that is of another model, or of a stage that the environment does not have.

    :raises ReleaseFailed: naming both.
    """
    stages = [stage.name for stage in rooms.environment.stages]
    if release.model != rooms.spec.model or release.stage not in stages:
        raise ReleaseFailed(
            f"Release {release.id} is of {release.model} on {release.stage}, "
            f"not of {rooms.spec.model} on {' or '.join(stages)}.",
            hint="Start the workflow of its own model.",
        )


def check_ready(rooms: Rooms, *, stage: str, release_id: str) -> Probe:
    """Say how a staged release does; quick, for polling."""
    return rooms.target(stage).probe(rooms.spec.model, release_id)


def require_ready(rooms: Rooms, *, release_id: str, probe: Probe, lease: Lease) -> dict[str, Any]:
    """Return the private endpoint of a ready release; clean up after one that did not come up.

    :param probe: what the target says; still ``pending`` means that the time is over.
    :raises ReleaseFailed: with the tail of the server's log.
    """
    if probe.state == "ready":
        return {"endpoint": probe.endpoint}
    why = probe.reason or "no answer in time"
    withdraw(rooms, release_id=release_id, lease=lease, why=why)
    raise ReleaseFailed(f"Release {release_id} did not become ready: {why}", release=release_id)


def withdraw(rooms: Rooms, *, release_id: str, lease: Lease, why: str) -> None:
    """Take a failed release away, with traffic and alias; then let others release again. The champion is not touched.

    :param lease: the attempt's own; an overtaken attempt takes nothing away.
    :param why: one sentence for the history.
    :raises StaleFence: when a newer attempt has taken over.
    """
    from shipway.records.releases import append_event, get_release, serving

    target = rooms.target(lease.stage)
    release = get_release(rooms.records, release_id)
    champion = serving(rooms.records, rooms.spec.model, lease.stage)
    detail = {"why": why[-2000:]}
    append_event(rooms.records, release_id, "failed", run_id=lease.holder, detail=detail, lease=lease)
    points.passed("withdraw.recorded")
    if champion is None or champion.id != release_id:
        give_traffic_back(rooms, champion, stage=lease.stage, fence=lease.fence)
        points.passed("withdraw.shifted")
        if release_id in target.observe(rooms.spec.model).releases:
            target.retire(rooms.spec.model, release_id, fence=lease.fence)
        points.passed("withdraw.retired")
        _take_alias_back(rooms, release, champion, lease)
    leases.give_back(rooms, lease)


def _take_alias_back(rooms: Rooms, release: Release, champion: Release | None, lease: Lease) -> None:
    if release.stage == rooms.last_stage:
        with leases.held(rooms, lease):
            take_back(rooms, version=release.version, champion=champion.version if champion else None)


def give_traffic_back(rooms: Rooms, champion: Release | None, *, stage: str, fence: int) -> None:
    """Give all traffic to the champion; with no champion, or none that runs, nothing gets any.

    What is observed does not tell whether that is needed: a shift that did not come about may be wanted still.
    """
    target = rooms.target(stage)
    runs = champion is not None and champion.id in target.observe(rooms.spec.model).releases
    target.shift(rooms.spec.model, {champion.id: 100} if champion and runs else {}, fence=fence)


def require_approval(rooms: Rooms, release: Release, champion: Release | None, *, put_back: bool) -> dict[str, Any]:
    """Return the serving options that were approved; refuse without a matching record.

    :raises ApprovalMissing: when the stage needs an approval and there is no record of one for exactly this evidence.
    :raises ChampionChanged: when it was approved against another champion.
    """
    from shipway.records import approvals

    if rooms.environment.stage(release.stage).approval is None:
        return rooms.serving_options
    if put_back:
        approval = approvals.require_any(rooms.records, release)
    elif champion is not None and champion.id == release.id:
        # It serves already: an earlier attempt of this run got that far, or it is released again.
        approval = approvals.require_any(rooms.records, release)
    else:
        approval = approvals.require(rooms.records, release=release, champion=champion.id if champion else None)
    options: dict[str, Any] = approval.evidence["serving"]
    return options


def why_again(error: ChampionChanged) -> str:
    """Say why people are asked again, for the next request."""
    before, now = error.data.get("approved_against"), error.data.get("champion")
    return f"the champion has changed since the approval, from {before or 'none'} to {now or 'none'}."


def _launch(release: Release, options: dict[str, Any]) -> Launch:
    return Launch(
        release=release.id,
        model=release.model,
        version=release.version,
        content_digest=release.content_digest,
        image=release.image,
        image_digest=release.image_digest,
        serving=options,
    )
