import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def parse(seed):
    """Parse all files in an interpreter whose sets have an order of their own."""
    path = os.pathsep.join(str(PROJECT / folder) for folder in ("include", "plugins"))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("parse_child.py")), str(PROJECT)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def parsed():
    return parse("1")


def test_parsing_loads_nothing_heavy_but_what_importing_the_sdk_alone_loads(parsed):
    assert parsed["after"] == parsed["sdk"]
    assert set(parsed["sdk"]) <= {"sqlalchemy", "rich"}


def test_two_parses_make_the_same_dags_and_so_no_new_version(parsed):
    again = parse("2")["dags"]
    assert set(again) == {"hmeq_release", "hmeq_monitor", "hmeq_retrain", "shipway_specs"}
    for dag_id, dag in again.items():
        assert version(dag) == version(parsed["dags"][dag_id]), dag_id


def version(dag):
    """The hash by which Airflow tells whether a DAG has changed."""
    from airflow.models.serialized_dag import SerializedDagModel

    return SerializedDagModel.hash(dag)


def test_airflow_loads_no_module_of_ours_under_a_foreign_name(parsed):
    ours = {"shipway_airflow", "shipway_plugin"}
    assert {name.split(".")[0] for name in parsed["plugin_modules"]} - ours == set()
    assert "shipway_airflow.operators.step" in parsed["plugin_modules"]
    assert parsed["plugin_errors"] == {}


def test_no_dag_file_imports_another():
    files = {file.stem: file for file in (PROJECT / "dags").glob("*.py")}
    assert files
    for file in files.values():
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        }
        assert not imported & {*files, "dags"}, file
