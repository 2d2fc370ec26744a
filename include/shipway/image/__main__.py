"""Unpack an image: ``python -m shipway.image LAYOUT@sha256:… FOLDER``, every blob verified by its digest.

Only what Shipway put into the image is written: a base is verified with it, but its system files stay inside.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shipway.errors import ShipwayError
from shipway.image.assemble import MODELS_FOLDER
from shipway.image.context import SHIPWAY_FOLDER
from shipway.image.layout import Layout


def main(arguments: list[str]) -> int:
    """Unpack one image; an error of ours is one sentence on standard error.

    :param arguments: the image as ``LAYOUT@sha256:…``, and an empty or new folder.
    :returns: the exit code.
    """
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)  # noqa: T201 - a command
        return 2
    layout, _, digest = arguments[0].rpartition("@")
    try:
        Layout(Path(layout)).unpack(digest, Path(arguments[1]), below=(MODELS_FOLDER, SHIPWAY_FOLDER))
    except ShipwayError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
