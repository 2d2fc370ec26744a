"""Train one model on one snapshot, in a child interpreter without Connections in reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shipway import child
from shipway.spec.model import ModelSpec


def fit(spec: ModelSpec, snapshot_path: Path, directory: Path) -> dict[str, Any]:
    """Run the model's training script on the rows of a snapshot that may train.

    :param spec: names the script, its parameters, time limit and interpreter (which needs numpy, pyarrow, pydantic).
    :param snapshot_path: ``<sha256>.parquet``; the child verifies it against its name.
    :param directory: new or empty; the SavedModel is written there.
    :returns: ``metrics`` (the script's own figures), ``rows`` and ``seconds``.
    :raises TrainingError: with the script's file, line and message, or when the snapshot was altered.
    :raises ChildFailed: when the child crashed or took longer than ``training.timeout_minutes``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    request = {
        "script": str((spec.folder / spec.training.script).resolve()),
        "snapshot": str(snapshot_path.resolve()),
        "sha256": f"sha256:{snapshot_path.stem}",
        "inputs": dict(spec.inputs),
        "target": spec.target,
        "parameters": dict(spec.training.parameters),
        "directory": str(directory.resolve()),
    }
    return child.run(
        "shipway.training.child_fit",
        request,
        timeout=spec.training.timeout_minutes * 60,
        interpreter=spec.training.interpreter,
    )
