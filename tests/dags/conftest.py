from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SPEC = "title: Model {name}\nmodel: {name}\ninputs: {{LOAN: number}}\ntarget: BAD\n"


class Parser:
    """Parses the real DAG files as Airflow does, over models and an environment of its own."""

    def __init__(self, folder, monkeypatch):
        self.models, self.environment, self._monkeypatch = folder / "models", folder / "environment.yaml", monkeypatch
        self.models.mkdir()
        self.environment.write_text("name: t\nstages: [{name: production, approval: {approvers: [ada]}}]\n")
        monkeypatch.setenv("SHIPWAY_MODELS", str(self.models))
        monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(self.environment))
        monkeypatch.setenv("SHIPWAY_HOME", str(folder))

    def model(self, name, text=SPEC):
        folder = self.models / name
        folder.mkdir()
        (folder / "model.yaml").write_text(text.format(name=name))
        (folder / "golden.json").write_text("[]")
        (folder / "train.py").write_text("")
        return folder / "model.yaml"

    def bag(self, file, dag_id=None):
        from airflow.dag_processing.dagbag import BundleDagBag

        if dag_id:
            self._monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
        return BundleDagBag(
            dag_folder=str(PROJECT / "dags" / file), bundle_path=PROJECT / "dags", bundle_name="dags-folder"
        )

    def dags(self, file, dag_id=None):
        bag = self.bag(file, dag_id)
        assert bag.import_errors == {}
        return bag.dags


@pytest.fixture
def parser(tmp_path, monkeypatch):
    return Parser(tmp_path, monkeypatch)
