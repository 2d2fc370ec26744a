"""The child that trains: it loads a training script, gives it the rows that may train, and checks what it wrote.

Run by :func:`shipway.training.fitting.fit` with the request::

    {"script": path, "snapshot": path, "sha256": "sha256:…", "inputs": {name: "number" | "category"}, "target": name,
     "parameters": {…}, "directory": path}

It answers ``{"metrics": {name: float}, "rows": int, "seconds": float}``. Held-back rows never reach the script.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shipway import child
from shipway.errors import TrainingError
from shipway.training.composition import TRAIN, only
from shipway.training.snapshot import verified

Train = Callable[[dict[str, np.ndarray], np.ndarray, Path, dict[str, Any]], Any]


def fit(request: dict[str, Any]) -> dict[str, Any]:
    """Train with one script on one snapshot.

    :param request: see the module.
    :raises TrainingError: with the script's file and line and its message, or when it did not write a SavedModel.
    """
    script, directory = Path(request["script"]), Path(request["directory"])
    table = only(verified(Path(request["snapshot"]), request["sha256"]).table(), TRAIN)
    columns, target = arrays(table, request["inputs"], request["target"])
    started = time.monotonic()
    metrics = _called(script, columns, target, directory, request["parameters"])
    if not (directory / "saved_model.pb").is_file():
        raise TrainingError(
            f"{script} wrote no SavedModel to its directory.",
            hint="train() must write it to the given directory itself, not below it.",
        )
    return {
        "metrics": _checked(script, metrics),
        "rows": len(target),
        "seconds": round(time.monotonic() - started, 3),
    }


def arrays(table: pa.Table, inputs: Mapping[str, str], target: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Turn rows into what a training script takes.

    :param inputs: name → ``number`` or ``category``.
    :returns: columns (float32 with NaN, or str objects with ``""``, where missing) and the target as int8.
    """
    columns = {name: _floats(table, name) if kind == "number" else _texts(table, name) for name, kind in inputs.items()}
    return columns, table[target].to_numpy().astype(np.int8)


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy().astype(np.float32)


def _texts(table: pa.Table, name: str) -> np.ndarray:
    return np.array([value or "" for value in table[name].to_pylist()], dtype=object)


def _called(script: Path, *arguments: Any) -> Any:
    try:
        return _load(script)(*arguments)
    except TrainingError:
        raise
    except (Exception, SystemExit) as error:  # an exit of the script is a failure too
        traceback.print_exc()
        line = _line(error, script)
        place = f"{script}:{line}" if line else str(script)
        raise TrainingError(
            f"{place}: {type(error).__name__}: {error}", hint="Correct the training script.", line=line
        ) from None


def _load(script: Path) -> Train:
    sys.path.insert(0, str(script.parent))  # a script may have helpers beside it
    spec = importlib.util.spec_from_file_location(f"shipway_script_{script.stem}", script)
    if spec is None or spec.loader is None:
        raise TrainingError(f"{script} is not a Python file.", hint="Name one in training.script of model.yaml.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    train = getattr(module, "train", None)
    if not callable(train):
        raise TrainingError(
            f"{script} defines no function train().", hint="Define train(columns, target, directory, parameters)."
        )
    return train  # type: ignore[no-any-return]


def _line(error: BaseException, script: Path) -> int | None:
    """Return the script's line that led to an error: the innermost one, or that of a syntax error."""
    if isinstance(error, SyntaxError) and error.filename == str(script):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
    return lines[-1] if lines else None


def _checked(script: Path, metrics: Any) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise TrainingError(f"{script}: train() must return a dict of figures, not {type(metrics).__name__}.")
    for name, value in metrics.items():
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise TrainingError(f"{script}: the figure '{name}' that train() returned is {value!r}, not a number.")
    return {str(name): float(value) for name, value in metrics.items()}


if __name__ == "__main__":
    child.serve(fit)
