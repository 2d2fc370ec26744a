"""Bring the files of a version into a folder, all of them verified, or none.

Shared by all adapters: each gives only the way to fetch one file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shipway.errors import DigestMismatch, RegistryError, UnsafePath
from shipway.partial import partial_folder
from shipway.registry.manifest import File, Manifest, checked_path, scan, sha256

#: Writes the file of a version with this path to a new place; False when there is none.
Fetch = Callable[[str, Path], bool]


def receive(manifest: Manifest, directory: Path, fetch: Fetch) -> None:
    """Fill a new or empty folder with a version's files.

    The files are gathered in a folder beside it, verified, and moved at the end by one rename. A folder that holds
    exactly this version already is left as it is.

    :param fetch: how to get one file.
    :raises DigestMismatch: naming the first file that is missing, or is not what the manifest says.
    :raises UnsafePath: for a path that leaves the folder, and for a symbolic link in its place.
    :raises RegistryError: when the folder holds anything else.
    """
    _check_paths(manifest)
    if directory.is_symlink():
        raise UnsafePath(f"'{directory}' is a symbolic link.", hint="Give a plain folder.", path=str(directory))
    if _holds(directory, manifest):
        return
    with partial_folder(directory) as partial:
        for file in manifest.files:
            _receive_file(manifest, file, partial, fetch)
        try:
            os.rename(partial, directory)
        except OSError:
            if not _holds(directory, manifest):  # else another download of the same version was faster
                raise


def _holds(directory: Path, manifest: Manifest) -> bool:
    """Say whether the folder holds exactly the version; False for an empty or missing one, which is cleared away."""
    try:
        directory.rmdir()
    except FileNotFoundError:
        return False
    except OSError:
        if directory.is_dir() and _identity(scan(directory)) == _identity(manifest.files):
            return True
        raise RegistryError(
            f"'{directory}' holds something else than version {manifest.version} of '{manifest.model}'.",
            hint="Give a new or empty folder.",
            path=str(directory),
        ) from None
    return False


def _identity(files: tuple[File, ...]) -> set[tuple[str, int, str]]:
    return {(file.path, file.size, file.sha256) for file in files}


def _check_paths(manifest: Manifest) -> None:
    paths = [checked_path(file.path) for file in manifest.files]
    folders = {parent for path in paths for parent in path.parents}
    twice = len(set(paths)) != len(paths) or not folders.isdisjoint(paths)
    if twice:
        raise UnsafePath(
            f"The manifest of '{manifest.model}' version {manifest.version} names a path twice.",
            hint="It was made by hand: register the version again.",
        )


def _receive_file(manifest: Manifest, file: File, folder: Path, fetch: Fetch) -> None:
    place = folder / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    if not fetch(file.path, place):
        raise _mismatch(manifest, file, "is missing in the registry")
    size = place.stat().st_size
    if size != file.size:
        raise _mismatch(manifest, file, f"has {size} bytes, not {file.size}")
    if sha256(place) != file.sha256:
        raise _mismatch(manifest, file, "was altered: its sha256 is not that of the manifest")


def _mismatch(manifest: Manifest, file: File, what: str) -> DigestMismatch:
    return DigestMismatch(
        f"'{file.path}' of '{manifest.model}' version {manifest.version} {what}.",
        hint="Register the version again, and find out who writes to the registry.",
        model=manifest.model,
        version=manifest.version,
        path=file.path,
    )
