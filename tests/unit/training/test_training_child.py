import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shipway.errors import ChildFailed, TrainingError
from shipway.spec.model import ModelSpec
from shipway.training import child_fit
from shipway.training.composition import TRAIN, only
from shipway.training.fitting import fit
from shipway.training.snapshot import Snapshot, compose, write_snapshot

SAVES = """
def train(columns, target, directory, parameters):
    (directory / "saved_model.pb").write_bytes(b"")
"""


@pytest.fixture(autouse=True)
def unchanged_path() -> Iterator[None]:
    before = sys.path[:]
    yield
    sys.path[:] = before


@pytest.fixture
def snapshot(spec: ModelSpec, development: pa.Table, tmp_path: Path) -> Snapshot:
    return write_snapshot(tmp_path / "snapshots", compose(development, [], spec, seen_by_champion=None), {})


def with_script(spec: ModelSpec, folder: Path, text: str, **training: Any) -> ModelSpec:
    (folder / "train.py").write_text(text)
    changed = spec.model_copy(update={"training": spec.training.model_copy(update=training)})
    changed._folder = folder
    return changed


def asked(snapshot: Snapshot, folder: Path, text: str) -> dict[str, Any]:
    script = folder / "train.py"
    script.write_text(text)
    (folder / "out").mkdir()
    return {
        "script": str(script),
        "snapshot": str(snapshot.path),
        "sha256": snapshot.digest,
        "inputs": {"LOAN": "number", "JOB": "category"},
        "target": "BAD",
        "parameters": {},
        "directory": str(folder / "out"),
    }


def test_the_script_sees_only_rows_that_may_train(spec: ModelSpec, snapshot: Snapshot, tmp_path: Path) -> None:
    script = SAVES + "    return {'rows': len(target), 'bads': int(target.sum()), 'depth': parameters['depth']}\n"
    found = fit(with_script(spec, tmp_path, script, parameters={"depth": 3}), snapshot.path, tmp_path / "out")
    train = only(snapshot.table(), TRAIN)
    bads = train["BAD"].to_pylist().count(1)
    assert found["metrics"] == {"rows": len(train), "bads": bads, "depth": 3}
    assert found["rows"] == len(train) < snapshot.rows
    assert (tmp_path / "out" / "saved_model.pb").exists()


def test_the_script_sees_no_secret_of_the_parent(
    spec: ModelSpec, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHIPWAY_RECORDS", "postgresql://user:secret@host/db")
    script = SAVES + "    import os\n    return {'seen': sum('AIRFLOW' in name for name in os.environ)}\n"
    assert fit(with_script(spec, tmp_path, script), snapshot.path, tmp_path / "out")["metrics"] == {"seen": 0}


def test_an_error_of_the_script_comes_back_with_file_line_and_message(
    spec: ModelSpec, snapshot: Snapshot, tmp_path: Path
) -> None:
    script = "import json\n\ndef train(columns, target, directory, parameters):\n    return json.loads('{')\n"
    with pytest.raises(TrainingError, match=r"train\.py:4: JSONDecodeError: Expecting property name") as caught:
        fit(with_script(spec, tmp_path, script), snapshot.path, tmp_path / "out")
    assert caught.value.data["line"] == 4


def test_a_script_that_takes_too_long_is_stopped(spec: ModelSpec, snapshot: Snapshot, tmp_path: Path) -> None:
    script = "import time\ndef train(*all):\n    print('going to sleep', flush=True)\n    time.sleep(60)\n"
    slow = with_script(spec, tmp_path, script, timeout_minutes=2 / 60)
    with pytest.raises(ChildFailed, match="did not finish within 2 s"):
        fit(slow, snapshot.path, tmp_path / "out")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def train(:\n", r"train\.py:1: SyntaxError"),
        ("import nothing_of_that_name\n", r"train\.py:1: ModuleNotFoundError"),
        ("x = 1\n", r"defines no function train\(\)"),
        ("def train(*all):\n    raise SystemExit('enough')\n", r"train\.py:2: SystemExit: enough"),
        ("def train(*all):\n    return {}\n", "wrote no SavedModel"),
        (SAVES, r"train\(\) must return a dict of figures, not NoneType"),
        (SAVES + "    return {'ks': float('nan')}\n", "the figure 'ks' .* is nan"),
    ],
)
def test_a_faulty_script_is_explained(snapshot: Snapshot, tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        child_fit.fit(asked(snapshot, tmp_path, script))


def test_an_altered_snapshot_is_not_trained_on(snapshot: Snapshot, tmp_path: Path) -> None:
    request = asked(snapshot, tmp_path, SAVES)
    snapshot.path.chmod(0o644)
    snapshot.path.write_bytes(snapshot.path.read_bytes() + b"x")
    with pytest.raises(TrainingError, match="was altered"):
        child_fit.fit(request)


def test_a_script_may_have_helpers_beside_it(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "helper_of_this_test.py").write_text("DEPTH = 4\n")
    script = "from helper_of_this_test import DEPTH\n" + SAVES + "    return {'depth': DEPTH}\n"
    assert child_fit.fit(asked(snapshot, tmp_path, script))["metrics"] == {"depth": 4.0}


def test_columns_are_floats_with_nan_and_texts_with_blanks() -> None:
    table = pa.table(
        {"LOAN": pa.array([1.5, None]), "JOB": pa.array([None, "Mgr"]), "BAD": pa.array([1, 0], pa.int8())}
    )
    columns, target = child_fit.arrays(table, {"LOAN": "number", "JOB": "category"}, "BAD")
    assert columns["LOAN"].dtype == np.float32
    np.testing.assert_array_equal(columns["LOAN"], [1.5, np.nan])
    assert columns["JOB"].tolist() == ["", "Mgr"]
    assert (target.dtype, target.tolist()) == (np.int8, [1, 0])
