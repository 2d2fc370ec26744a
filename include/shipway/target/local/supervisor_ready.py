"""Whether a release is ready, and whether it has ever been."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import aiohttp

from shipway.target.local.places import read_json, write_json

log = logging.getLogger(__name__)

#: Seconds that a gateway may take to say how it does.
HEALTH_SECONDS = 8


class ReadyNote:
    """Remembers, also for the next supervisor, that a life of a release has been ready.

    :param file: below the stage's folder, not in the release's own: that one is unpacked anew at every start.
    :param life: token of this staging.
    """

    def __init__(self, file: Path, life: str) -> None:
        self._file = file
        self._content = {"life": life}
        self._written = False
        self.exists = False

    def read(self) -> None:
        """Find out what an earlier supervisor noted; a broken note is none."""
        try:
            self._written = self.exists = read_json(self._file) == self._content
        except (OSError, ValueError):
            log.exception("cannot read %s", self._file)

    def write(self) -> None:
        """Note that it is ready; where the disk refuses, this supervisor still knows, and the next call tries again."""
        self.exists = True
        if self._written:
            return
        try:
            write_json(self._file, self._content)
            self._written = True
        except OSError:
            log.exception("cannot write %s", self._file)

    def remove(self) -> None:
        """Forget it; a next staging has a life of its own, so a note that stays means nothing."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError:
            log.exception("cannot remove %s", self._file)


async def ask_health(endpoint: str) -> dict[str, Any] | None:
    """Return what a gateway says at ``/healthz``, None when it does not answer.

    :param endpoint: its private base URL.
    """
    timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(endpoint + "/healthz") as response,
        ):
            health: dict[str, Any] = json.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    return health
