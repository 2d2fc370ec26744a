"""Trainings are slow: each happens once in a session, and every test looks at what came out."""

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.hmeq import data
from shipway import child
from shipway.spec.model import ModelSpec
from shipway.spec.reading import read_model
from shipway.training.curve import Curve
from shipway.training.evaluate import held_back_instances
from shipway.training.fitting import fit
from shipway.training.rows import read_development
from shipway.training.snapshot import Snapshot, compose, training_entities, write_snapshot

PROJECT = Path(__file__).resolve().parents[3]
#: Each with entity, features and bad.
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Trained:
    """A trained model with the snapshot that it was trained on."""

    snapshot: Snapshot
    directory: Path
    fitted: dict[str, Any]


def with_script(script: str) -> ModelSpec:
    spec = read_model("hmeq")
    changed = spec.model_copy(update={"training": spec.training.model_copy(update={"script": script})})
    changed._folder = spec.folder
    return changed


@dataclass(frozen=True)
class Scored:
    """Signature of a model, and its scores of each set of rows."""

    signature: dict[str, Any]
    scores: dict[str, list[float]]
    bad: dict[str, list[int]]

    def ks(self, name: str) -> float:
        """KS on one set."""
        found = Curve(np.array(self.scores[name]), np.array(self.bad[name]) == 1).ks()
        assert found is not None
        return found


def score(directory: Path, sets: dict[str, Rows]) -> Scored:
    """Load a SavedModel as serving does and score all rows in one child: its TensorFlow costs seconds to import."""
    spec = read_model("hmeq")
    request = {
        "directory": str(directory),
        "signature": spec.serving.signature,
        "output": spec.serving.output,
        "inputs": dict(spec.inputs),
        "instances": [row["features"] for rows in sets.values() for row in rows],
    }
    answer = child.run("shipway.serving.check", request, timeout=300)
    left = iter(answer["scores"])
    scores = {name: [next(left) for _ in rows] for name, rows in sets.items()}
    return Scored(answer["signature"], scores, {name: [row["bad"] for row in rows] for name, rows in sets.items()})


def held_back_rows(snapshot: Snapshot) -> Rows:
    """Held-back rows of a snapshot, in the shape of :func:`read_quarter`."""
    columns = zip(*held_back_instances(snapshot, read_model("hmeq")), strict=True)
    return [{"entity": entity, "features": features, "bad": bad} for entity, features, bad in columns]


def unjudged(instances: list[dict[str, Any]]) -> Rows:
    """Instances whose truth does not matter."""
    return [{"features": features, "bad": 0} for features in instances]


def first_training(development: Path, folder: Path, script: str = "train.py") -> Trained:
    spec = with_script(script)
    table = compose(read_development(development, spec), [], spec, seen_by_champion=None)
    snapshot = write_snapshot(folder / "snapshots", table, {"model": spec.model})
    return Trained(snapshot, folder / "model", fit(spec, snapshot.path, folder / "model"))


def read_quarter(folder: Path, name: str) -> Rows:
    """Rows as the records give them: entity, business_time, features, bad."""
    spec = read_model("hmeq")
    with (folder / "outcomes" / f"{name}.csv").open(newline="") as stream:
        bad = {row["APPLICANT"]: int(row["BAD"]) for row in csv.DictReader(stream)}
    with (folder / "quarters" / f"{name}.csv").open(newline="") as stream:
        return [
            {
                "entity": row["APPLICANT"],
                "business_time": row["BUSINESS_TIME"],
                "features": {name: _value(row[name], kind) for name, kind in spec.inputs.items()},
                "bad": bad[row["APPLICANT"]],
            }
            for row in csv.DictReader(stream)
        ]


def _value(text: str, kind: str) -> float | str | None:
    if not text:
        return None
    return float(text) if kind == "number" else text


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return read_model("hmeq")


@pytest.fixture(scope="session")
def golden(spec: ModelSpec) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((spec.folder / spec.golden.requests).read_text())
    return found


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    data.generate(folder, seed=7, quarters=4)
    return folder


@pytest.fixture(scope="session")
def champion(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return first_training(generated / "development.csv", tmp_path_factory.mktemp("champion"))


@pytest.fixture(scope="session")
def challenger(
    spec: ModelSpec, generated: Path, champion: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("challenger")
    fields = [row for name in ("Q1", "Q2", "Q3") for row in read_quarter(generated, name)]
    development = read_development(generated / "development.csv", spec)
    seen = training_entities(champion.snapshot.path.parent, champion.snapshot.digest)
    table = compose(development, fields, spec, seen_by_champion=seen)
    snapshot = write_snapshot(folder / "snapshots", table, {"model": spec.model})
    return Trained(snapshot, folder / "model", fit(spec, snapshot.path, folder / "model"))


@pytest.fixture(scope="session")
def special(golden: list[dict[str, Any]]) -> dict[str, Rows]:
    """Golden requests in two orders, and instances that hold what training never saw."""
    odd = [{**golden[0], "JOB": "Astronaut"}, {**golden[0], "JOB": None}, dict.fromkeys(golden[0])]
    return {"golden": unjudged(golden), "odd": unjudged(odd), "backwards": unjudged(golden[::-1])}


@pytest.fixture(scope="session")
def champion_scored(champion: Trained, challenger: Trained, generated: Path, special: dict[str, Rows]) -> Scored:
    quarters = {name: read_quarter(generated, name) for name in ("Q1", "Q2", "Q3", "Q4")}
    apart = {"held_back": held_back_rows(champion.snapshot), "compared": held_back_rows(challenger.snapshot)}
    return score(champion.directory, {**special, **quarters, **apart})


@pytest.fixture(scope="session")
def challenger_scored(challenger: Trained, generated: Path) -> Scored:
    sets = {"compared": held_back_rows(challenger.snapshot), "Q4": read_quarter(generated, "Q4")}
    return score(challenger.directory, sets)


@pytest.fixture(scope="session")
def keras_scored(keras_model: Trained, special: dict[str, Rows]) -> Scored:
    return score(keras_model.directory, {**special, "held_back": held_back_rows(keras_model.snapshot)})


@pytest.fixture(scope="session")
def keras_model(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return first_training(generated / "development.csv", tmp_path_factory.mktemp("keras"), "train_keras.py")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real files, matched; the test is skipped by name where there are none."""
    folder = Path(os.environ.get("SHIPWAY_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "hmeq.csv").is_file():
        pytest.skip(f"no HMEQ data in {folder}; name their folder in SHIPWAY_TEST_DATA")
    out = tmp_path_factory.mktemp("real")
    data.match(folder, out)
    return out


@pytest.fixture(scope="session")
def real_champion(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return first_training(real / "development.csv", tmp_path_factory.mktemp("real-champion"))


@pytest.fixture(scope="session")
def real_scored(real: Path, real_champion: Trained) -> Scored:
    quarters = {name: read_quarter(real, name) for name in ("Q1", "Q2", "Q3")}
    return score(real_champion.directory, {**quarters, "held_back": held_back_rows(real_champion.snapshot)})
