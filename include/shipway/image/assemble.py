"""Base and layer become an image: a pure function, so the same inputs give the same digest on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipway.errors import ImageError
from shipway.image.layer import write_layer
from shipway.image.value import CONFIG_TYPE, MANIFEST_TYPE, Base, Descriptor, Image, Options, encode

#: The date of all images: a real one would make every build another image.
CREATED = "1970-01-01T00:00:00Z"
#: Where TensorFlow Serving's image looks for models.
MODELS_FOLDER = "models"

_BARE = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}


def assemble(context: Path, options: Options, base: Base | None, layer_file: Path) -> Image:
    """Make an image of a build context.

    The digest depends on the base's digest, the files of the context and the options, and on nothing else.

    :param context: folder of :func:`shipway.image.context.lay_out_context`.
    :param base: the image to build upon; None makes an image of the model layer alone.
    :param layer_file: where the new layer's bytes are written.
    :raises ImageError: when the context is not that of ``options``, or cannot be a layer.
    """
    served = context / MODELS_FOLDER / options.model / str(options.version)
    if not served.is_dir():
        raise ImageError(
            f"The build context '{context}' has no {MODELS_FOLDER}/{options.model}/{options.version}.",
            hint="Run prebuild for this version.",
        )
    layer = write_layer(context, layer_file)
    layers = (*(base.layers if base else ()), layer)
    config = encode(_config(options, base, layer))
    annotations = _described(options) | ({"org.opencontainers.image.base.digest": base.digest} if base else {})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": Descriptor.of(config, CONFIG_TYPE).document,
        "layers": [descriptor.document for descriptor in layers],
        "annotations": annotations,
    }
    return Image(encode(manifest), config, layers)


def _config(options: Options, base: Base | None, layer: Descriptor) -> dict[str, Any]:
    below: Mapping[str, Any] = base.config if base else _BARE
    running = dict(below.get("config") or {})
    env = {
        "MODEL_NAME": options.model,
        "MODEL_BASE_PATH": f"/{MODELS_FOLDER}",
        **options.env,
    }
    running["Env"] = _merged(running.get("Env") or [], env)
    running["Labels"] = {**(running.get("Labels") or {}), **_described(options), **options.labels}
    config = {
        **below,
        "created": CREATED,
        "config": running,
        "rootfs": {"type": "layers", "diff_ids": [*below["rootfs"]["diff_ids"], layer.digest]},
    }
    if base is None or below.get("history"):  # a history must tell of all layers, or not exist
        step = {"created": CREATED, "created_by": "shipway build", "comment": f"{options.model} {options.version}"}
        config["history"] = [*below.get("history", []), step]
    return config


def _merged(present: list[str], added: Mapping[str, str]) -> list[str]:
    """Keep the base's order, replace what is there, append what is new in the order of its names."""
    variables = dict(line.partition("=")[::2] for line in present)
    for name in sorted(added):
        variables[name] = added[name]
    return [f"{name}={value}" for name, value in variables.items()]


def _described(options: Options) -> dict[str, str]:
    return {
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.title": options.model,
        "org.opencontainers.image.version": str(options.version),
        "io.shipway.model": options.model,
        "io.shipway.version": str(options.version),
        "io.shipway.content-digest": options.content_digest,
    }
