"""Long-lived processes of the embedded default: started in the background, found again, stopped together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

#: How long a process may take to end by itself, in seconds.
GRACE_SECONDS = 20.0


class Processes:
    """The processes of one home folder, kept in ``run/processes.json``.

    A process is known by its id *and* its start time, so a reused id is never killed.

    :param folder: where the table and the logs are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._table = folder / "run" / "processes.json"
        self.logs = folder / "logs"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process in a session of its own; output goes to ``logs/<name>.log``.

        :param name: its name in the table; one that runs already is left alone.
        :param command: the program's path and its arguments.
        """
        if self.find(name):
            return
        self.logs.mkdir(parents=True, exist_ok=True)
        log = os.open(self.logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        # Not subprocess: nobody here waits for these processes, they outlive the command that starts them.
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environment),
            file_actions=[(os.POSIX_SPAWN_DUP2, source, to) for source, to in ((nothing, 0), (log, 1), (log, 2))],
            setsid=True,
        )
        os.close(log)
        os.close(nothing)
        table = self._read()
        table[name] = {"pid": pid, "started": psutil.Process(pid).create_time()}
        self._write(table)

    def find(self, name: str) -> psutil.Process | None:
        """Return the running process of that name, or None."""
        entry = self._read().get(name)
        if entry is None:
            return None
        try:
            process = psutil.Process(int(entry["pid"]))
            alive = process.create_time() == entry["started"] and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None

    def stop(self, name: str, grace: float = GRACE_SECONDS) -> None:
        """Stop one process and all that it started: politely first, then for good.

        :param grace: seconds until what is left is killed.
        """
        process = self.find(name)
        if process is not None:
            family = [process, *process.children(recursive=True)]
            process.send_signal(signal.SIGTERM)
            _, left = psutil.wait_procs(family, timeout=grace)
            for one in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(left, timeout=5)
        table = self._read()
        table.pop(name, None)
        self._write(table)

    def names(self) -> list[str]:
        """Return the names of all processes of the table, in the order in which they were started."""
        return list(self._read())

    def _read(self) -> dict[str, dict[str, float]]:
        if not self._table.exists():
            return {}
        table: dict[str, dict[str, float]] = json.loads(self._table.read_text())
        return table

    def _write(self, table: dict[str, dict[str, float]]) -> None:
        self._table.parent.mkdir(parents=True, exist_ok=True)
        partial = self._table.with_suffix(".partial")
        partial.write_text(json.dumps(table))
        partial.rename(self._table)


def free_port(wanted: int) -> int:
    """Return the wanted loopback port if nobody uses it, else a free one.

    :param wanted: port number; 0 for any free one.
    """
    for candidate in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def wait_until(ready: Callable[[], object], seconds: float, interval: float = 0.3) -> bool:
    """Call ``ready`` until it is true or the time is over.

    :param ready: a function without arguments.
    :returns: whether it became true.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(interval)
    return False
