import os
import signal
import subprocess
import sys
import time

import pytest

from shipway import child
from shipway.steps import points

_TASK = "from shipway.steps import points; points.passed('a.b'); points.passed('a.b'); print('through')"


@pytest.fixture
def task(tmp_path):
    def start():
        return subprocess.Popen(
            [sys.executable, "-c", _TASK],
            env=child.environment({points.VARIABLE: str(tmp_path)}),
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


def test_a_point_kills_once(task, tmp_path):
    (tmp_path / "a.b").touch()
    with task() as first:
        assert (first.communicate(timeout=30)[0], first.returncode) == ("", -signal.SIGKILL)
    with task() as second:
        assert second.communicate(timeout=30)[0] == "through\n"


def test_a_paused_process_goes_on_when_it_may(task, tmp_path):
    (tmp_path / "a.b.pause").touch()
    with task() as paused:
        deadline = time.monotonic() + 30
        while not (tmp_path / "a.b.paused").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with task() as other:  # only one waits
            assert other.communicate(timeout=30)[0] == "through\n"
        assert paused.poll() is None
        (tmp_path / "a.b.paused").unlink()
        assert paused.communicate(timeout=30)[0] == "through\n"


def test_without_the_variable_nothing_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.b").touch()
    assert points.VARIABLE not in os.environ
    points.passed("a.b")
    assert (tmp_path / "a.b").exists()
