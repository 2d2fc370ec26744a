"""Files and folders that are not there yet: made beside their place, moved into it when complete.

Whoever works on one holds a lock on it. The lock dies with its process, so the next writer can tell a leftover of a
killed one from the work of a living one, and clears it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

#: Nobody else may use names that start so: whatever has one and is not locked is removed.
PREFIX = ".shipway-partial-"


@contextlib.contextmanager
def partial_file(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield a new file (descriptor and path) in an existing folder; its name is gone afterwards.

    To keep the content, link or rename the path before the end.
    """
    _sweep(folder)
    path, descriptor = _locked(folder, _new_file)
    try:
        yield descriptor, path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def partial_folder(place: Path) -> Iterator[Path]:
    """Yield a new folder beside a place; what is not moved away is removed afterwards.

    To keep it, rename it to the place before the end.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place.parent)
    path, descriptor = _locked(place.parent, _new_folder)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)


def _new_folder(path: Path) -> int:
    while True:
        path.mkdir()
        with contextlib.suppress(FileNotFoundError):  # swept away before it was opened
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _locked(folder: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    while True:
        path = folder / (PREFIX + secrets.token_hex(8))
        descriptor = make(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():  # else somebody swept it away before it was locked
            return path, descriptor
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    for leftover in [folder / name for name in os.listdir(folder) if name.startswith(PREFIX)]:
        with contextlib.suppress(OSError):  # locked by a living writer, or already gone
            descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _discard(leftover)
            finally:
                os.close(descriptor)


def _discard(leftover: Path) -> None:
    if leftover.is_dir():
        shutil.rmtree(leftover, ignore_errors=True)
    else:
        leftover.unlink(missing_ok=True)
