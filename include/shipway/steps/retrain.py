"""The steps of a retrain: begin, snapshot, train, evaluate, register."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shipway.errors import TrainingError
from shipway.partial import partial_folder
from shipway.registry.manifest import MODEL_FOLDER, canonical, sha256
from shipway.steps import lease as leases
from shipway.steps import points
from shipway.steps.aliases import CHALLENGER, CHAMPION
from shipway.steps.prebuild import check_model
from shipway.steps.registering import register_directory
from shipway.steps.rooms import Rooms

#: Who registers a retrained version; never a person, so every approver may approve it.
REGISTERED_BY = "shipway"


def due(rooms: Rooms, *, as_of: datetime) -> str | None:
    """Say why no retrain may start by itself now, or None where it may.

    :param as_of: business time of the measurement that asks.
    """
    from shipway.records.retrains import last

    cooldown = timedelta(days=rooms.spec.training.cooldown_days)
    latest = last(rooms.records, rooms.spec.model)
    if latest is None or as_of >= latest["as_of"] + cooldown:
        return None
    return f"the last retrain was of {latest['as_of']:%Y-%m-%d}, and {cooldown.days} days must pass"


def run_id(model: str, *, champion: int | None, cause: str) -> str:
    """Return the id of the one run that a cause starts for a champion."""
    return f"retrain__{model}__v{champion or 0}__{cause}"


def begin(rooms: Rooms, *, cause: str, as_of: datetime, run_id: str, expected: int | None = None) -> dict[str, Any]:
    """Claim the retrain of this champion for this cause.

    :param expected: the champion that was judged; another one that serves by now is not retrained for it.
    :returns: ``champion`` (version), ``cause`` and ``claimed``: False when another run has it already, or another
        champion serves than was judged.
    :raises TrainingError: when no version serves, so there is nothing to compare with.
    """
    from shipway.records.releases import serving
    from shipway.records.retrains import claim

    champion = serving(rooms.records, rooms.spec.model, rooms.last_stage)
    if champion is None:
        raise TrainingError(
            f"No version of {rooms.spec.model} serves, so there is no champion to challenge.",
            hint=f"Train and register the first version: shipway train {rooms.spec.model}.",
        )
    claimed = expected in (None, champion.version) and claim(
        rooms.records, model=rooms.spec.model, champion=champion.version, cause=cause, run_id=run_id, as_of=as_of
    )
    points.passed("begin.claimed")
    return {"champion": champion.version, "cause": cause, "as_of": as_of.isoformat(), "claimed": claimed}


def take_snapshot(rooms: Rooms, *, champion: int, as_of: datetime) -> dict[str, Any]:
    """Freeze development and field data as they are known at ``as_of``.

    :param champion: version whose training entities must not be compared on.
    :returns: ``digest``, ``rows``, ``entities``, ``goods`` and ``bads`` of the snapshot.
    :raises TrainingError: when the champion's own snapshot is not known, or there is nothing to learn from.
    """
    from shipway.records.scores import field_rows
    from shipway.training.rows import read_development
    from shipway.training.snapshot import compose, training_entities, write_snapshot

    digest = rooms.registry.get(rooms.spec.model, champion).snapshot
    if digest is None:
        raise TrainingError(
            f"Version {champion} names no training snapshot, so nobody knows which applicants it has seen.",
            hint="Let a version that `shipway train` or a retrain made serve first.",
        )
    days = rooms.spec.monitoring.outcome_days
    fields = field_rows(rooms.records, rooms.spec.model, as_of=as_of, outcome_days=days, stage=rooms.last_stage)
    development = read_development(_development(rooms), rooms.spec)
    seen = training_entities(rooms.snapshots, digest)
    table = compose(development, fields, rooms.spec, seen_by_champion=seen)
    about = {"model": rooms.spec.model, "champion": champion, "as_of": as_of.isoformat(), "champion_snapshot": digest}
    snapshot = write_snapshot(rooms.snapshots, table, about)
    points.passed("snapshot.written")
    return _plain(snapshot)


def train(rooms: Rooms, *, snapshot: str) -> dict[str, Any]:
    """Train a candidate on a snapshot, in a child interpreter.

    The candidate lies in the shared work folder, addressed by snapshot and script: a repeated attempt finds it, and
    an old one that is late leaves it as it is.

    :param snapshot: digest of the snapshot.
    :returns: ``candidate`` (folder of the SavedModel) and the script's own ``metrics``.
    :raises TrainingError: with file and line of the script.
    """
    from shipway.training.fitting import fit
    from shipway.training.snapshot import read_snapshot

    folder = rooms.work("candidates", f"{snapshot.removeprefix('sha256:')[:16]}-{code_revision(rooms)[-12:]}")
    if not folder.exists():
        snapshot_path = read_snapshot(rooms.snapshots, snapshot).path
        with partial_folder(folder) as partial:
            fitted = fit(rooms.spec, snapshot_path, partial / MODEL_FOLDER)
            (partial / "fitted.json").write_text(json.dumps(fitted))
            points.passed("train.fitted")
            with contextlib.suppress(OSError):  # another attempt was first; somebody may read its candidate already
                partial.rename(folder)
        points.passed("train.kept")
    fitted = json.loads((folder / "fitted.json").read_text())
    return {"candidate": str(folder / MODEL_FOLDER), "metrics": fitted["metrics"]}


def evaluate(rooms: Rooms, *, snapshot: str, candidate: str, champion: int | None) -> dict[str, Any]:
    """Compare a candidate with the champion on the held-back rows, of entities that neither has seen.

    :param candidate: folder of the candidate's SavedModel.
    :param champion: version to compare with; None for a first version, which is only measured.
    :returns: both KS and AUC, counts, ``decision`` and ``reason``.
    :raises EntityOverlap: when an entity stands on both sides.
    """
    from dataclasses import asdict

    from shipway.training.evaluate import compare, held_back_instances
    from shipway.training.snapshot import read_snapshot

    rules = rooms.spec.training
    _check_apart(rooms, snapshot, champion)
    entities, instances, bad = held_back_instances(read_snapshot(rooms.snapshots, snapshot), rooms.spec)
    challenger_scores = check_model(rooms, Path(candidate), instances=instances)["scores"]
    comparison = compare(
        entities,
        bad,
        _champion_scores(rooms, champion, instances),
        challenger_scores,
        minimum_gain=rules.minimum_gain,
        confidence=rules.confidence,
        minimum_events=rooms.spec.monitoring.minimum_events,
        seed=int(snapshot.removeprefix("sha256:")[:8], 16),
    )
    return asdict(comparison)


def register(
    rooms: Rooms, *, begun: dict[str, Any], snapshot: str, candidate: str, comparison: dict[str, Any], run_id: str
) -> dict[str, Any]:
    """Register the candidate, accepted or rejected, with its lineage; only an accepted one becomes challenger.

    :returns: ``version``, ``decision`` and the digests.
    :raises StaleFence: when a newer attempt has taken over; then nothing is registered.
    """
    from shipway.records.retrains import finish

    lease = leases.take_for_registration(rooms, run_id=run_id)
    points.passed("register.leased")
    manifest = register_directory(
        rooms,
        Path(candidate),
        registered_by=REGISTERED_BY,
        metrics=figures(comparison),
        parent=begun["champion"],
        snapshot=snapshot,
        code_revision=code_revision(rooms),
        decision=comparison["decision"],
        notes={"run_id": run_id, "cause": begun["cause"], "comparison": comparison},
        registered_at=begun["as_of"],
        once=run_id,
        lease=lease,
    )
    points.passed("register.registered")
    # A run that is cleared and runs again finds its version, and stays with what was decided and registered then.
    comparison = manifest.notes["comparison"]
    if manifest.decision == "accepted":
        with leases.held(rooms, lease):
            _propose(rooms, manifest.version)
    points.passed("register.proposed")
    finish(
        rooms.records,
        model=rooms.spec.model,
        champion=begun["champion"],
        cause=begun["cause"],
        decision=manifest.decision,
        challenger=manifest.version,
        detail=comparison,
    )
    points.passed("register.finished")
    return {
        "version": manifest.version,
        "decision": manifest.decision,
        "content_digest": manifest.content_digest,
        "manifest_digest": manifest.digest,
    }


def figures(comparison: dict[str, Any]) -> dict[str, float]:
    """Return the challenger's figures of a comparison; too few rows give none."""
    named = {"ks": comparison["challenger_ks"], "auc": comparison["challenger_auc"]}
    return {name: value for name, value in named.items() if value is not None}


