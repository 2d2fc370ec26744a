"""The build context: the folder whose inside becomes the model layer."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from shipway.errors import ImageError
from shipway.image.assemble import MODELS_FOLDER
from shipway.image.value import Options, encode
from shipway.partial import partial_folder

#: Folder of what the gateway needs to know of its release, beside the models.
SHIPWAY_FOLDER = "shipway"


def lay_out_context(version_dir: Path, destination: Path, *, model: str, version: int, content_digest: str) -> None:
    """Make the build context of a version.

    It holds ``models/<model>/<version>/`` (the SavedModel), ``shipway/signature.json``, ``shipway/golden.json`` and
    ``shipway/release.json`` (``{"content_digest": …, "model": …, "version": …}``). Files are hard links where that is
    possible: treat both folders as immutable.

    :param version_dir: a downloaded version: ``model/``, ``signature.json``, ``golden.json``.
    :param destination: a new or empty folder; it appears complete or not at all.
    :raises ImageError: when a part is missing, a file is a symbolic link, or the destination is not empty.
    """
    options = Options(model=model, version=version, content_digest=content_digest)
    with partial_folder(destination) as partial:
        served = partial / MODELS_FOLDER / options.model / str(options.version)
        beside = partial / SHIPWAY_FOLDER
        beside.mkdir()
        try:
            shutil.copytree(version_dir / "model", served, copy_function=_link, ignore=_refuse_links)
            for name in ("signature.json", "golden.json"):
                _link(version_dir / name, beside / name)
        except FileNotFoundError as error:
            raise ImageError(f"'{error.filename}' is missing in the version.", hint="Download it again.") from None
        release = {"model": model, "version": version, "content_digest": content_digest}
        (beside / "release.json").write_bytes(encode(release))
        try:
            os.rename(partial, destination)
        except OSError:
            raise ImageError(
                f"'{destination}' is not a new or empty folder.", hint="Give another one.", path=str(destination)
            ) from None


def _refuse_links(folder: str, names: list[str]) -> list[str]:
    for name in names:
        place = Path(folder, name)
        if place.is_symlink() or not (place.is_file() or place.is_dir()):
            raise ImageError(f"'{place}' is a link or a special file.", hint="A version has plain files only.")
    return []


def _link(source: str | Path, target: str | Path) -> None:
    _refuse_links("", [str(source)] if os.path.lexists(source) else [])
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
