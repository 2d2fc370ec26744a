"""Registration: from a SavedModel on somebody's disk to a version with signature and golden answers."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from shipway.records.leases import Lease
from shipway.registry.manifest import Manifest, Proposal, lay_out
from shipway.spec.golden import read_golden
from shipway.steps import lease as leases
from shipway.steps import points
from shipway.steps.prebuild import check_model
from shipway.steps.rooms import Rooms


def register_directory(
    rooms: Rooms,
    saved_model: Path,
    *,
    registered_by: str,
    metrics: dict[str, float] | None = None,
    parent: int | None = None,
    snapshot: str | None = None,
    code_revision: str | None = None,
    decision: Literal["accepted", "rejected", "unjudged"] = "unjudged",
    notes: dict[str, Any] | None = None,
    registered_at: str | None = None,
    once: str | None = None,
    lease: Lease | None = None,
) -> Manifest:
    """Check a SavedModel, let it answer the golden requests, and store it as a new version.

    :param saved_model: folder of the SavedModel.
    :param registered_by: user name; this person cannot approve the version.
    :param once: id of the run that registers; a version that it registered before is returned instead of a second.
    :param lease: the attempt's own; an overtaken attempt registers nothing.
    :returns: the manifest of the new version.
    :raises ModelError: when it does not load, or has another signature than the spec asks for.
    :raises UnsafePath: for links and special files in the folder.
    :raises StaleFence: when a newer attempt has taken over.
    """
    known = _registered_by_run(rooms, once) if once else None
    if known:
        return known
    requests = read_golden(rooms.spec)
    checked = check_model(rooms, saved_model, instances=requests)
    golden = [
        {"instance": instance, "score": score} for instance, score in zip(requests, checked["scores"], strict=True)
    ]
    proposal = Proposal(
        registered_by=registered_by,
        registered_at=registered_at or datetime.now(UTC).isoformat(timespec="seconds"),
        metrics=metrics or {},
        parent=parent,
        snapshot=snapshot,
        code_revision=code_revision,
        decision=decision,
        notes=notes or {},
    )
    with tempfile.TemporaryDirectory(prefix="shipway-register-") as folder:
        directory = Path(folder) / "version"
        directory.mkdir()
        lay_out(saved_model, checked["signature"], golden, directory)
        points.passed("register.checked")
        with leases.held(rooms, lease) if lease else nullcontext():
            return rooms.registry.register(rooms.spec.model, directory, proposal)


def _registered_by_run(rooms: Rooms, run_id: str) -> Manifest | None:
    """Find the version that a killed attempt of the same run has registered already; it is among the newest."""
    for version in reversed(rooms.registry.versions(rooms.spec.model)):
        manifest = rooms.registry.get(rooms.spec.model, version)
        if manifest.notes.get("run_id") == run_id:
            return manifest
    return None
