"""The blobs of an OCI layout: files that are named by their own sha256, written once and verified at every use."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from shipway.errors import ImageError
from shipway.image.value import Descriptor, checked_digest, digest_of
from shipway.partial import partial_file, partial_folder


class Blobs:
    """Content-addressed files below the folder of a layout.

    :param folder: the layout's folder; blobs lie in ``blobs/sha256/``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs" / "sha256"

    def path(self, digest: str) -> Path:
        """Return where the blob of a digest lies or would lie."""
        return self._blobs / checked_digest(digest).removeprefix("sha256:")

    def holds(self, descriptor: Descriptor) -> bool:
        """Say whether the blob is there, whole and unaltered."""
        try:
            self.check(descriptor)
        except ImageError:
            return False
        return True

    def check(self, descriptor: Descriptor) -> None:
        """Verify a blob.

        :raises ImageError: naming the blob that is missing, cut off or altered.
        """
        with self.verified(descriptor):
            pass

    @contextlib.contextmanager
    def verified(self, descriptor: Descriptor) -> Iterator[BufferedIOBase]:
        """Yield a blob, open at its start, after all its bytes were verified.

        :raises ImageError: naming the blob that is missing, cut off or altered.
        """
        with self._opened(descriptor.digest) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != descriptor.size:
                raise _damaged(descriptor.digest, self._folder, f"has {size} bytes, not {descriptor.size}")
            self._check_hash(stream, descriptor.digest)
            yield stream

    def read(self, digest: str) -> bytes:
        """Return a small blob whose size nobody has named: a manifest.

        :raises ImageError: when it is missing or altered.
        """
        with self._opened(digest) as stream:
            data = stream.read()
        if digest_of(data) != digest:
            raise _damaged(digest, self._folder, "was altered")
        return data

    def put(self, data: bytes) -> None:
        """Store small bytes; nothing is written when they are there."""
        descriptor = Descriptor.of(data, "")
        if self.holds(descriptor):
            return
        self._blobs.mkdir(parents=True, exist_ok=True)
        with partial_file(self._folder) as (handle, partial):
            with os.fdopen(handle, "wb", closefd=False) as stream:
                stream.write(data)
            self._keep(handle, partial, descriptor.digest)

    def take(self, file: Path, descriptor: Descriptor) -> None:
        """Store a file; nothing is written when it is there.

        :param file: becomes the blob by a hard link where that is possible: nobody may change it afterwards.
        :raises ImageError: when the file is not what the descriptor says.
        """
        if self.holds(descriptor):
            return
        self._blobs.mkdir(parents=True, exist_ok=True)
        with partial_folder(self._folder / "blob") as folder:
            partial = folder / "blob"
            try:
                os.link(file, partial)
            except OSError:  # another file system, or one without links
                shutil.copyfile(file, partial)
            with partial.open("rb") as stream:
                self._check_hash(stream, descriptor.digest)
                self._keep(stream.fileno(), partial, descriptor.digest)

    def _keep(self, handle: int, partial: Path, digest: str) -> None:
        os.fsync(handle)
        os.replace(partial, self.path(digest))
        _flush(self._blobs)

    @contextlib.contextmanager
    def _opened(self, digest: str) -> Iterator[BufferedIOBase]:
        try:
            stream = self.path(digest).open("rb")
        except FileNotFoundError:
            raise _damaged(digest, self._folder, "is missing") from None
        except OSError as error:
            raise _damaged(digest, self._folder, f"cannot be read ({error.strerror})") from None
        with stream:
            yield stream

    def _check_hash(self, stream: BufferedIOBase, digest: str) -> None:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        if f"sha256:{found}" != digest:
            raise _damaged(digest, self._folder, "was altered")


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(digest: str, folder: Path, what: str) -> ImageError:
    return ImageError(
        f"The blob {digest} of the layout '{folder}' {what}.",
        hint="Build the image again.",
        digest=digest,
        folder=str(folder),
    )
