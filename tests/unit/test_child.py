from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from shipway import child
from shipway.errors import ChildFailed, GoldenMismatch, ShipwayError

MODULE = """
import os, subprocess, sys, time
from shipway.child import serve
from shipway.errors import GoldenMismatch

def work(request):
    match request["do"]:
        case "echo":
            return {"said": request, "environment": dict(os.environ), "stdin": sys.stdin.read()}
        case "refuse":
            raise GoldenMismatch("It answers otherwise.", hint="Register again.", instance=3)
        case "crash":
            print("a line on standard output")
            raise ZeroDivisionError("by a very bad batch")
        case "vanish":
            print("last words", flush=True)
            os.kill(os.getpid(), 9)
        case "linger":
            offspring = subprocess.Popen(["sleep", "60"])
            open(request["pids"], "w").write(f"{os.getpid()} {offspring.pid}")
            print("still busy", flush=True)
            time.sleep(60)
        case "leave":
            offspring = subprocess.Popen(["sleep", "60"])
            return {"pid": offspring.pid}

serve(work)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "a_child_of_tests.py").write_text(MODULE)
    path = f"{Path(child.__file__).parents[1]}:{tmp_path}"

    def call(do, timeout=20.0, **request):
        return child.run("a_child_of_tests", {"do": do, **request}, timeout=timeout, extra={"PYTHONPATH": path})

    call.path = path
    return call


def gone(pid, within=5.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def pids(file):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if file.exists() and len(file.read_text().split()) == 2:
            return [int(pid) for pid in file.read_text().split()]
        time.sleep(0.02)
    raise AssertionError("the child has not started")


def test_an_answer_comes_back_and_nothing_can_be_typed_in(run):
    answer = run("echo", number=1.5, text="ü")
    assert answer["said"] == {"do": "echo", "number": 1.5, "text": "ü"}
    assert answer["stdin"] == ""


def test_a_child_sees_nothing_of_airflow_and_no_address(run, monkeypatch):
    for name in ("AIRFLOW_CONN_X", "AIRFLOW__CORE__FERNET_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "planted-secret")
    seen = run("echo")["environment"]
    own = {"PYTHONPATH", "PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "CUDA_VISIBLE_DEVICES"}
    assert set(seen) <= {*child.ALLOWED, *own, "LC_CTYPE"}
    assert "planted-secret" not in json.dumps(seen)


def test_an_error_raised_on_purpose_comes_back_as_itself(run):
    with pytest.raises(GoldenMismatch, match=r"It answers otherwise. Register again.") as caught:
        run("refuse")
    assert caught.value.data == {"instance": 3}


def test_a_crash_shows_the_tail_of_the_log(run):
    with pytest.raises(ChildFailed) as caught:
        run("crash")
    assert "ended with code 1" in str(caught.value)
    assert "a line on standard output" in str(caught.value)
    assert "ZeroDivisionError: by a very bad batch" in str(caught.value)


def test_a_child_that_is_killed_shows_its_last_words(run):
    with pytest.raises(ChildFailed, match=r"(?s)code -9.*last words"):
        run("vanish")


def test_taking_too_long_stops_the_whole_group(run, tmp_path):
    with pytest.raises(ChildFailed, match=r"(?s)did not finish within .* s and was stopped.*still busy"):
        run("linger", timeout=2.0, pids=str(tmp_path / "pids"))
    assert all(gone(pid) for pid in pids(tmp_path / "pids"))


def test_offspring_that_is_left_behind_is_stopped_as_well(run):
    assert gone(run("leave")["pid"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_child_dies_with_its_parent(run, tmp_path):
    call = (
        "from shipway import child; child.run('a_child_of_tests',"
        f" {{'do': 'linger', 'pids': {str(tmp_path / 'pids')!r}}}, timeout=60, extra={{'PYTHONPATH': {run.path!r}}})"
    )
    parent = subprocess.Popen([sys.executable, "-c", call], env={**os.environ, "PYTHONPATH": run.path})
    started, offspring = pids(tmp_path / "pids")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        assert gone(started)
    finally:
        os.kill(offspring, signal.SIGKILL)


def test_the_tail_of_a_long_log_is_short_and_a_missing_log_is_empty(tmp_path):
    log = tmp_path / "log"
    assert child.tail(log) == ""
    log.write_bytes(b"x" * 10_000 + "end ü".encode())
    assert child.tail(log, 8) == "xxend ü"[-8:]


@pytest.mark.parametrize("kind", ["NoSuchError", "os", "ShipwayError"])
def test_an_unknown_kind_of_error_is_still_one_of_ours(kind):
    revived = child._revive({"kind": kind, "message": "m", "hint": "", "data": {}})
    assert type(revived) is ShipwayError
