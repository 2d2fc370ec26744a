"""The first version: train on development data, measure on held-back applicants, register."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shipway.registry.manifest import Manifest
from shipway.steps.registering import register_directory
from shipway.steps.retrain import code_revision, evaluate, figures, train
from shipway.steps.rooms import Rooms


def train_first(rooms: Rooms, *, development: Path, registered_by: str) -> tuple[Manifest, dict[str, Any]]:
    """Train a version on development data alone, and register it with what it achieved on held-back entities.

    :param development: CSV with the entity, every input and the target.
    :param registered_by: user name of the data scientist.
    :returns: the manifest, and the comparison's figures.
    :raises TrainingError: naming column and row of a wrong value, or the script's file and line.
    """
    from shipway.training.rows import read_development
    from shipway.training.snapshot import compose, write_snapshot

    table = compose(read_development(development, rooms.spec), [], rooms.spec, seen_by_champion=None)
    snapshot = write_snapshot(rooms.snapshots, table, {"model": rooms.spec.model, "champion": None})
    candidate = train(rooms, snapshot=snapshot.digest)["candidate"]
    measured = evaluate(rooms, snapshot=snapshot.digest, candidate=candidate, champion=None)
    manifest = register_directory(
        rooms,
        Path(candidate),
        registered_by=registered_by,
        metrics=figures(measured),
        snapshot=snapshot.digest,
        code_revision=code_revision(rooms),
        notes={"held_back": {name: measured[name] for name in ("entities", "rows", "goods", "bads")}},
    )
    return manifest, measured
