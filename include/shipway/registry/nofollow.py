"""Open files and folders without ever following a symbolic link, component by component.

A path that is checked and then opened can be swapped in between; a descriptor cannot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from shipway.errors import UnsafePath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted pipe must not make anybody wait
_NOT_PLAIN = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.ENXIO)


@contextlib.contextmanager
def folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of a folder below a root; the root itself may be a link, nothing below it.

    :param make: create what is missing, durably.
    :raises FileNotFoundError: when it is missing.
    :raises UnsafePath: for a link, or a file, where a folder must be.
    """
    here = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in parts:
            if make:
                _make(here, part)
            below = _checked_open(part, _FOLDER, here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def plain_file(name: str | Path, *, within: int | None = None) -> int:
    """Open a plain file for reading and return its descriptor.

    :param within: descriptor of the folder that a relative name starts at.
    :raises FileNotFoundError: when it is missing.
    :raises UnsafePath: for a link, a folder or a special file.
    """
    descriptor = _checked_open(name, _FILE, within)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_plain(name)
    return descriptor


def exists(name: str, *, within: int) -> bool:
    """Say whether a folder has a plain file of that name.

    :raises UnsafePath: when it is something else.
    """
    try:
        mode = os.stat(name, dir_fd=within, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise not_plain(name)
    return True


def files(top: int) -> Iterator[str]:
    """Yield the relative paths of all files below a folder.

    :param top: descriptor of the folder.
    :raises UnsafePath: for a link among them.
    """
    for place, folders, names, here in os.fwalk(".", dir_fd=top):
        for name in (*folders, *names):
            path = os.path.normpath(os.path.join(place, name))
            with contextlib.suppress(FileNotFoundError):  # removed since it was listed
                if stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    raise not_plain(path)
                if name in names:
                    yield path


def not_plain(name: str | Path) -> UnsafePath:
    """Make the error for something that is not a plain file in plain folders."""
    return UnsafePath(
        f"'{name}' is, or lies below, something that is neither a plain file nor a plain folder.",
        hint="Symbolic links and special files are refused: replace or remove it.",
        path=str(name),
    )


def _checked_open(name: str | Path, flags: int, within: int | None) -> int:
    try:
        return os.open(name, flags, dir_fd=within)
    except OSError as error:
        if error.errno in _NOT_PLAIN:
            raise not_plain(name) from None
        raise


def _make(here: int, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=here)
        os.fsync(here)
