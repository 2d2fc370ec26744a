"""Immutable, content-addressed training data: ``<folder>/<sha256>.parquet``, and a ``.json`` that says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shipway.errors import TrainingError
from shipway.training.composition import HELD_BACK, TRAIN, check_apart, compose, entities, only

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Snapshot",
    "check_apart",
    "compose",
    "held_back_entities",
    "read_snapshot",
    "training_entities",
    "verified",
    "write_snapshot",
]

# Fixed, because another size of row groups would be other bytes.
_ROW_GROUP = 100_000


@dataclass(frozen=True)
class Snapshot:
    """One snapshot on disk.

    :param digest: ``sha256:…`` of the Parquet file.
    :param path: the Parquet file.
    :param rows: of both splits, as are ``entities`` (different ones), ``goods`` and ``bads``.
    """

    digest: str
    path: Path
    rows: int
    entities: int
    goods: int
    bads: int

    def table(self) -> pa.Table:
        """Read all rows: entity, origin, business_time, split, the inputs and, last, the target."""
        from pyarrow import parquet

        return parquet.read_table(self.path)


def write_snapshot(folder: Path, table: pa.Table, about: Mapping[str, Any]) -> Snapshot:
    """Store rows; the same rows, in whatever order, are the same snapshot and are stored once.

    :param folder: of all snapshots; created when missing.
    :param table: of :func:`compose`; the target is its last column.
    :param about: what is worth knowing of its origin, plain JSON; the first writer's stays.
    """
    from pyarrow import parquet

    ordered = table.sort_by(_sort_keys(table.column_names)).combine_chunks()
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", dir=folder)
    os.close(handle)
    partial = Path(name)
    try:
        # Without the Arrow schema the bytes depend on rows and Parquet writer alone.
        parquet.write_table(ordered, partial, compression="zstd", row_group_size=_ROW_GROUP, store_schema=False)
        digest = _sha256(partial)
        snapshot = _describe(f"sha256:{digest}", folder / f"{digest}.parquet", ordered)
        _write_about(snapshot, about)
        partial.chmod(0o444)
        partial.replace(snapshot.path)
    finally:
        partial.unlink(missing_ok=True)
    return snapshot


def read_snapshot(folder: Path, digest: str) -> Snapshot:
    """Find a snapshot and verify it.

    :param folder: of all snapshots.
    :param digest: ``sha256:…``.
    :raises TrainingError: when it is missing, or its bytes are not what the digest says.
    """
    return verified(folder / f"{digest.removeprefix('sha256:')}.parquet", digest)


def verified(path: Path, digest: str) -> Snapshot:
    """Verify one Parquet file.

    :param path: the file.
    :param digest: ``sha256:…`` that it must have.
    :raises TrainingError: when it is missing, or its bytes are not what the digest says.
    """
    from pyarrow import parquet

    if not path.is_file():
        raise TrainingError(
            f"There is no training snapshot {digest} in {path.parent}.",
            hint="All workers need the same folder: see 'snapshots' of the environment.",
            digest=digest,
        )
    found = _sha256(path)
    if found != digest.removeprefix("sha256:"):
        raise TrainingError(
            f"{path} was altered: its sha256 is {found}.", hint="Restore it from a backup.", digest=digest, found=found
        )
    return _describe(f"sha256:{found}", path, parquet.read_table(path))


def training_entities(folder: Path, digest: str) -> set[str]:
    """Return the entities that a training with this snapshot sees.

    :raises TrainingError: when the snapshot is missing or was altered.
    """
    return _entities(folder, digest, TRAIN)


def held_back_entities(folder: Path, digest: str) -> set[str]:
    """Return the entities that this snapshot keeps for comparison.

    :raises TrainingError: when the snapshot is missing or was altered.
    """
    return _entities(folder, digest, HELD_BACK)


def _entities(folder: Path, digest: str, split: str) -> set[str]:
    return entities(only(read_snapshot(folder, digest).table(), split))


def _sort_keys(names: Sequence[str]) -> list[tuple[str, Literal["ascending", "descending"]]]:
    """Sort by entity, origin and time, and then by everything else, so that no tie keeps its order of arrival."""
    order = {"entity": 0, "origin": 1, "business_time": 2}
    return [(name, "ascending") for name in sorted(names, key=lambda name: order.get(name, len(order)))]


def _describe(digest: str, path: Path, table: pa.Table) -> Snapshot:
    bads = table[table.column_names[-1]].to_pylist().count(1)
    return Snapshot(digest, path, len(table), entities=len(entities(table)), goods=len(table) - bads, bads=bads)


def _write_about(snapshot: Snapshot, about: Mapping[str, Any]) -> None:
    file = snapshot.path.with_suffix(".json")
    if file.exists():
        return
    counts = {name: getattr(snapshot, name) for name in ("digest", "rows", "entities", "goods", "bads")}
    partial = Path(f"{file}.{os.getpid()}.partial")
    partial.write_text(json.dumps({**about, **counts}, indent=2, sort_keys=True) + "\n")
    partial.replace(file)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
