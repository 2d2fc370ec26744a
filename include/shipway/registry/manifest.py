"""What a version is: its files, its digests, its provenance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shipway.errors import RegistryError, UnsafePath

#: The SavedModel's folder inside a version.
MODEL_FOLDER = "model"
#: The signature, as :mod:`shipway.serving.savedmodel` reads it: ``{"inputs": {…}, "outputs": {…}}``.
SIGNATURE_FILE = "signature.json"
#: Golden requests with their answers: ``[{"instance": {…}, "score": 0.1}, …]``.
GOLDEN_FILE = "golden.json"

_CHUNK = 1 << 20


class File(BaseModel):
    """One file of a version. ``path`` is relative and POSIX; ``size`` in bytes; ``sha256`` in hex."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: int = Field(ge=0)
    sha256: str


class Proposal(BaseModel):
    """What is known of a version's origin before it has a number.

    :param metrics: figures of the data scientist, such as ``{"ks": 0.81, "auc": 0.93}``.
    :param registered_by: user name; this person cannot approve the version.
    :param registered_at: ISO 8601, UTC.
    :param parent: the version that it shall replace.
    :param snapshot: digest of the training snapshot.
    :param code_revision: revision of the code that trained it.
    :param decision: ``accepted`` or ``rejected`` by a comparison, ``unjudged`` where there was none.
    :param notes: anything else worth keeping, plain JSON.
    """

    # NaN is no JSON: other readers of the manifest, and the records, would refuse it.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    registered_by: str
    registered_at: str
    metrics: dict[str, float] = Field(default_factory=dict)
    parent: int | None = None
    snapshot: str | None = None
    code_revision: str | None = None
    decision: Literal["accepted", "rejected", "unjudged"] = "unjudged"
    notes: dict[str, Any] = Field(default_factory=dict)


class Manifest(Proposal):
    """A complete version: provenance and every file, with a digest of its own."""

    model: str
    version: int = Field(ge=1)
    content_digest: str
    files: tuple[File, ...]

    @property
    def digest(self) -> str:
        """``sha256:…`` over the manifest's canonical JSON."""
        return "sha256:" + hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()


def canonical(value: Any) -> bytes:
    """Return JSON that is the same for the same value: sorted keys, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_digest(files: Iterable[File]) -> str:
    """Return ``sha256:…`` over exactly the files of a version: path, size and sha256 of each, sorted by path."""
    rows = sorted((file.path, file.size, file.sha256) for file in files)
    return "sha256:" + hashlib.sha256(canonical(rows)).hexdigest()


def checked_path(path: str) -> PurePosixPath:
    """Return a relative path that stays in its folder.

    :raises UnsafePath: for an absolute path, a ``..``, an empty path, and a name that is not plain UTF-8 text.
    """
    pure = PurePosixPath(path)
    leaves = pure.is_absolute() or ".." in pure.parts or not pure.parts
    if leaves or str(pure) != path or not _is_plain(path):
        shown = path.encode("utf-8", "backslashreplace").decode()
        raise UnsafePath(f"'{shown}' is not a path inside a version.", hint="Use plain relative paths.", path=shown)
    return pure


def _is_plain(path: str) -> bool:
    if any(character in path for character in "\\\0\n\r"):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in path)  # bytes that were no UTF-8


def scan(directory: Path) -> tuple[File, ...]:
    """List every file below a folder with size and sha256, sorted by path.

    :raises RegistryError: when there is no such folder.
    :raises UnsafePath: for a symbolic link or anything that is neither file nor folder.
    """
    if not directory.is_dir():
        raise RegistryError(f"There is no folder '{directory}'.", hint="Give the folder that lay_out made.")
    files = []
    for entry in sorted(directory.rglob("*")):
        path = entry.relative_to(directory).as_posix()
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise UnsafePath(f"'{path}' is a link or a special file.", hint="Register plain files only.", path=path)
        if entry.is_file():
            checked_path(path)
            files.append(File(path=path, size=entry.stat().st_size, sha256=sha256(entry)))
    return tuple(sorted(files, key=lambda file: file.path))


def scan_version(directory: Path) -> tuple[File, ...]:
    """List the files of a folder that :func:`lay_out` made, and nothing else.

    :raises RegistryError: when one of its three parts is missing, or something else is there.
    :raises UnsafePath: for a symbolic link or anything that is neither file nor folder.
    """
    files = scan(directory)
    parts = {PurePosixPath(file.path).parts[0] if "/" in file.path else file.path for file in files}
    model = any(file.path.startswith(f"{MODEL_FOLDER}/") for file in files)
    if not model or parts != {MODEL_FOLDER, SIGNATURE_FILE, GOLDEN_FILE}:
        raise RegistryError(
            f"'{directory}' holds {', '.join(sorted(parts)) or 'nothing'}, but a version is exactly "
            f"{MODEL_FOLDER}/ with files, {SIGNATURE_FILE} and {GOLDEN_FILE}.",
            hint="Make the folder with lay_out.",
            found=sorted(parts),
        )
    return files


def sha256(file: Path) -> str:
    """Return the hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def lay_out(saved_model: Path, signature: dict[str, Any], golden: list[dict[str, Any]], directory: Path) -> None:
    """Make the folder that :meth:`Registry.register` takes.

    :param saved_model: folder of the SavedModel; copied to ``model/``.
    :param signature: written to ``signature.json``.
    :param golden: requests with answers, written to ``golden.json``.
    :param directory: a new or empty folder.
    :raises UnsafePath: for a symbolic link in the SavedModel.
    """
    import shutil

    scan(saved_model)
    shutil.copytree(saved_model, directory / MODEL_FOLDER)
    (directory / SIGNATURE_FILE).write_bytes(canonical(signature))
    (directory / GOLDEN_FILE).write_bytes(canonical(golden))
