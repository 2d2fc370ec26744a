"""Apply a layer to a folder, whatever the layer holds: nothing is written, linked or removed outside.

Rules of the format: OCI image specification 1.1, ``layer.md`` (whiteouts ``.wh.<name>`` and ``.wh..wh..opq``).
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from io import BufferedIOBase
from pathlib import Path

from shipway.errors import ImageError
from shipway.image.value import Descriptor

#: A path inside the image, in parts.
Parts = tuple[str, ...]

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def apply_layer(stream: BufferedIOBase, layer: Descriptor, root: Path, below: frozenset[str]) -> None:
    """Write the files of a layer over those of the layers below it.

    :param stream: the verified bytes of the layer.
    :param root: the folder, which nobody else writes to.
    :param below: top folders to write; empty: everything.
    :raises ImageError: naming the entry that would leave the folder, or is a device.
    """
    applied = _Applied(root, layer.digest)
    try:
        with open_layer(stream, layer) as tar:
            for member in tar:
                parts = member_parts(member, layer.digest)
                if parts and (not below or _touches(parts, below)):
                    applied.apply(tar, member, parts)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise ImageError(f"The layer {layer.digest} cannot be unpacked: {error}.", digest=layer.digest) from None


def _touches(parts: Parts, below: frozenset[str]) -> bool:
    top = parts[0].removeprefix(_WHITEOUT) if len(parts) == 1 else parts[0]
    return top in below or parts == (_OPAQUE,)


def open_layer(stream: BufferedIOBase, layer: Descriptor) -> tarfile.TarFile:
    """Open a layer's tar.

    :raises ImageError: for a compression that this Python cannot read.
    """
    if layer.media_type.endswith("tar"):
        return tarfile.open(fileobj=stream, mode="r:")
    if layer.media_type.endswith("gzip"):
        return tarfile.open(fileobj=stream, mode="r:gz")
    raise ImageError(
        f"The layer {layer.digest} is '{layer.media_type}'.",
        hint="Only plain and gzip layers can be read: copy the base with skopeo --dest-compress-format gzip.",
        digest=layer.digest,
    )


def member_parts(member: tarfile.TarInfo, digest: str) -> Parts:
    """Return the path of a tar entry in parts; empty for the root itself.

    :raises ImageError: when it is absolute or goes up.
    """
    return _inside(member.name, digest)


def _inside(name: str, digest: str) -> Parts:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise _refused(name, digest, "leaves the image")
    return parts


def _refused(name: str, digest: str, what: str) -> ImageError:
    shown = name.encode("utf-8", "backslashreplace").decode()
    return ImageError(
        f"'{shown}' in the layer {digest} {what}.",
        hint="Do not run this image, and find out who made it.",
        path=shown,
        digest=digest,
    )


class _Applied:
    """One layer while it is applied; remembers what it wrote, for whiteouts remove only what lay below."""

    def __init__(self, root: Path, digest: str) -> None:
        self._root = root
        self._digest = digest
        self._written: set[Parts] = set()

    def apply(self, tar: tarfile.TarFile, member: tarfile.TarInfo, parts: Parts) -> None:
        folder, name = parts[:-1], parts[-1]
        if name == _OPAQUE:
            if folder:
                self._room_for(folder, keep_folder=True).mkdir(exist_ok=True)
            self._clear(folder)
        elif name.startswith(_WHITEOUT):
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in ("", ".", ".."):
                raise _refused(member.name, self._digest, "is a whiteout of no file")
            self._clear((*folder, hidden))
        else:
            place = self._room_for(parts, keep_folder=member.isdir())
            self._make(tar, member, parts, place)

    def _make(self, tar: tarfile.TarFile, member: tarfile.TarInfo, parts: Parts, place: Path) -> None:
        if member.isdir():
            place.mkdir(exist_ok=True)
            place.chmod(0o755)
        elif member.isreg():
            self._make_file(tar, member, place)
        elif member.islnk():
            os.link(self._linked(member), place, follow_symlinks=False)
        elif member.issym():
            self._check_symlink(member, parts)
            place.symlink_to(member.linkname)
        else:
            raise _refused(member.name, self._digest, "is a device or another special file")

    def _make_file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
        source = tar.extractfile(member)
        if source is None:
            raise _refused(member.name, self._digest, "cannot be read")
        with source, place.open("xb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        place.chmod(0o755 if member.mode & 0o100 else 0o644)

    def _linked(self, member: tarfile.TarInfo) -> Path:
        """Return the plain file that a hard link names; a link to a link could leave the folder from another depth."""
        parts = _inside(member.linkname, self._digest)
        self._check_folders(parts[:-1], member.name)
        source = self._root.joinpath(*parts)
        if not parts or source.is_symlink() or not source.is_file():
            raise _refused(member.name, self._digest, f"is a hard link to '{member.linkname}', which is no plain file")
        return source

    def _check_symlink(self, member: tarfile.TarInfo, parts: Parts) -> None:
        """Let steps up come first and end inside: then, link by link, no chain of links can leave the folder."""
        steps = [step for step in member.linkname.split("/") if step not in ("", ".")]
        up = next((at for at, step in enumerate(steps) if step != ".."), len(steps))
        absolute = member.linkname.startswith("/") or "\0" in member.linkname
        if absolute or up > len(parts) - 1 or ".." in steps[up:]:
            raise _refused(member.name, self._digest, f"is a link to '{member.linkname}', out of the image")

    def _room_for(self, parts: Parts, *, keep_folder: bool) -> Path:
        """Return a free place: its folders made, what lay there below removed."""
        self._check_folders(parts[:-1], "/".join(parts), make=True)
        for depth in range(1, len(parts) + 1):
            self._written.add(parts[:depth])
        place = self._root.joinpath(*parts)
        if place.is_dir() and not place.is_symlink():
            if not keep_folder:
                shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        return place

    def _check_folders(self, parts: Parts, name: str, *, make: bool = False) -> None:
        place = self._root
        for part in parts:
            place = place / part
            if make and not place.exists() and not place.is_symlink():
                place.mkdir()
                place.chmod(0o755)
            if place.is_symlink() or not place.is_dir():
                raise _refused(name, self._digest, f"lies below '{part}', which is no plain folder")

    def _clear(self, parts: Parts) -> None:
        """Remove what lower layers have at, or below, a path."""
        self._check_folders(parts[:-1], "/".join(parts), make=True)
        place = self._root.joinpath(*parts)
        real_folder = place.is_dir() and not place.is_symlink()
        if parts and parts not in self._written and not real_folder:
            place.unlink(missing_ok=True)
        elif parts and parts not in self._written:
            shutil.rmtree(place)
        elif real_folder:
            for child in sorted(os.listdir(place)):
                self._clear((*parts, child))
