from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from shipway.cli.embedded.airflow import COMPONENTS, EmbeddedAirflow
from shipway.cli.embedded.stack import Stack
from shipway.cli.embedded.story import Story, check_data
from shipway.errors import ShipwayError

PROJECT = Path(__file__).resolve().parents[3]
REAL = ("hmeq.csv", "HMEQPERF_1_Q1.csv")


@pytest.fixture
def stack(tmp_path, monkeypatch):
    (tmp_path / "environment.yaml").write_text("name: t\nstages: [{name: production}]\n")
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(tmp_path / "environment.yaml"))
    monkeypatch.setenv("SHIPWAY_HOME", str(tmp_path))
    stack = Stack(PROJECT, say=lambda line: None)
    yield stack
    for name in stack.processes.names():
        stack.processes.stop(name, grace=2)


class Sleepers(EmbeddedAirflow):
    """Components that only sleep, on a database that needs no preparation."""

    prepared = 0

    def prepare(self):
        self.prepared += 1

    def start(self, processes):
        for component in COMPONENTS:
            processes.start(component, ["/bin/sleep", "60"], os.environ)


@pytest.fixture
def airflow(stack):
    return Sleepers(project=PROJECT, home=stack.home, metadata_url="", port=1, variables={})


def pids(stack):
    return {name: process.pid for name in COMPONENTS if (process := stack.processes.find(name))}


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_died_of_airflow_is_brought_back_and_the_living_are_left_alone(stack, airflow, component):
    stack.start_airflow(airflow)
    before = pids(stack)
    os.kill(before[component], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before[component])], timeout=5)
    stack.start_airflow(airflow)
    after = pids(stack)
    assert set(after) == set(COMPONENTS)
    assert {name for name in COMPONENTS if after[name] != before[name]} == {component}
    assert airflow.prepared == 1


def add(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), "holds no hmeq.csv and no HMEQPERF_<n>_Q<n>.csv."),
        (REAL[:1], "holds no HMEQPERF_<n>_Q<n>.csv."),
        (REAL[1:], "holds no hmeq.csv."),
        (("hmeq.csv", "HMEQPERF_1_Q2.csv"), "holds no HMEQPERF_<n>_Q<n>.csv."),
    ],
)
def test_data_that_lacks_a_file_is_named(tmp_path, names, expected):
    with pytest.raises(ShipwayError, match=expected):
        check_data(add(tmp_path / "data", *names), tmp_path / "var")


def test_data_that_is_no_folder_is_named(tmp_path):
    with pytest.raises(ShipwayError, match=r"nowhere cannot be read \(No such file"):
        check_data(tmp_path / "nowhere", tmp_path / "var")


def test_complete_data_is_taken_unless_the_demo_would_remove_it(tmp_path):
    check_data(add(tmp_path / "data", *REAL), tmp_path / "var")
    with pytest.raises(ShipwayError, match="which a demo removes"):
        check_data(add(tmp_path / "var" / "data", *REAL), tmp_path / "var")


def test_a_demo_without_its_data_removes_nothing(stack, tmp_path):
    report = add(stack.home / "demo", "begun", "report.json") / "report.json"
    with pytest.raises(ShipwayError, match=r"holds no hmeq\.csv"):
        Story(stack, data=add(tmp_path / "data"), wait_for_me=False).tell()
    assert report.exists()


def test_a_demo_leaves_a_home_alone_that_no_demo_has_begun(stack):
    add(stack.home / "registry", "precious")
    with pytest.raises(ShipwayError, match="is in use, and not by a demo"):
        Story(stack, data=None, wait_for_me=False).tell()
    assert (stack.home / "registry" / "precious").exists()


def test_make_demo_takes_a_folder_with_a_space_as_one_argument():
    asked = ["make", "--dry-run", "demo", "DATA=my files", "PYTHON=python3"]
    done = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, timeout=30)
    assert '--data "my files"' in done.stdout
