"""The life of one release: unpack its image, start model server and gateway, keep both alive, end both.

Only a life that has never been ready can fail: that is a staging's answer. One that has been ready is tried for ever,
because what hinders it (memory, a full disk, a database that is away) passes.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from shipway.errors import ReleaseFailed
from shipway.target.contract import Launch
from shipway.target.local.places import Places, write_json
from shipway.target.local.supervisor_process import Backoff, Process, free_port
from shipway.target.local.supervisor_ready import ReadyNote, ask_health

log = logging.getLogger(__name__)

#: Starts in a row until a release that has never been ready is failed; one that has been ready is tried for ever.
FIRST_STARTS = 2
#: Seconds that a gateway may take to answer what is under way, and then a model server.
GATEWAY_GRACE, MODEL_GRACE = 12.0, 3.0
#: Seconds for unpacking one image.
UNPACK_SECONDS = 600.0

_PAUSE = 0.1


class ReleaseKeeper:
    """Keeps one release.

    :param launch: the release.
    :param life: token of this staging of it.
    :param places: of the stage.
    :param unpacker: command that takes an image reference and a folder, verifies the one and writes the other.
    :param gateway_url: libpq URL for the gateway; never logged.
    """

    def __init__(self, launch: Launch, life: str, places: Places, unpacker: Sequence[str], gateway_url: str) -> None:
        self.launch = launch
        self.life = life
        self.state: Literal["pending", "ready", "failed"] = "pending"
        self.reason = "waiting to be unpacked"
        self.image_digest = ""
        self.endpoint = ""
        self.ended = False
        self._places = places
        self._unpacker = unpacker
        self._gateway_url = gateway_url
        self._folder = places.release(launch.release)
        self._processes: list[Process] = []
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._last_end = ""
        self._ready_note = ReadyNote(places.ready(launch.release), life)

    def begin(self) -> None:
        """Bring the release up, in the background."""
        self._task = asyncio.create_task(self._live())

    def end(self, *, remove: bool) -> asyncio.Task[None]:
        """End the release, in the background: first the gateway, which answers what is under way, then the rest.

        :param remove: remove the unpacked image as well.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(remove))
        return self._ending

    def describe(self) -> dict[str, Any]:
        """Return what is to be seen of the release, as plain JSON."""
        return {
            "version": self.launch.version,
            "life": self.life,
            "state": self.state,
            "reason": self.reason,
            "image_digest": self.image_digest,
            "endpoint": self.endpoint,
            "pids": {process.name: process.pid for process in self._processes},
        }

    async def _live(self) -> None:
        self._ready_note.read()
        backoff = Backoff()
        while True:
            why = await self._live_once(backoff)
            if not self._ready_note.exists:
                self._become("failed", why)
                await self._stop_processes()
                return
            self._last_end = f"\nBefore that: {why}"
            self._become("pending", "the release is started again")
            log.warning("release %s: %s", self.launch.release, self.reason)
            await self._stop_processes()
            await asyncio.sleep(backoff.pause())

    async def _live_once(self, backoff: Backoff) -> str:
        """Bring everything up and keep it; return why that ended."""
        try:
            try:
                if not (self.image_digest and self._saved_model().is_file()):
                    await self._unpack()
                await self._come_up()
            finally:
                backoff.started()  # its quiet time begins when it is up
            await self._keep_all()
        except ReleaseFailed as error:
            return str(error)
        except Exception as error:
            log.exception("release %s", self.launch.release)
            return f"The supervisor failed with it: {type(error).__name__}: {error}"
        return "Nothing is left to keep."

    async def _unpack(self) -> None:
        launch = self.launch
        if launch.image.rpartition("@")[2] != launch.image_digest:
            raise ReleaseFailed(f"The image {launch.image} is not the one of digest {launch.image_digest}.")
        self._become("pending", "unpacking the image")
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        unpacking = Process(
            "unpack",
            [*self._unpacker, launch.image, str(self._folder / "root")],
            self._places.log(launch.release, "unpack"),
        )
        self._processes = [unpacking]
        await unpacking.start()
        try:
            code = await asyncio.wait_for(unpacking.wait(), UNPACK_SECONDS)
        except TimeoutError:
            await unpacking.stop(0)
            raise ReleaseFailed(f"The image was not unpacked within {UNPACK_SECONDS:.0f} s.") from None
        if code:
            raise ReleaseFailed(f"The image cannot be unpacked and verified (code {code}).\n{unpacking.tail()}")
        self.image_digest = launch.image_digest

    async def _come_up(self) -> None:
        why = ""
        for attempt in range(1, FIRST_STARTS + 1):
            self._prepare()
            await self._start_all()
            dead = await self._first_death_or_ready()
            if dead is None:
                return
            why = f"The {dead.name} ended with code {dead.code} at start {attempt} of {FIRST_STARTS}."
            self._become("pending", why)
            log.warning("release %s: %s", self.launch.release, why)
            why += f"\n{dead.tail()}"
            await self._stop_processes()
        raise ReleaseFailed(why)

    def _prepare(self) -> None:
        """Choose free ports, write the gateway's configuration and describe both processes."""
        launch, root = self.launch, self._folder / "root"
        model_port, gateway_port = free_port(), free_port()
        golden = root / "shipway" / "golden.json"
        options = {
            name: launch.serving[name]
            for name in ("signature", "output", "entity", "key", "business_time")
            if name in launch.serving
        }
        config = {
            **options,
            "model": launch.model,
            "version": launch.version,
            "content_digest": launch.content_digest,
            "image_digest": launch.image_digest,
            "release": launch.release,
            "stage": self._places.root.name,
            "upstream": f"http://127.0.0.1:{model_port}",
            "port": gateway_port,
            "golden": str(golden) if golden.is_file() else None,
        }
        write_json(self._folder / "gateway.json", config)
        self.endpoint = f"http://127.0.0.1:{gateway_port}"
        self._processes = [self._model_server(model_port), self._gateway()]

    def _saved_model(self) -> Path:
        # The layout of TensorFlow Serving's image, which the image room keeps to.
        folder = self._folder / "root" / "models" / self.launch.model / str(self.launch.version)
        return folder / "saved_model.pb"

    def _model_server(self, port: int) -> Process:
        launch, file = self.launch, self._saved_model()
        if not file.is_file():
            raise ReleaseFailed(f"The image holds no models/{launch.model}/{launch.version}/saved_model.pb.")
        command = [sys.executable, "-m", "shipway.serving.model_server"]
        command += ["--model", launch.model, "--version", str(launch.version), "--port", str(port)]
        command += ["--directory", str(file.parent)]
        command += ["--signature", str(launch.serving.get("signature", "serving_default"))]
        return Process("model server", command, self._places.log(launch.release, "model"))

    def _gateway(self) -> Process:
        command = [sys.executable, "-m", "shipway.serving.gateway", "--config", str(self._folder / "gateway.json")]
        secret = {"SHIPWAY_GATEWAY_URL": self._gateway_url}
        return Process("gateway", command, self._places.log(self.launch.release, "gateway"), secret)

    async def _start_all(self) -> None:
        self._become("pending", "the model is being loaded")
        for process in self._processes:
            await process.start()

    async def _first_death_or_ready(self) -> Process | None:
        """Wait for readiness; return the process that died before, if one did."""
        while True:
            dead = next((process for process in self._processes if process.pid is None), None)
            if dead is not None:
                return dead
            if await self._check_health():
                return None
            await asyncio.sleep(_PAUSE)

    async def _check_health(self) -> bool:
        health = await ask_health(self.endpoint)
        if health is None:
            self._become("pending", "the gateway does not answer yet")
        elif not health["upstream"]:
            self._become("pending", "the model is being loaded")
        elif not health["database"]:
            self._become("pending", "the records database does not answer the gateway")
        else:
            self._last_end = ""
            self._become("ready", "")
            self._ready_note.write()
            return True
        return False

    async def _keep_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:  # when one cannot be kept, nobody must start the other again
                for process in self._processes:
                    group.create_task(self._keep(process))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _keep(self, process: Process) -> None:
        """Start a process again whenever it dies, at the same port."""
        backoff = Backoff()
        backoff.started()
        while True:
            code = await process.wait()
            self._last_end = f"\nBefore that the {process.name} ended with code {code}.\n{process.tail()}".rstrip()
            self._become("pending", f"the {process.name} is started again")
            log.warning("release %s: %s", self.launch.release, self.reason)
            await asyncio.sleep(backoff.pause())
            backoff.started()
            await process.start()
            while process.pid is not None and not await self._check_health():
                await asyncio.sleep(_PAUSE)

    async def _end(self, remove: bool) -> None:
        if self.state == "ready":
            self._become("pending", "ending")
        while self._task is not None and not self._task.done():
            self._task.cancel()  # more than once: a task group that fails at this very moment swallows it
            await asyncio.wait({self._task}, timeout=1)
        await self._stop_processes()
        if remove:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._ready_note.remove()
        self.ended = True

    async def _stop_processes(self) -> None:
        for process in reversed(self._processes):
            await process.stop(GATEWAY_GRACE if process.name == "gateway" else MODEL_GRACE)

    def _become(self, state: Literal["pending", "ready", "failed"], reason: str) -> None:
        if state == "pending":
            reason += self._last_end
        if state != self.state:
            log.info("release %s is %s %s", self.launch.release, state, reason)
        self.state, self.reason = state, reason
