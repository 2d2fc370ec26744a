"""Read one file out of an image, without unpacking it."""

from __future__ import annotations

import tarfile
import zlib

from shipway.errors import ImageError
from shipway.image.layout import Layout
from shipway.image.unpack import Parts, member_parts, open_layer
from shipway.image.value import Descriptor


def read_file(layout: Layout, digest: str, path: str) -> bytes:
    """Return the bytes of a file, from the highest layer that has it.

    :param digest: ``sha256:…`` of the image.
    :param path: relative to the image's root, such as ``shipway/golden.json``.
    :raises ImageError: when there is no such plain file, or the layer was altered.
    """
    wanted = tuple(path.split("/"))
    for layer in reversed(layout.open(digest).layers):
        found, hidden = _look(layout, layer, wanted)
        if found is not None:
            return found
        if hidden:
            break
    raise ImageError(f"The image {digest} has no file '{path}'.", digest=digest, path=path)


def _look(layout: Layout, layer: Descriptor, wanted: Parts) -> tuple[bytes | None, bool]:
    """Return the file's bytes if this layer has it, and whether the layer hides those of the layers below."""
    hiding = {(*wanted[:depth], f".wh.{wanted[depth]}") for depth in range(len(wanted))}
    hiding |= {(*wanted[:depth], ".wh..wh..opq") for depth in range(len(wanted))}
    found, hidden = None, False
    with layout.blobs.verified(layer) as stream:
        try:
            with open_layer(stream, layer) as tar:
                for member in tar:
                    parts = member_parts(member, layer.digest)
                    hidden = hidden or parts in hiding or (parts == wanted and not member.isreg())
                    if parts == wanted and member.isreg():
                        source = tar.extractfile(member)
                        found = source.read() if source else None
        except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
            raise ImageError(f"The layer {layer.digest} cannot be read: {error}.", digest=layer.digest) from None
    return found, hidden
