"""The evidence that an approver sees, and that the answer binds."""

from __future__ import annotations

from typing import Any

from shipway.errors import RecordsError, ShipwayError
from shipway.records.releases import Release
from shipway.steps import points
from shipway.steps.rooms import Rooms


def gather(rooms: Rooms, *, stage: str, built: dict[str, Any], requested_by: str, because: str = "") -> dict[str, Any]:
    """Collect what an approver must know, and open the release's record.

    :param stage: where the release shall go.
    :param built: the results of prebuild and build together.
    :param requested_by: who started the run.
    :param because: why people are asked again, where they are.
    :returns: plain JSON; ``binding`` in it is exactly what a yes binds.
    :raises RecordsUnavailable: when PostgreSQL does not answer.
    """
    from shipway.records.approvals import binding
    from shipway.records.releases import open_release, serving

    release = open_release(
        rooms.records,
        model=rooms.spec.model,
        stage=stage,
        version=built["version"],
        content_digest=built["content_digest"],
        image_digest=built["image_digest"],
        image=built["image"],
        spec_digest=rooms.spec_digest,
        requested_by=requested_by,
    )
    points.passed("approve.opened")
    champion = serving(rooms.records, rooms.spec.model, stage)
    return {
        **{key: built[key] for key in _SHOWN if key in built},
        "model": rooms.spec.model,
        "title": rooms.spec.title,
        "stage": stage,
        "release": release.id,
        "requested_by": requested_by,
        "because": because,
        "champion": _champion(rooms, champion),
        "rollout": list(rooms.spec.rollout.steps),
        "serving": rooms.serving_options,
        "binding": binding(release, champion.id if champion else None),
    }


_SHOWN = (
    "version", "content_digest", "manifest_digest", "image", "image_digest", "parent", "registered_by", "registered_at",
    "metrics", "snapshot", "code_revision", "decision", "notes", "golden", "size", "file_count",
)  # fmt: skip


def approvers(rooms: Rooms, evidence: dict[str, Any]) -> list[str]:
    """Return who may answer: the environment's approvers but the one who registered the version.

    :raises ShipwayError: when nobody is left.
    """
    rule = rooms.environment.stage(evidence["stage"]).approval
    asked = [user for user in (rule.approvers if rule else ()) if user != evidence["registered_by"]]
    if not asked:
        raise ShipwayError(
            f"Nobody may approve {evidence['model']} version {evidence['version']} for {evidence['stage']}: "
            f"its only approver, {evidence['registered_by']}, registered it.",
            hint=f"Name another approver of {evidence['stage']} in the environment file.",
        )
    return asked


def _champion(rooms: Rooms, champion: Release | None) -> dict[str, Any] | None:
    """Describe what serves now. The registry may be away or the version gone: then its metrics are missing, no more."""
    if champion is None:
        return None
    from shipway.records.performance import history

    try:
        metrics = rooms.registry.get(champion.model, champion.version).metrics
    except (ShipwayError, OSError):
        metrics = {}
    try:
        measured = history(rooms.records, champion.model, champion.version)
    except RecordsError:
        measured = []
    latest = measured[-1] if measured else None
    return {
        "release": champion.id,
        "version": champion.version,
        "image_digest": champion.image_digest,
        "metrics": metrics,
        "measured": {"ks": latest.ks, "verdict": latest.verdict, "as_of": latest.as_of.isoformat()} if latest else None,
    }
