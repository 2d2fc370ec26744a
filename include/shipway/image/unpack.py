"""Unpack one verified image from an OCI layout: ``python -m shipway.image.unpack LAYOUT@sha256:… FOLDER``.

A command of its own, so that the supervisor of the local target can run it as a child.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from shipway.errors import ShipwayError


def main(arguments: Sequence[str] | None = None) -> None:
    """Unpack the image, or end with one sentence that says why not.

    :param arguments: the image reference, and a folder that is made.
    """
    from shipway.image.layout import Layout

    image, folder = arguments or sys.argv[1:]
    layout, _, digest = image.rpartition("@")
    try:
        Layout(Path(layout)).unpack(digest, Path(folder))
    except ShipwayError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
