"""The seam below :class:`~shipway.registry.objectstore.ObjectStoreRegistry`: a small object store.

Every call maps onto one conditional request of S3, so that a bucket needs no more than a sibling of
:mod:`shipway.registry.disk`: ``create`` is PutObject with ``If-None-Match: *`` (and ``x-amz-checksum-sha256``),
``replace`` is PutObject with ``If-Match``, ``remove`` is DeleteObject with ``If-Match``, ``keys`` is ListObjectsV2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Blob:
    """A small object: its bytes, and the opaque tag that a later compare-and-set must name."""

    data: bytes
    etag: str


class BlobStore(Protocol):
    """What a registry needs of a store. Keys are relative POSIX paths; an object is there entirely or not at all."""

    def create(self, key: str, source: bytes | Path, *, sha256: str | None = None) -> bool:
        """Store an object if there is none of that key.

        :param source: the bytes, or a plain file that is streamed.
        :param sha256: hex digest that the stored bytes must have.
        :returns: whether it was stored; False when the key is taken.
        :raises DigestMismatch: when the source is not, or no longer, what ``sha256`` says; nothing is stored then.
        :raises UnsafePath: for a key that leaves the store, and for a symbolic link.
        """
        ...

    def read(self, key: str) -> Blob | None:
        """Return a small object, or None."""
        ...

    def fetch(self, key: str, destination: Path) -> bool:
        """Stream an object into a new file.

        :param destination: must not exist; its folder must.
        :returns: False, and no file, when there is no such object.
        """
        ...

    def replace(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """Store a small object if the present one is still the one that the caller read.

        :param etag: of the object that is replaced; None where there must be none.
        :returns: whether it was stored.
        """
        ...

    def remove(self, key: str, *, etag: str) -> bool:
        """Delete an object if it is still the one that the caller read.

        :returns: whether it was there and is gone now.
        """
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that start with a prefix, sorted."""
        ...
