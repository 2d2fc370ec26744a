import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.rows import read_development
from shipway.training.snapshot import (
    Snapshot,
    compose,
    held_back_entities,
    read_snapshot,
    training_entities,
    write_snapshot,
)


@pytest.fixture
def table(spec: ModelSpec, development: pa.Table, fields: list[dict[str, Any]]) -> pa.Table:
    return compose(development, fields, spec, seen_by_champion={"A1"})


@pytest.fixture
def snapshot(table: pa.Table, tmp_path: Path) -> Snapshot:
    return write_snapshot(tmp_path / "snapshots", table, {"model": "loans"})


def test_the_same_rows_in_another_order_are_the_same_bytes(
    spec: ModelSpec, development: pa.Table, snapshot: Snapshot, fields: list[dict[str, Any]], tmp_path: Path
) -> None:
    random.Random(3).shuffle(fields)
    backwards = development.take(list(range(len(development)))[::-1])
    again = compose(backwards, fields, spec, seen_by_champion={"A1"})
    other = write_snapshot(tmp_path / "elsewhere", again, {"model": "loans"})
    assert other.digest == snapshot.digest
    assert other.path.read_bytes() == snapshot.path.read_bytes()


def test_rows_that_differ_only_in_their_values_have_no_order_of_arrival(
    spec: ModelSpec, field_row: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    rows = [field_row("A1", loan) for loan in (3.0, None, 1.0)]
    nothing = read_development(None, spec)
    tables = [compose(nothing, order, spec, seen_by_champion={"A1"}) for order in (rows, rows[::-1])]
    assert len({write_snapshot(tmp_path, table, {}).digest for table in tables}) == 1


def test_a_changed_value_is_another_snapshot(table: pa.Table, snapshot: Snapshot, tmp_path: Path) -> None:
    assert write_snapshot(tmp_path / "snapshots", table.slice(1), {}).digest != snapshot.digest


def test_a_snapshot_reads_back_as_it_was_written(table: pa.Table, snapshot: Snapshot) -> None:
    found = read_snapshot(snapshot.path.parent, snapshot.digest)
    assert found == snapshot
    assert found.table().schema.equals(table.schema)
    key = [("entity", "ascending"), ("origin", "ascending")]
    assert found.table().sort_by(key).to_pylist() == table.sort_by(key).to_pylist()


def test_it_counts_rows_entities_goods_and_bads(table: pa.Table, snapshot: Snapshot) -> None:
    rows = table.to_pylist()
    bads = sum(row["BAD"] for row in rows)
    names = {row["entity"] for row in rows}
    expected = (len(rows), len(names), len(rows) - bads, bads)
    assert (snapshot.rows, snapshot.entities, snapshot.goods, snapshot.bads) == expected
    about = json.loads(snapshot.path.with_suffix(".json").read_text())
    assert about["model"] == "loans"
    assert about["digest"] == snapshot.digest == f"sha256:{snapshot.path.stem}"


def test_writing_again_changes_nothing_and_leaves_nothing_behind(table: pa.Table, snapshot: Snapshot) -> None:
    again = write_snapshot(snapshot.path.parent, table, {"model": "another story"})
    assert again == snapshot
    assert sorted(file.suffix for file in snapshot.path.parent.iterdir()) == [".json", ".parquet"]
    assert json.loads(snapshot.path.with_suffix(".json").read_text())["model"] == "loans"


def test_an_altered_byte_is_found(snapshot: Snapshot) -> None:
    content = bytearray(snapshot.path.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.path.chmod(0o644)
    snapshot.path.write_bytes(content)
    with pytest.raises(TrainingError, match="was altered"):
        read_snapshot(snapshot.path.parent, snapshot.digest)


def test_a_missing_snapshot_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training snapshot sha256:00"):
        read_snapshot(tmp_path, "sha256:00")


def test_entities_of_both_sides_can_be_asked_for(snapshot: Snapshot, table: pa.Table) -> None:
    folder = snapshot.path.parent
    train, compared = training_entities(folder, snapshot.digest), held_back_entities(folder, snapshot.digest)
    assert train | compared == {row["entity"] for row in table.to_pylist()}
    assert not train & compared
    assert "A1" in train
