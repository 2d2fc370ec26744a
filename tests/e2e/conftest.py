"""The real Airflow, PostgreSQL, supervisor and router, once for all end-to-end tests, and a client that never stops."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from e2e.world import ENVIRONMENT, HERE, MODEL, PROJECT, Workflows, World, development_data, make_models

from shipway import api


@pytest.fixture(scope="session")
def home():
    """A folder with a short, open path: as root, PostgreSQL runs under an account of its own."""
    with tempfile.TemporaryDirectory(prefix="shipway-e2e-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def world(home):
    shutil.copytree(HERE / "models", home / "models")
    (home / "environment.yaml").write_text(ENVIRONMENT.format())
    settings = {
        "SHIPWAY_HOME": str(home),
        "SHIPWAY_MODELS": str(home / "models"),
        "SHIPWAY_ENVIRONMENT": str(home / "environment.yaml"),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    workflows = Workflows()
    world = World(home, workflows)
    make_models(world.made)
    development_data(home / "var" / "development.csv")
    try:
        world.start()
        yield world
    finally:
        world.stack.down()
        workflows.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def champion(world):
    """Version 1, trained, approved over REST and serving; and the client that polls from then on."""
    api.train(MODEL, world.home / "var" / "development.csv", by="scientist")
    world.operator.wait_dag(f"{MODEL}_release", 120)
    run = world.release({"version": 1})
    assert world.end(run) == "success", world.tasks(run)
    world.first_run = run
    world.client = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "shipway.cli.main",
            "simulate",
            MODEL,
            "--rate",
            "50",
            "--json",
            "--endpoint",
            world.url,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "include")},
    )
    yield world.served()
    if world.client.poll() is None:
        world.client.kill()
        world.client.communicate()


@pytest.fixture(autouse=True)
def _no_kill_point_is_left(world):
    yield
    left = [file.name for file in world.kill_points.iterdir() if file.suffix != ".consumed"]
    for name in left:
        (world.kill_points / name).unlink()
    assert not left, f"never came to {left}"
