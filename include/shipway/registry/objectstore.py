"""A registry in an object store: versions and aliases as plain objects, with nothing beside them to get out of step.

Keys, below the model's name::

    numbers/<n>          claims a number; created once, never removed, so no number is ever given twice
    files/<n>/<path>     the files of a version
    manifests/<n>.json   {"digest": …, "manifest": …}; created last: from then on the version is visible
    aliases/<name>.json  {"version": n}; moved by compare-and-set

A registration that dies half-way leaves a claimed number and perhaps some files, which nothing ever lists.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from shipway.errors import AliasConflict, DigestMismatch, RegistryError, UnsafePath, VersionNotFound
from shipway.registry.manifest import Manifest, Proposal, canonical, content_digest, scan_version
from shipway.registry.receive import receive
from shipway.registry.store import Blob, BlobStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class ObjectStoreRegistry:
    """A :class:`~shipway.registry.contract.Registry` on any :class:`~shipway.registry.store.BlobStore`."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def register(self, model: str, directory: Path, proposal: Proposal) -> Manifest:
        """Store a new version; see :class:`Registry`.

        :raises RegistryError: when the folder is not what :func:`~shipway.registry.manifest.lay_out` makes.
        :raises DigestMismatch: when a file changed meanwhile.
        """
        _checked(model)
        files = scan_version(directory)
        number = self._claim(model)
        for file in files:
            self._put(f"{model}/files/{number}/{file.path}", directory / file.path, sha256=file.sha256)
        manifest = Manifest(
            **proposal.model_dump(mode="json", include=set(Proposal.model_fields)),
            model=model,
            version=number,
            content_digest=content_digest(files),
            files=files,
        )
        self._put(_manifest_key(model, number), _wrapped(manifest))
        return manifest

    def get(self, model: str, version: int) -> Manifest:
        """Return the manifest of a complete version; see :class:`Registry`."""
        blob = self._store.read(_manifest_key(_checked(model), version))
        if blob is None:
            raise VersionNotFound(
                f"The registry has no complete version {version} of '{model}'.", model=model, version=version
            )
        manifest = _unwrapped(blob.data, model, version)
        if (manifest.model, manifest.version) != (model, version):
            raise _altered(model, version, f"describes {manifest.model} {manifest.version}")
        return manifest

    def download(self, model: str, version: int, directory: Path) -> Manifest:
        """Write the version's files into an empty or new folder, verified; see :class:`Registry`.

        A folder that already holds exactly this version is left as it is.

        :raises RegistryError: when the folder holds anything else.
        """
        manifest = self.get(model, version)
        receive(manifest, directory, lambda path, to: self._store.fetch(f"{model}/files/{version}/{path}", to))
        return manifest

    def versions(self, model: str) -> list[int]:
        """Return the numbers of all complete versions, rising."""
        prefix = f"{_checked(model)}/manifests/"
        names = [key.removeprefix(prefix).removesuffix(".json") for key in self._store.keys(prefix)]
        return sorted(int(name) for name in names if name.isdecimal())

    def alias(self, model: str, name: str) -> int | None:
        """Return the version that an alias points to, or None."""
        return _pointed(self._store.read(_alias_key(model, name)), f"{model}@{name}")

    def move_alias(self, model: str, name: str, version: int | None, *, expected: int | None) -> None:
        """Point an alias to a version, if it still points where the caller believes; see :class:`Registry`."""
        key = _alias_key(model, name)
        blob = self._store.read(key)
        found = _pointed(blob, f"{model}@{name}")
        if found == version:
            return
        if found != expected:
            raise _conflict(model, name, expected, found)
        if version is not None:
            self.get(model, version)
        if not self._swap(key, blob, version):
            found = self.alias(model, name)
            if found != version:
                raise _conflict(model, name, expected, found)

    def _swap(self, key: str, blob: Blob | None, version: int | None) -> bool:
        if version is not None:
            return self._store.replace(key, canonical({"version": version}), etag=blob.etag if blob else None)
        return blob is None or self._store.remove(key, etag=blob.etag)

    def _claim(self, model: str) -> int:
        prefix = f"{model}/numbers/"
        taken = [key.removeprefix(prefix) for key in self._store.keys(prefix)]
        number = 1 + max((int(name) for name in taken if name.isdecimal()), default=0)
        while not self._store.create(f"{prefix}{number}", b""):
            number += 1
        return number

    def _put(self, key: str, source: bytes | Path, *, sha256: str | None = None) -> None:
        if not self._store.create(key, source, sha256=sha256):
            raise RegistryError(
                f"'{key}' is in the registry already, though its version was claimed just now.",
                hint="Somebody writes to the store by hand; register again, under a new number.",
                key=key,
            )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnsafePath(f"'{name}' is not a name.", hint="Use letters, digits, '_', '-' and '.'.", name=name)
    return name


def _manifest_key(model: str, version: int) -> str:
    return f"{model}/manifests/{int(version)}.json"


def _alias_key(model: str, name: str) -> str:
    return f"{_checked(model)}/aliases/{_checked(name)}.json"


def _wrapped(manifest: Manifest) -> bytes:
    return canonical({"digest": manifest.digest, "manifest": manifest.model_dump(mode="json")})


def _unwrapped(data: bytes, model: str, version: int) -> Manifest:
    try:
        manifest = Manifest.model_validate(json.loads(data)["manifest"])
        same = _wrapped(manifest) == data
    except (ValueError, KeyError, TypeError):
        raise _altered(model, version, "is no manifest") from None
    if not same:
        raise _altered(model, version, "is not what its own digest says")
    if content_digest(manifest.files) != manifest.content_digest:
        raise _altered(model, version, "lists files that are not those of its content digest")
    return manifest


def _altered(model: str, version: int, what: str) -> DigestMismatch:
    return DigestMismatch(
        f"The manifest of '{model}' version {version} {what}.",
        hint="It was altered in the store: register the version again.",
        model=model,
        version=version,
    )


def _pointed(blob: Blob | None, place: str) -> int | None:
    if blob is None:
        return None
    try:
        return int(json.loads(blob.data)["version"])
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            f"The alias {place} cannot be read.", hint="It was altered in the store: remove the object.", alias=place
        ) from None


def _conflict(model: str, name: str, expected: int | None, found: int | None) -> AliasConflict:
    return AliasConflict(
        f"The alias '{name}' of '{model}' points to {found}, not to {expected}.",
        hint="Somebody moved it first: look again.",
        model=model,
        alias=name,
        expected=expected,
        found=found,
    )
