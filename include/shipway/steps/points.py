"""Named points at which a test may kill the process, to prove that nothing is lost.

Where a task has side effects it passes named points (``promote.shifted``). With ``SHIPWAY_KILL_POINTS`` set to a
folder, a file of that name makes the process kill itself there, once: the file is consumed first. A file
``<point>.supervisor`` kills the parent instead and lets this process live on, as an orphan beside its retry.
A file ``<point>.pause`` makes it wait there: the file becomes ``<point>.paused``, and the process goes on when that
is removed.
Without the variable a point costs one look into the environment.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

VARIABLE = "SHIPWAY_KILL_POINTS"
#: How long an orphan sleeps before it goes on, so that its retry has overtaken it; seconds.
ORPHAN_SECONDS = 20.0
#: How long a paused process waits at most, and how often it looks; seconds.
PAUSE_SECONDS, LOOK_SECONDS = 120.0, 0.05


def passed(point: str) -> None:
    """Say that the process has come to a named point.

    :param point: ``<step>.<what was just done>``.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    if _consume(Path(folder) / point):
        os.kill(os.getpid(), signal.SIGKILL)
    if _consume(Path(folder) / f"{point}.supervisor"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(ORPHAN_SECONDS)
    _pause(Path(folder) / f"{point}.paused")


def _pause(paused: Path) -> None:
    try:
        paused.with_suffix(".pause").rename(paused)
    except FileNotFoundError:
        return
    deadline = time.monotonic() + PAUSE_SECONDS
    while paused.exists() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _consume(file: Path) -> bool:
    try:
        consumed = file.rename(file.with_suffix(".consumed"))
    except FileNotFoundError:
        return False
    consumed.write_text(str(os.getpid()))
    return True
