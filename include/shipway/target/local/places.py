"""Where the local target keeps what, below ``<folder>/<stage>``, and how its JSON files are written."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Places:
    """The files of one stage.

    :param root: ``<folder>/<stage>``.
    """

    root: Path

    def desired(self, model: str) -> Path:
        """What the tasks want of a model."""
        return self.root / "desired" / f"{model}.json"

    def observed(self, model: str) -> Path:
        """What the supervisor sees of a model."""
        return self.root / "observed" / f"{model}.json"

    def release(self, release: str) -> Path:
        """The unpacked image of a release, and its gateway's configuration."""
        return self.root / "releases" / release

    def ready(self, release: str) -> Path:
        """The life of a release that has been ready; there until it is retired."""
        return self.root / "ready" / f"{release}.json"

    def log(self, release: str, part: str) -> Path:
        """The log of one process of a release."""
        return self.root / "logs" / f"{release}.{part}.log"

    @property
    def heartbeat(self) -> Path:
        """Pid, time and router port of the supervisor."""
        return self.root / "heartbeat.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of the stage."""
        return self.root / "supervisor.pid"

    @property
    def routes(self) -> Path:
        """What the router reads."""
        return self.root / "routes.json"

    def models(self) -> list[str]:
        """Names of all models of which anything is desired."""
        return sorted(file.stem for file in (self.root / "desired").glob("*.json"))


def write_json(file: Path, content: Any, *, durable: bool = True) -> None:
    """Replace a file at once: a reader sees the old content or the new, also after a power cut.

    :param file: its folder is made when missing.
    :param content: plain JSON.
    :param durable: wait until it is on the disk.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-")
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump(content, stream, indent=1)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(file.parent)


def read_json(file: Path) -> dict[str, Any] | None:
    """Read a file that :func:`write_json` wrote; None when there is none."""
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return content


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
