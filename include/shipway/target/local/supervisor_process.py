"""One process that the supervisor keeps: it starts with a clean environment and a log, and dies with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipway import child

#: A log that has grown beyond this, in bytes, is put aside at the next start.
LOG_LIMIT = 20_000_000


class Process:
    """A child process, started again and again.

    :param name: for messages, such as ``model server``.
    :param command: what to run.
    :param log: file that its output is appended to.
    :param extra: environment variables on top of the allow-list.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, extra: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._extra = dict(extra or {})
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def code(self) -> int | None:
        """Its exit code, None while it lives or before it was started."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start it, unless it lives."""
        if self.pid is not None:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as stream:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=child.environment(self._extra),
                start_new_session=True,
                preexec_fn=child.die_with_parent,
            )

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return await self._process.wait() if self._process else 0

    async def stop(self, grace: float) -> None:
        """Ask it to end, and kill it when it does not.

        :param grace: seconds in between.
        """
        if self._process is None or self._process.returncode is not None:
            return
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def tail(self) -> str:
        """Return the tail of its log."""
        return child.tail(self.log)


class Backoff:
    """Growing pauses between starts: 0.2 s, doubled up to 10 s, small again after a quiet time.

    :param quiet: seconds that a process must have lived for its failures to be forgotten.
    """

    def __init__(self, quiet: float = 30.0) -> None:
        self._quiet = quiet
        self._failures = 0
        self._since = 0.0

    def started(self) -> None:
        """Note a start."""
        self._since = asyncio.get_running_loop().time()

    def pause(self) -> float:
        """Note a failure, and return the seconds until the next start."""
        lived = asyncio.get_running_loop().time() - self._since
        self._failures = 1 if lived > self._quiet else self._failures + 1
        return float(min(10.0, 0.1 * 2**self._failures))


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a port of the loopback interface can be listened at."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