def code_revision(rooms: Rooms) -> str:
    """Return ``sha256:…`` of all that makes a version besides its data: the folder's code and how it is called."""
    training = rooms.spec.training
    code = {file.name: sha256(file) for file in rooms.spec.folder.glob("*.py")}
    called = {"script": training.script, "parameters": training.parameters, "interpreter": training.interpreter}
    return f"sha256:{hashlib.sha256(canonical([code, called])).hexdigest()}"


def _development(rooms: Rooms) -> Path | None:
    path = rooms.spec.training.development
    return rooms.environment.path(path) if path else None


def _check_apart(rooms: Rooms, snapshot: str, champion: int | None) -> None:
    """Refuse a comparison in which an applicant stands on both sides."""
    from shipway.training.snapshot import check_apart, held_back_entities, training_entities

    trained_champion: set[str] = set()
    if champion is not None:
        digest = rooms.registry.get(rooms.spec.model, champion).snapshot
        trained_champion = training_entities(rooms.snapshots, digest) if digest else set()
    check_apart(
        training_entities(rooms.snapshots, snapshot), held_back_entities(rooms.snapshots, snapshot), trained_champion
    )


def _champion_scores(rooms: Rooms, champion: int | None, instances: list[dict[str, Any]]) -> list[float] | None:
    if champion is None:
        return None
    with tempfile.TemporaryDirectory(prefix="shipway-champion-") as folder:
        directory = Path(folder) / "version"
        rooms.registry.download(rooms.spec.model, champion, directory)
        scores: list[float] = check_model(rooms, directory / MODEL_FOLDER, instances=instances)["scores"]
    return scores


def _propose(rooms: Rooms, version: int) -> None:
    """Make a version the challenger, unless it serves already: then this is a late retry."""
    found = rooms.registry.alias(rooms.spec.model, CHALLENGER)
    if version not in (found, rooms.registry.alias(rooms.spec.model, CHAMPION)):
        rooms.registry.move_alias(rooms.spec.model, CHALLENGER, version, expected=found)


def _plain(snapshot: Any) -> dict[str, Any]:
    names = ("digest", "rows", "entities", "goods", "bads")
    return {name: getattr(snapshot, name) for name in names}
