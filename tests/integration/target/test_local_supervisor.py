import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from integration.serving import world

from shipway import child
from shipway.errors import TargetUnavailable

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ready(local_world, saved_models, fence, until_state):
    local_world.target.stage(local_world.launch("hmeq-1", saved_models[0]), fence=fence())
    assert until_state(local_world.target, "hmeq", "hmeq-1", "ready", "failed").state == "ready"
    local_world.target.shift("hmeq", {"hmeq-1": 100}, fence=fence())
    return local_world


def score(one):
    port = int(one.target.observe("hmeq").endpoint.rpartition(":")[2])
    return world.ask(port, "POST", "/v1/models/hmeq:predict", {"instances": [{"ENTITY": "e", "LOAN": 1}]})[0]


@pytest.mark.parametrize("part", ["model server", "gateway"])
def test_a_killed_process_is_started_again(ready, part, until_state):
    before = ready.pids("hmeq", "hmeq-1")
    os.kill(before[part], signal.SIGKILL)
    world.wait_until(lambda: ready.pids("hmeq", "hmeq-1")[part] not in (None, before[part]), 30)
    assert until_state(ready.target, "hmeq", "hmeq-1", "ready").state == "ready"
    world.wait_until(lambda: score(ready) == 200, 10)
    other = "gateway" if part == "model server" else "model server"
    assert ready.pids("hmeq", "hmeq-1")[other] == before[other]


def test_a_killed_router_comes_back_at_its_port(ready):
    endpoint = ready.target.observe("hmeq").endpoint
    (router,) = [
        one for one in psutil.Process(ready.running.process.pid).children() if "shipway.serving.router" in one.cmdline()
    ]
    router.kill()
    router.wait(5)
    seen = ready.target.observe("hmeq")
    assert (seen.endpoint, seen.weights) == (endpoint, {"hmeq-1": 100})
    assert score(ready) == 200


def test_only_the_gateway_knows_the_database(ready):
    pids = ready.pids("hmeq", "hmeq-1")
    assert "SHIPWAY_GATEWAY_URL" in psutil.Process(pids["gateway"]).environ()
    assert "SHIPWAY_GATEWAY_URL" not in psutil.Process(pids["model server"]).environ()
    texts = [file.read_text() for file in ready.places.root.rglob("*") if file.suffix in (".log", ".json")]
    assert len(texts) > 5
    assert not [text for text in texts if "shipway_gateway@" in text]


def test_there_is_only_one_supervisor(ready):
    command = [sys.executable, "-m", "shipway.target.local.supervisor", "--home", ready.folder / "local"]
    second = subprocess.run(
        [*command, "--stage", "production"],
        env=child.environment({"SHIPWAY_GATEWAY_URL": ready.gateway_url}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (second.returncode, "Another supervisor runs the stage 'production'" in second.stderr) == (1, True)


def test_an_image_of_another_digest_is_not_started(ready, saved_models, fence, until_state):
    launch = replace(ready.launch("hmeq-x", saved_models[0]), image_digest="sha256:other")
    ready.target.stage(launch, fence=fence())
    probe = until_state(ready.target, "hmeq", "hmeq-x", "failed", seconds=20)
    assert "is not the one of digest sha256:other" in probe.reason


def test_an_image_that_holds_no_loadable_model_fails_with_the_log_of_the_server(ready, tmp_path, fence, until_state):
    (tmp_path / "saved_model.pb").write_bytes(b"no protobuf")
    launch = ready.launch("hmeq-y", tmp_path, version=5)
    ready.target.stage(launch, fence=fence())
    probe = until_state(ready.target, "hmeq", "hmeq-y", "failed")
    assert "model server ended with code 1" in probe.reason
    assert "The SavedModel does not load" in probe.reason


def test_a_killed_supervisor_takes_its_children_along_and_a_new_one_brings_all_back(ready, until_state):
    endpoint = ready.target.observe("hmeq").endpoint
    children = psutil.Process(ready.running.process.pid).children()
    assert len(children) == 3
    os.kill(ready.running.process.pid, signal.SIGKILL)
    ready.running.process.wait(5)
    assert psutil.wait_procs(children, 5)[1] == []
    with pytest.raises(TargetUnavailable, match="the supervisor is not running: start it with `make up`"):
        ready.target.observe("hmeq")
    ready.start()
    world.wait_until(lambda: ready.target.observe("hmeq").weights == {"hmeq-1": 100}, 120)
    assert ready.target.observe("hmeq").endpoint == endpoint
    assert score(ready) == 200


def test_a_supervisor_that_ends_leaves_no_process(ready):
    children = psutil.Process(ready.running.process.pid).children(recursive=True)
    assert ready.running.end(40) == 0, ready.running.text()
    assert psutil.wait_procs(children, 1)[1] == []
    assert Path(ready.places.release("hmeq-1")).exists()
