"""A folder as one image layer: an uncompressed tar whose bytes depend on nothing but names and contents.

Uncompressed, because weights hardly shrink and gzip takes seconds per 100 MB. Entries are sorted; owner is 0:0, time
is 0, folders have mode 0755 and files 0644, so any user id (OpenShift gives each namespace its own) can read them.
Folders without files are left out, as a version's content digest does not know them either.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from shipway.errors import ImageError
from shipway.image.value import LAYER_TYPE, Descriptor

if TYPE_CHECKING:
    from typing_extensions import Buffer


def write_layer(context: Path, layer_file: Path) -> Descriptor:
    """Write a folder's files as a layer.

    :param context: the folder; its inside becomes the root of the image.
    :param layer_file: where to write the tar; truncated if it exists.
    :returns: the layer's descriptor; for an uncompressed layer its digest is also its diff id.
    :raises ImageError: for a symbolic link, a special file, a name that is no UTF-8, and when there is no file at all.
    """
    files = sorted(_files(context), key=lambda path: path.parts)
    if not files:
        raise ImageError(f"The build context '{context}' has no files.", hint="Run prebuild again.")
    with layer_file.open("wb") as stream:
        sink = _Hashing(stream)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            written: set[PurePosixPath] = set()
            for path in files:
                for folder in reversed(path.parents[:-1]):
                    if folder not in written:
                        written.add(folder)
                        tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
                _add_file(tar, context, path)
    return Descriptor(LAYER_TYPE, f"sha256:{sink.digest.hexdigest()}", sink.size)


def _files(context: Path) -> Iterator[PurePosixPath]:
    for folder, folders, names in os.walk(context, onerror=_refuse):
        for name in (*folders, *names):
            place = Path(folder, name)
            path = PurePosixPath(place.relative_to(context).as_posix())
            mode = place.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ImageError(
                    f"'{path}' of the build context is a link or a special file.", hint="Use plain files.", path=path
                )
            if stat.S_ISREG(mode):
                yield _checked(path)


def _refuse(error: OSError) -> None:
    raise ImageError(f"The build context cannot be read: {error}.")


def _checked(path: PurePosixPath) -> PurePosixPath:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ImageError(f"{str(path)!r} of the build context is not UTF-8.", hint="Rename the file.") from None
    if any(part.startswith(".wh.") for part in path.parts):  # would delete from the layers below
        raise ImageError(f"'{path}' of the build context has the name of a whiteout.", hint="Rename the file.")
    return path


def _add_file(tar: tarfile.TarFile, context: Path, path: PurePosixPath) -> None:
    descriptor = os.open(context / path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        entry = _entry(path, tarfile.REGTYPE, 0o644)
        entry.size = os.fstat(descriptor).st_size
        tar.addfile(entry, stream)


def _entry(path: PurePosixPath, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path))  # its owner is 0:0 without names, its time 0
    entry.type, entry.mode = kind, mode
    return entry


class _Hashing(BufferedIOBase):
    """Passes bytes on, counts and hashes them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._stream = stream

    def write(self, data: Buffer) -> int:
        self.digest.update(data)
        self.size += memoryview(data).nbytes
        return self._stream.write(data)
