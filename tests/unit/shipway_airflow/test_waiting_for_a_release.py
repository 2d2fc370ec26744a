import asyncio
import os
import time
from importlib import import_module

import pytest

from shipway.target.contract import Launch
from shipway.target.local.places import Places, write_json
from shipway.target.local.target import LocalTarget
from shipway_airflow.triggers import probe
from shipway_airflow.triggers.probe import ProbeTrigger


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A stage with a release that is staged, and a supervisor that lives but has not begun."""
    file = tmp_path / "environment.yaml"
    file.write_text("name: t\nstages: [{name: production, target: {kind: local, path: local}}]\n")
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(file))
    monkeypatch.setenv("SHIPWAY_HOME", str(tmp_path))
    monkeypatch.setattr(probe, "POLL_SECONDS", 0.02)
    stage = Stage(tmp_path / "local")
    stage.beat()
    stage.target.stage(Launch("r1", "m", 1, "sha256:c", "layout@sha256:i", "sha256:i"), fence=1)
    return stage


class Stage:
    def __init__(self, folder):
        self.target, self.places = LocalTarget(folder, "production"), Places(folder / "production")

    def beat(self):
        write_json(self.places.heartbeat, {"pid": os.getpid(), "time": time.time() + 60, "router_port": 1})

    def see(self, state, reason=""):
        from shipway.target.local import desired

        life = desired.read(self.places.desired("m")).lives["r1"]
        one = {"state": state, "reason": reason, "endpoint": "http://e", "life": life}
        write_json(self.places.observed("m"), {"releases": {"r1": one}})


def trigger(seconds=30.0, release="r1"):
    return ProbeTrigger(model="m", stage="production", release=release, seconds=seconds)


def events(trigger, meanwhile=lambda: None):
    async def run():
        found = asyncio.ensure_future(anext(aiter(trigger.run())))
        await asyncio.sleep(0.1)
        waiting = not found.done()
        meanwhile()
        return waiting, (await asyncio.wait_for(found, 10)).payload

    return asyncio.run(run())


def test_the_triggerer_makes_the_same_trigger_again():
    path, arguments = trigger(seconds=12.5).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**arguments)
    assert type(again) is ProbeTrigger
    assert again.serialize() == (path, arguments)


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_it_waits_until_the_release_is_ready_or_failed(stage, state):
    assert events(trigger(), lambda: stage.see(state)) == (True, {"state": state})


def test_it_gives_up_when_the_time_is_over(stage):
    start = time.monotonic()
    assert events(trigger(seconds=0.3)) == (True, {"state": "pending"})
    assert time.monotonic() - start >= 0.3


def test_a_release_that_nobody_wants_has_failed_at_once(stage):
    assert events(trigger(release="r2")) == (False, {"state": "failed"})


def test_a_supervisor_that_restarts_is_waited_for(stage):
    stage.see("ready")
    stage.places.heartbeat.unlink()
    assert events(trigger(), stage.beat) == (True, {"state": "ready"})
