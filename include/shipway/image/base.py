"""Read the image to build upon out of an OCI layout."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from shipway.errors import ImageError
from shipway.image import index
from shipway.image.blobs import Blobs
from shipway.image.value import INDEX_TYPE, LAYER_TYPE, Base, Descriptor

#: What Docker calls the same bytes. Registries give either; in an OCI manifest they need their OCI names.
_OCI_NAMES = {
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER_TYPE}+gzip",
}
_INDEX_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")


def base_from(folder: Path, reference: str = "") -> Base:
    """Read a base out of a layout.

    :param folder: the OCI layout; ``skopeo copy docker://… oci:folder:tag`` makes one.
    :param reference: a tag or a digest; empty where the layout has a single image.
    :returns: the image for linux on amd64.
    :raises ImageError: when there is no such image, or it was altered.
    """
    blobs = Blobs(folder)
    digest = _chosen(blobs, _found(folder, reference), folder)
    manifest = _read(blobs, digest, folder)
    try:
        config_descriptor, listed = manifest["config"], manifest["layers"]
    except KeyError:
        raise ImageError(f"{digest} of '{folder}' is not the manifest of an image.", digest=digest) from None
    with blobs.verified(Descriptor.read(config_descriptor)) as stream:
        config = _document(stream.read(), digest, folder)
    layers = tuple(_oci(Descriptor.read(layer)) for layer in listed)
    if len((config.get("rootfs") or {}).get("diff_ids") or ()) != len(layers):
        raise ImageError(f"The config of {digest} in '{folder}' does not fit its layers.", digest=digest)
    return Base(config=config, layers=layers, digest=digest, folder=folder)


def _found(folder: Path, reference: str) -> dict[str, Any]:
    listed = index.entries(folder)
    if not reference and len(listed) == 1:
        return listed[0]
    for entry in listed:
        if reference and reference in (entry.get("digest"), (entry.get("annotations") or {}).get(index.TAG)):
            return entry
    raise ImageError(
        f"The layout '{folder}' has no image '{reference}'.",
        hint="Name one of its tags or digests.",
        folder=str(folder),
        reference=reference,
    )


def _chosen(blobs: Blobs, entry: dict[str, Any], folder: Path) -> str:
    """Follow an image index to the image for this kind of machine."""
    descriptor = Descriptor.read(entry)
    if descriptor.media_type not in _INDEX_TYPES:
        return descriptor.digest
    for listed in _read(blobs, descriptor.digest, folder).get("manifests", ()):
        platform = listed.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return Descriptor.read(listed).digest
    raise ImageError(f"{descriptor.digest} of '{folder}' has no image for linux on amd64.", digest=descriptor.digest)


def _read(blobs: Blobs, digest: str, folder: Path) -> dict[str, Any]:
    return _document(blobs.read(digest), digest, folder)


def _document(data: bytes, digest: str, folder: Path) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        document = json.loads(data)
        if isinstance(document, dict):
            return document
    raise ImageError(f"{digest} of '{folder}' is not the manifest of an image.", digest=digest)


def _oci(layer: Descriptor) -> Descriptor:
    return Descriptor(_OCI_NAMES.get(layer.media_type, layer.media_type), layer.digest, layer.size)
