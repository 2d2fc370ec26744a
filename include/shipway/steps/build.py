"""``build``: make the serving image; from here on its digest is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shipway.steps import points
from shipway.steps.prebuild import context_folder, prebuild
from shipway.steps.rooms import Rooms


def build(rooms: Rooms, *, prebuilt: dict[str, Any]) -> dict[str, Any]:
    """Make the image of a version; the same version again gives the same digest and writes nothing.

    :param prebuilt: the result of :func:`~shipway.steps.prebuild.prebuild`.
    :returns: ``image`` (where it lies, by digest) and ``image_digest``.
    :raises ImageError: when the base image or the layout cannot be read or written.
    """
    from shipway.image.building import build as build_image
    from shipway.image.value import Options

    context = _context(rooms, prebuilt)
    options = Options(model=rooms.spec.model, version=prebuilt["version"], content_digest=prebuilt["content_digest"])
    digest = build_image(context, options=options, layout=rooms.layout, base=_base(rooms))
    points.passed("build.written")
    return {"image": f"{rooms.layout.folder}@{digest}", "image_digest": digest}


def _context(rooms: Rooms, prebuilt: dict[str, Any]) -> Path:
    """Return the build context; on a worker that does not share the folder, prebuild is done again."""
    context = context_folder(rooms, prebuilt["content_digest"], prebuilt["version"])
    if not context.exists():
        prebuild(rooms, version=prebuilt["version"])
    return context


def _base(rooms: Rooms) -> Any:
    """Read the base image from an OCI layout ``FOLDER:TAG``; none makes an image of the model layer alone."""
    from shipway.image.base import base_from

    reference = rooms.spec.serving.base_image
    if reference is None:
        return None
    folder, _, tag = reference.rpartition(":")
    return base_from(rooms.environment.path(folder), tag)
