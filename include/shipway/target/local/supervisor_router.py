"""The supervisor's router: started, watched, and told its routes by a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp

from shipway.target.local.places import Places, read_json, write_json
from shipway.target.local.supervisor_process import Backoff, Process, free_port, is_free

log = logging.getLogger(__name__)

#: Model → its entries in the routes file: release, url, weight.
Entries = Mapping[str, list[dict[str, Any]]]


class RouterKeeper:
    """Keeps the router of the stage.

    :param places: of the stage.
    :param port: of the router; 0: the one it had before, or a free one.
    """

    def __init__(self, places: Places, port: int) -> None:
        self._places = places
        self._wanted = port
        self.port = port or self._earlier_port() or free_port()
        before = read_json(places.routes) or {}
        self.generation = int(before.get("generation", 0))
        self._entries: dict[str, list[dict[str, Any]]] | None = None
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def begin(self) -> None:
        """Start the router with no routes: those of an earlier life name ports that are gone."""
        self.write({})
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))
        self._task = asyncio.create_task(self._keep())

    async def end(self, grace: float) -> None:
        """Stop the router after what is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._process is not None:
            await self._process.stop(grace)
        if self._session is not None:
            await self._session.close()

    def write(self, entries: Entries) -> None:
        """Write the routes file when it changes."""
        if entries == self._entries:
            return
        new = {model: [dict(one) for one in all_] for model, all_ in entries.items()}
        self.generation += 1
        write_json(self._places.routes, {"generation": self.generation, "models": new})
        self._entries = new  # only now: what could not be written is written again

    async def ask(self) -> dict[str, Any] | None:
        """Return what the router says is in effect; None when it does not answer."""
        if self._session is None:
            return None
        try:
            async with self._session.get(f"http://127.0.0.1:{self.port}/-/weights") as response:
                answer: dict[str, Any] = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
        return answer if "generation" in answer else None

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            if not self._wanted and not is_free(self.port):
                self.port = free_port()
            command = [sys.executable, "-m", "shipway.serving.router"]
            command += ["--routes", str(self._places.routes), "--port", str(self.port)]
            self._process = Process("router", command, self._places.root / "logs" / "router.log")
            backoff.started()
            try:
                await self._process.start()
                how = f"ended with code {await self._process.wait()}"
            except OSError as error:
                how = f"cannot be started ({type(error).__name__}: {error})"
            pause = backoff.pause()
            log.warning("the router %s; next start in %.1f s", how, pause)
            await asyncio.sleep(pause)

    def _earlier_port(self) -> int:
        return int((read_json(self._places.heartbeat) or {}).get("router_port", 0))
