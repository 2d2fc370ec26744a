"""An object store in a folder: one file per object, safe under racing and dying processes.

Below the root, ``objects/`` holds the objects, ``partial/`` what is still being written, ``locks/`` one lock per key
that was ever replaced. An object gets its name by ``link(2)``, which refuses a name that is taken, or by
``rename(2)`` under its key's lock, after its bytes have reached the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from shipway.errors import DigestMismatch
from shipway.partial import partial_file
from shipway.registry import nofollow
from shipway.registry.manifest import checked_path
from shipway.registry.store import Blob

_CHUNK = 1 << 20
_OBJECTS = "objects"


class DiskStore:
    """A :class:`~shipway.registry.store.BlobStore` on a POSIX file system with hard links.

    :param root: folder of the store; made at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._partial = root / "partial"
        self._locks = root / "locks"

    def create(self, key: str, source: bytes | Path, *, sha256: str | None = None) -> bool:
        """Store an object if there is none of that key; see :class:`BlobStore`."""
        with self._place(key, make=True) as (folder, name):
            if nofollow.exists(name, within=folder):
                return False
            with self._written(source, sha256) as partial:
                return _link(partial, folder, name)

    def read(self, key: str) -> Blob | None:
        """Return a small object, or None; its tag is the sha256 of its bytes."""
        with contextlib.suppress(FileNotFoundError), self._place(key) as (folder, name):
            return _read(folder, name)
        return None

    def fetch(self, key: str, destination: Path) -> bool:
        """Stream an object into a new file; see :class:`BlobStore`."""
        try:
            with self._place(key) as (folder, name):
                source = nofollow.plain_file(name, within=folder)
        except FileNotFoundError:
            return False
        with os.fdopen(source, "rb") as stream, destination.open("xb") as sink:
            shutil.copyfileobj(stream, sink, _CHUNK)
        return True

    def replace(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """Store a small object if the present one has this tag (None: if there is none)."""
        with self._locked(key), self._place(key, make=True) as (folder, name):
            present = _read(folder, name)
            if (present.etag if present else None) != etag:
                return False
            with self._written(data, None) as partial:
                if etag is None:
                    return _link(partial, folder, name)
                os.rename(partial, name, dst_dir_fd=folder)
                os.fsync(folder)
                return True

    def remove(self, key: str, *, etag: str) -> bool:
        """Delete an object if it still has this tag."""
        with contextlib.suppress(FileNotFoundError), self._locked(key), self._place(key) as (folder, name):
            present = _read(folder, name)
            if present is not None and present.etag == etag:
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
                return True
        return False

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that start with a prefix, sorted.

        :raises UnsafePath: for a symbolic link among them.
        """
        above = prefix.rpartition("/")[0]
        parts = checked_path(above).parts if above else ()
        found: list[str] = []
        with contextlib.suppress(FileNotFoundError), nofollow.folder(self.root, [_OBJECTS, *parts]) as top:
            found = [f"{above}/{path}" if above else path for path in nofollow.files(top)]
        return sorted(key for key in found if key.startswith(prefix))

    @contextlib.contextmanager
    def _place(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Yield a descriptor of the key's folder, and its last name."""
        *parents, name = checked_path(key).parts
        if make:
            self.root.mkdir(parents=True, exist_ok=True)
        with nofollow.folder(self.root, [_OBJECTS, *parents], make=make) as descriptor:
            yield descriptor, name

    @contextlib.contextmanager
    def _written(self, source: bytes | Path, sha256: str | None) -> Iterator[Path]:
        """Yield a partial file whose bytes have reached the disk and are what they must be."""
        self._partial.mkdir(parents=True, exist_ok=True)
        with partial_file(self._partial) as (descriptor, path):
            found = _copy(source, descriptor)
            if sha256 is not None and found != sha256:
                raise DigestMismatch(
                    f"'{source if isinstance(source, Path) else 'data'}' changed while it was stored.",
                    hint="Register a folder that nobody writes to.",
                    expected=sha256,
                    found=found,
                )
            os.fsync(descriptor)
            yield path

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        self._locks.mkdir(parents=True, exist_ok=True)
        path = self._locks / hashlib.sha256(key.encode()).hexdigest()
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(folder: int, name: str) -> Blob | None:
    try:
        descriptor = nofollow.plain_file(name, within=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    return Blob(data, hashlib.sha256(data).hexdigest())


def _link(partial: Path, folder: int, name: str) -> bool:
    try:
        os.link(partial, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    os.fsync(folder)
    return True


def _copy(source: bytes | Path, descriptor: int) -> str:
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "wb", closefd=False) as sink:
        for piece in _pieces(source):
            digest.update(piece)
            sink.write(piece)
    return digest.hexdigest()


def _pieces(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with os.fdopen(nofollow.plain_file(source), "rb") as stream:
        while piece := stream.read(_CHUNK):
            yield piece
