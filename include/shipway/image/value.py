"""The values of this room: descriptors, images, what an image is built from. All frozen, all plain bytes and text.

Formats: OCI image specification 1.1 (``descriptor.md``, ``manifest.md``, ``config.md``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipway.errors import ImageError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def digest_of(data: bytes) -> str:
    """Return ``sha256:…`` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def checked_digest(digest: str) -> str:
    """Return a digest that is one, and so can be part of a path.

    :raises ImageError: when it is anything else than ``sha256:`` and 64 hex digits.
    """
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ImageError(f"'{digest}' is not a digest.", hint="Expected sha256: and 64 hex digits.", digest=digest)
    return digest


def encode(document: Mapping[str, Any]) -> bytes:
    """Return JSON that is the same for the same document: sorted keys, no blanks, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True)
class Descriptor:
    """Names a blob.

    :param media_type: what it is.
    :param digest: ``sha256:…``.
    :param size: bytes.
    """

    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Descriptor:
        """Return the descriptor of some bytes."""
        return cls(media_type, digest_of(data), len(data))

    @classmethod
    def read(cls, document: Any) -> Descriptor:
        """Return the descriptor in a manifest or an index.

        :raises ImageError: when it is not one.
        """
        try:
            media_type, digest, size = document["mediaType"], document["digest"], document["size"]
        except (TypeError, KeyError):
            raise ImageError(f"{document!r} is not an OCI descriptor.") from None
        if not isinstance(media_type, str) or not isinstance(size, int) or size < 0:
            raise ImageError(f"{document!r} is not an OCI descriptor.")
        return cls(media_type, checked_digest(digest), size)

    @property
    def document(self) -> dict[str, Any]:
        """The descriptor as it stands in manifests and indexes."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Image:
    """One image, complete but for the bytes of its layers.

    :param manifest: the manifest's bytes; their sha256 is the image's digest.
    :param config: the config's bytes.
    :param layers: from the lowest to the highest.
    """

    manifest: bytes
    config: bytes
    layers: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        """``sha256:…`` of the manifest."""
        return digest_of(self.manifest)


@dataclass(frozen=True)
class Options:
    """All that decides an image beside base and files.

    :param model: name of the model; part of the paths in the image.
    :param version: number of the version, from 1.
    :param content_digest: ``sha256:…`` of the version.
    :param labels: further labels of the image's config.
    :param env: further environment variables; never secrets.
    :raises ImageError: when one of them cannot be part of an image.
    """

    model: str
    version: int
    content_digest: str
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _MODEL.fullmatch(self.model) or self.version < 1:
            raise ImageError(
                f"'{self.model}' version {self.version} cannot be a path in an image.",
                hint="A model's name has letters, digits, '_', '-' and '.'; versions start at 1.",
            )
        wrong = [name for name in self.env if not _ENV_NAME.fullmatch(name)]
        if wrong:
            raise ImageError(f"'{wrong[0]}' is not the name of an environment variable.", name=wrong[0])


@dataclass(frozen=True)
class Base:
    """The image to build upon.

    :param config: its config document.
    :param layers: from the lowest to the highest, with OCI media types.
    :param digest: ``sha256:…`` of its manifest.
    :param folder: the OCI layout that holds its blobs, where there is one.
    """

    config: Mapping[str, Any]
    layers: tuple[Descriptor, ...]
    digest: str
    folder: Path | None = field(default=None, compare=False)
