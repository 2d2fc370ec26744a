"""The router: one port for all models of a stage; it splits each model's traffic between releases by weight.

``python -m shipway.serving.router --routes FILE --port P``

It reads the routes file again whenever it changes, without dropping a request. ``GET /-/weights`` says what is in
effect.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shipway.serving import process
from shipway.serving.routes import Routes

log = logging.getLogger(__name__)

#: Seconds between two looks at the routes file.
POLL = 0.04
#: Seconds for one request to a gateway, which itself gives up the model server earlier.
TIMEOUT = 40.0
RELEASE_HEADER = "X-Shipway-Release"

_MODEL = re.compile(r"^/v1/models/([^/:]+)(?=[/:]|$)")
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    # not hop-by-hop, but made anew for every hop:
    "host",
    "content-length",
}
# The body of a request arrives here unpacked, and nobody has to be asked before it is sent on.
_NOT_SENT_ON = {"content-encoding", "expect"}
# What the client did not say, this end does not add.
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent")


class Router:
    """A reverse proxy over the routes of one file.

    :param file: the routes file; it may appear later.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._routes = Routes()
        self._in_flight: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """Return the application with all routes."""
        app = process.application()
        app.cleanup_ctx.append(self._open)
        app.router.add_get("/-/weights", self.weights)
        app.router.add_route("*", "/v1/models/{tail:.*}", self.forward)
        return app

    async def weights(self, _: web.Request) -> web.Response:
        """Say what is in effect, and how many requests are under way per release."""
        in_flight = {name: count for name, count in self._in_flight.items() if count}
        return process.answer(
            {"generation": self._routes.generation, "weights": self._routes.weights, "in_flight": in_flight}
        )

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Pass a request to a release of its model, and to another one when the first refuses the connection."""
        found = _MODEL.match(request.path)
        routes = self._routes
        balance = routes.balance(found[1]) if found else None
        if balance is None:
            return process.failure(404, f"no such model: {found[1] if found else request.path}")
        body = await request.read()
        tried: set[str] = set()
        while release := balance.pick(tried):
            tried.add(release)
            with self._counted(release):
                answer = await self._send(request, body, routes.urls[release], release)
            if answer is not None:
                return answer
        return process.failure(503, "no release of this model takes requests at the moment; try again.")

    def reload(self) -> None:
        """Read the routes file again if it is another one than last time; a broken one changes nothing."""
        try:
            status = os.stat(self._file)
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen == self._seen:
                return
            self._seen = seen
            self._routes = Routes.read(self._file, self._routes)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("the routes file was not taken over: %s", error)
            return
        log.info("routes of generation %d in effect: %s", self._routes.generation, self._routes.weights)

    async def _open(self, _: web.Application) -> AsyncIterator[None]:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=3),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            auto_decompress=False,
        )
        self.reload()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await self._session.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            self.reload()

    @contextlib.contextmanager
    def _counted(self, release: str) -> Iterator[None]:
        self._in_flight[release] += 1
        try:
            yield
        finally:
            self._in_flight[release] -= 1

    async def _send(self, request: web.Request, body: bytes, base: str, release: str) -> web.Response | None:
        """Send a request to one release; None when it refused the connection, so that nothing was sent."""
        if self._session is None:
            return None
        try:
            async with self._session.request(
                request.method,
                URL(base + request.raw_path, encoded=True),
                data=body or None,
                headers=_end_to_end(request.headers, _NOT_SENT_ON),
                skip_auto_headers=_NOT_ADDED,
                allow_redirects=False,
            ) as response:
                headers = _end_to_end(response.headers)
                headers[RELEASE_HEADER] = release
                return web.Response(status=response.status, body=await response.read(), headers=headers)
        except aiohttp.ClientConnectorError:
            return None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # It may have been scored: only the client can know whether to send it again.
            log.warning("release %s did not answer: %s", release, type(error).__name__)
            return process.failure(502, f"release {release} did not answer; send the request again with the same key.")


def _end_to_end(headers: CIMultiDictProxy[str], without: Collection[str] = ()) -> CIMultiDict[str]:
    """Return the headers that are meant for the other end (RFC 9110, section 7.6.1)."""
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = _HOP_BY_HOP | named | set(without)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def main(arguments: Sequence[str] | None = None) -> None:
    """Route until SIGTERM.

    :param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="shipway.serving.router", description=__doc__)
    parser.add_argument("--routes", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args(arguments)
    process.run(Router(options.routes).application(), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
