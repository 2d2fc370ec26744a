import json
import os
import time

import pytest

from shipway.errors import TargetError, TargetUnavailable
from shipway.spec.environment import Environment
from shipway.target.contract import Launch
from shipway.target.local.target import LocalTarget
from shipway.target.opening import open_target

LAUNCH = Launch("r1", "m", 1, "sha256:c", "layout@sha256:i", "sha256:i")


def test_every_call_says_that_there_is_no_supervisor(tmp_path):
    target = LocalTarget(tmp_path, "test")
    calls = [
        lambda: target.observe("m"),
        lambda: target.stage(LAUNCH, fence=1),
        lambda: target.probe("m", "r1"),
        lambda: target.shift("m", {"r1": 100}, fence=1),
        lambda: target.retire("m", "r1", fence=1),
    ]
    for call in calls:
        with pytest.raises(TargetUnavailable, match="the supervisor is not running: start it with `make up`"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("age", "pid"), [(6, os.getpid()), (0, 2**22 + 1)])
def test_an_old_heartbeat_or_a_dead_pid_is_no_supervisor(tmp_path, age, pid):
    folder = tmp_path / "test"
    folder.mkdir()
    (folder / "heartbeat.json").write_text(json.dumps({"pid": pid, "time": time.time() - age, "router_port": 1}))
    with pytest.raises(TargetUnavailable, match="not running"):
        LocalTarget(tmp_path, "test").stage(LAUNCH, fence=1)


def test_a_stage_opens_its_target_below_its_path(tmp_path):
    environment = Environment.model_validate({"name": "e", "stages": [{"name": "test"}]})
    environment._home = tmp_path
    assert isinstance(open_target(environment, "test"), LocalTarget)
    with pytest.raises(TargetError, match="no stage 'prod', only test"):
        open_target(environment, "prod")
