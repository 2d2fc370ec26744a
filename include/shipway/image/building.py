"""Build: context, options and base become an image in a layout."""

from __future__ import annotations

from pathlib import Path

from shipway.image.assemble import assemble
from shipway.image.layout import Layout
from shipway.image.value import Base, Options


def build(context: Path, *, options: Options, layout: Layout, base: Base | None = None) -> str:
    """Make an image and store it, tagged with the version's number.

    The same inputs give the same digest; building again writes nothing.

    :param context: folder of :func:`shipway.image.context.lay_out_context`.
    :returns: ``sha256:…`` of the image.
    :raises ImageError: when context or base are not what they must be.
    """
    with layout.partial() as layer_file:
        image = assemble(context, options, base, layer_file)
        if base is not None:
            layout.adopt(base)
        return layout.write(image, layer_file, str(options.version))
