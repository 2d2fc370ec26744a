"""How every process of this room listens, and how it ends: the requests that are under way are answered first."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from shipway.errors import ScoringError, ShipwayError
from shipway.serving import tfrest

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Seconds that a process waits for requests under way after SIGTERM.
GRACE = 10.0


def run(app: web.Application, *, host: str, port: int, grace: float = GRACE) -> None:
    """Serve until SIGTERM or SIGINT, then stop listening, finish what is under way, and return.

    :param app: the application.
    :param host: address to listen at.
    :param port: TCP port.
    :param grace: seconds.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_run(app, host, port, grace))


async def _run(app: web.Application, host: str, port: int, grace: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        log.info("listening at %s:%d", host, port)
        await stop.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


def application(*middlewares: Any) -> web.Application:
    """Make an application whose errors are all ``{"error": …}`` and whose bodies are limited."""
    return web.Application(middlewares=[_errors, *middlewares], client_max_size=tfrest.MAXIMUM_BODY)


def answer(body: Any, *, status: int = 200) -> web.Response:
    """Make a JSON answer."""
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


def failure(status: int, message: str) -> web.Response:
    """Make an error answer."""
    return answer(tfrest.error(message), status=status)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ScoringError as error:
        return failure(400, str(error))
    except (web.RequestPayloadError, HttpProcessingError):
        return failure(400, "the body is not what its Content-Encoding or Transfer-Encoding says.")
    except web.HTTPRequestEntityTooLarge:
        return failure(413, f"the body is larger than {tfrest.MAXIMUM_BODY} bytes; send fewer instances at once.")
    except web.HTTPException as error:
        return failure(error.status, f"Malformed request: {request.method} {request.path}")
    except ShipwayError as error:
        log.warning("%s", error)
        return failure(502, str(error))
    except Exception as error:
        # Only the type: texts of client libraries can hold addresses.
        log.error("unexpected %s while answering %s", type(error).__name__, request.method)
        return failure(500, f"internal error ({type(error).__name__})")
