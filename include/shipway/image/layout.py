"""An OCI image layout on disk: written atomically, read with every byte verified.

Format: OCI image specification 1.1, ``image-layout.md``. Blobs come first and the index last, so whoever is killed
in between leaves a layout that reads as before.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from shipway.errors import ImageError
from shipway.image import index
from shipway.image.base import base_from
from shipway.image.blobs import Blobs
from shipway.image.unpack import apply_layer
from shipway.image.value import MANIFEST_TYPE, Base, Descriptor, Image, checked_digest
from shipway.partial import partial_file, partial_folder

__all__ = ["Layout", "base_from"]


class Layout:
    """The images in one folder.

    :param folder: made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs(folder)

    def write(self, image: Image, layer_file: Path | None, tag: str) -> str:
        """Store an image and list it under a tag; a second time nothing is written.

        :param layer_file: bytes of the highest layer, taken over by a hard link where possible; None where all
            layers are there.
        :param tag: moves here if another image has it.
        :returns: the image's digest.
        :raises ImageError: when the file is not that layer, or a lower layer is not in the layout.
        """
        if layer_file is not None:
            self.blobs.take(layer_file, image.layers[-1])
        for layer in image.layers if layer_file is None else image.layers[:-1]:
            self.blobs.check(layer)
        self.blobs.put(image.config)
        self.blobs.put(image.manifest)
        index.add(self.folder, Descriptor.of(image.manifest, MANIFEST_TYPE), tag)
        return image.digest

    def adopt(self, base: Base) -> None:
        """Bring the blobs of a base into this layout; those that are there are left as they are.

        :raises ImageError: when one is missing or altered.
        """
        for layer in base.layers:
            if base.folder is None:
                self.blobs.check(layer)
            else:
                self._adopt_layer(Blobs(base.folder), layer)

    def open(self, digest: str) -> Image:
        """Return an image of this layout; manifest and config are verified, layers are not.

        :raises ImageError: when it is not there, or was altered.
        """
        data = self.blobs.read(checked_digest(digest))
        try:
            manifest = json.loads(data)
            config, layers = manifest["config"], manifest["layers"]
        except (ValueError, KeyError, TypeError):
            raise ImageError(f"{digest} of '{self.folder}' is not the manifest of an image.", digest=digest) from None
        with self.blobs.verified(Descriptor.read(config)) as stream:
            return Image(data, stream.read(), tuple(Descriptor.read(layer) for layer in layers))

    def verify(self, digest: str) -> Image:
        """Verify an image and all its blobs.

        :raises ImageError: naming the blob that is missing, cut off or altered.
        """
        image = self.open(digest)
        for layer in image.layers:
            self.blobs.check(layer)
        return image

    def unpack(self, digest: str, destination: Path, *, below: Collection[str] = ()) -> Image:
        """Write the files of an image into an empty folder, which appears complete or not at all.

        Owners, times and special modes are not kept.

        :param destination: a new or empty folder.
        :param below: top folders to write, such as ``models`` and ``shipway``; empty: everything. All blobs are
            verified in any case.
        :raises ImageError: naming what is missing, altered, or would leave the folder.
        """
        image = self.open(digest)
        with partial_folder(destination) as partial:
            for layer in image.layers:
                with self.blobs.verified(layer) as stream:
                    apply_layer(stream, layer, partial, frozenset(below))
            try:
                os.rename(partial, destination)
            except OSError:
                raise ImageError(
                    f"'{destination}' is not a new or empty folder.", hint="Give another one.", path=str(destination)
                ) from None
        return image

    @contextlib.contextmanager
    def partial(self) -> Iterator[Path]:
        """Yield a temporary file inside the layout; one that a killed process left is removed by the next call."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with partial_file(self.folder) as (_, path):
            yield path

    def tags(self) -> dict[str, str]:
        """Return all tags with the digests of their images."""
        listed: list[dict[str, Any]] = index.entries(self.folder) if (self.folder / "index.json").exists() else []
        named = {(entry.get("annotations") or {}).get(index.TAG): str(entry.get("digest")) for entry in listed}
        return {tag: digest for tag, digest in named.items() if tag}

    def _adopt_layer(self, source: Blobs, layer: Descriptor) -> None:
        if not self.blobs.holds(layer):
            source.check(layer)
            self.blobs.take(source.path(layer.digest), layer)
