"""The supervisor: it makes what is desired of a stage true, ten times a second, and says what it sees.

``python -m shipway.target.local.supervisor --home FOLDER --stage NAME --router-port P``, with the libpq URL of the
gateways' role in ``SHIPWAY_GATEWAY_URL``. It ends its children when it ends, and brings all back when it starts.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shipway.errors import TargetError
from shipway.target.local import desired
from shipway.target.local.desired import Desired
from shipway.target.local.places import Places, write_json
from shipway.target.local.supervisor_release import ReleaseKeeper
from shipway.target.local.supervisor_router import RouterKeeper

log = logging.getLogger(__name__)

#: Seconds between two looks at what is desired, and between two heartbeats.
PERIOD, HEARTBEAT = 0.1, 1.0
ROUTER_GRACE = 12.0
#: The gateways' database, a libpq URL; never logged, and given to no other child.
URL_VARIABLE = "SHIPWAY_GATEWAY_URL"


class Supervisor:
    """Keeps all releases of one stage.

    :param places: of the stage.
    :param router_port: 0: the earlier one, or a free one.
    :param gateway_url: libpq URL for the gateways.
    :param unpacker: command that takes an image reference and a folder.
    """

    def __init__(self, places: Places, router_port: int, gateway_url: str, unpacker: Sequence[str]) -> None:
        self._places = places
        self._gateway_url = gateway_url
        self._unpacker = unpacker
        self._router = RouterKeeper(places, router_port)
        self._keepers: dict[str, ReleaseKeeper] = {}
        self._routes: dict[str, list[dict[str, Any]]] = {}
        self._seen: dict[str, Any] = {}
        self._beaten = 0.0

    async def run(self) -> None:
        """Supervise until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self._router.begin()
        while not stop.is_set():
            try:
                await self._reconcile()
            except (OSError, ValueError, KeyError, TypeError, TargetError):
                # A full disk or a broken file must not take down what runs.
                log.exception("could not reconcile")
            self._beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PERIOD)
        log.info("stopping")
        await self._router.end(ROUTER_GRACE)
        await asyncio.gather(*(keeper.end(remove=False) for keeper in self._keepers.values()))

    async def _reconcile(self) -> None:
        wanted = {model: desired.read(self._places.desired(model)) for model in self._places.models()}
        for state in wanted.values():
            self._begin_new(state)
        self._route(wanted)
        self._end_unwanted(wanted, await self._router.ask())
        self._keepers = {name: keeper for name, keeper in self._keepers.items() if not keeper.ended}
        self._report(wanted)

    def _begin_new(self, state: Desired) -> None:
        for name, launch in state.releases.items():
            if name not in self._keepers:
                keeper = ReleaseKeeper(launch, state.lives[name], self._places, self._unpacker, self._gateway_url)
                self._keepers[name] = keeper
                keeper.begin()

    def _route(self, wanted: dict[str, Desired]) -> None:
        """Apply the weights of every model whose releases are all ready; the others keep their last good routes."""
        for model, state in wanted.items():
            ready = {name for name in state.weights if self._is_ready(name, state.lives.get(name))}
            if ready == set(state.weights) or not self._routes.get(model):
                shares = {name: share for name, share in state.weights.items() if name in ready}
                self._routes[model] = [self._entry(name, share) for name, share in sorted(shares.items())]
        self._router.write({model: self._routes[model] for model in wanted})

    def _entry(self, release: str, weight: int) -> dict[str, Any]:
        return {"release": release, "url": self._keepers[release].endpoint, "weight": weight}

    def _is_ready(self, release: str, life: str | None) -> bool:
        keeper = self._keepers.get(release)
        return keeper is not None and keeper.life == life and keeper.state == "ready"

    def _end_unwanted(self, wanted: dict[str, Desired], answer: dict[str, Any] | None) -> None:
        """End what nobody wants, once the router has nothing to do with it any more."""
        if answer is None or answer["generation"] != self._router.generation:
            return
        kept = {life for state in wanted.values() for life in state.lives.values()}
        weighted = {name for shares in answer["weights"].values() for name, share in shares.items() if share}
        for name, keeper in self._keepers.items():
            if keeper.life not in kept and name not in weighted and not answer["in_flight"].get(name):
                keeper.end(remove=True)

    def _report(self, wanted: dict[str, Desired]) -> None:
        seen: dict[str, Any] = {model: {"releases": {}} for model in wanted}
        for name, keeper in self._keepers.items():
            seen.setdefault(keeper.launch.model, {"releases": {}})["releases"][name] = keeper.describe()
        for model, content in seen.items():
            if self._seen.get(model) != content:
                write_json(self._places.observed(model), content, durable=False)
        self._seen = seen

    def _beat(self) -> None:
        """Say that the supervisor lives, also while it cannot reconcile: tasks then see the file that is broken."""
        if time.monotonic() - self._beaten <= HEARTBEAT:
            return
        self._beaten = time.monotonic()
        beat = {"pid": os.getpid(), "time": time.time(), "router_port": self._router.port}
        try:
            write_json(self._places.heartbeat, beat, durable=False)
        except OSError:
            log.exception("cannot write %s", self._places.heartbeat)


@contextmanager
def only_one(places: Places) -> Iterator[None]:
    """Be the only supervisor of the stage; the system gives the lock back however the process ends.

    :raises SystemExit: when there is one.
    """
    places.root.mkdir(parents=True, exist_ok=True)
    handle = os.open(places.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        sys.exit(f"Another supervisor runs the stage '{places.root.name}' already.")
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def main(arguments: Sequence[str] | None = None) -> None:
    """Supervise one stage.

    :param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="shipway.target.local.supervisor", description=__doc__)
    parser.add_argument("--home", required=True, type=Path, help="folder of the local target")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--router-port", type=int, default=0, help="0: the earlier one, or a free one")
    parser.add_argument(
        "--unpacker", default=shlex.join([sys.executable, "-m", "shipway.image"]), help="command IMAGE FOLDER"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    url = os.environ.pop(URL_VARIABLE, "")
    if not url:
        sys.exit(f"{URL_VARIABLE} is not set: the gateways need the address of the records database.")
    places = Places((options.home / options.stage).resolve())
    with only_one(places):
        asyncio.run(Supervisor(places, options.router_port, url, shlex.split(options.unpacker)).run())


if __name__ == "__main__":
    main()
