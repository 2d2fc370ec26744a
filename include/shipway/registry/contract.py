"""The contract of every registry: where versions and aliases live.

A version is visible only when complete; a number is never given twice, whoever races; an alias moves by
compare-and-set. One contract suite (``tests/integration/registry``) runs against every adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from shipway.registry.manifest import Manifest, Proposal


class Registry(Protocol):
    """What every adapter can do. Versions are whole numbers from 1."""

    def register(self, model: str, directory: Path, proposal: Proposal) -> Manifest:
        """Store a new version.

        :param model: name of the model.
        :param directory: folder of :func:`shipway.registry.manifest.lay_out`: ``model/`` (the SavedModel),
            ``signature.json`` and ``golden.json``.
        :param proposal: what is known of its origin.
        :returns: the manifest, with the number that it was given.
        :raises UnsafePath: for a symbolic link, or a path that leaves the folder.
        """
        ...

    def get(self, model: str, version: int) -> Manifest:
        """Return the manifest of a complete version.

        :raises VersionNotFound: when there is none of that number.
        :raises DigestMismatch: when the manifest was altered.
        """
        ...

    def download(self, model: str, version: int, directory: Path) -> Manifest:
        """Write the version's files into an empty or new folder, every sha256 verified.

        :raises VersionNotFound: when there is none of that number.
        :raises DigestMismatch: naming the file that is not what the manifest says; the folder is then removed.
        :raises UnsafePath: when the manifest names a path that leaves the folder.
        """
        ...

    def versions(self, model: str) -> list[int]:
        """Return the numbers of all complete versions, rising."""
        ...

    def alias(self, model: str, name: str) -> int | None:
        """Return the version that an alias (``champion``, ``challenger``) points to, or None."""
        ...

    def move_alias(self, model: str, name: str, version: int | None, *, expected: int | None) -> None:
        """Point an alias to a version, if it still points where the caller believes.

        :param version: the new version; None removes the alias.
        :param expected: where it points now; None where it must not exist.
        :raises AliasConflict: when it points elsewhere; ``data['found']`` says where. Moving it to where it already
            points is no conflict: a repeated call does nothing.
        :raises VersionNotFound: when the new version is not complete.
        """
        ...
