"""``index.json`` of an OCI layout: which images it holds, under which tags."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipway.errors import ImageError
from shipway.image.value import INDEX_TYPE, Descriptor, encode
from shipway.partial import partial_file

TAG = "org.opencontainers.image.ref.name"

_VERSION = {"imageLayoutVersion": "1.0.0"}


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return the descriptors of a layout's index, as documents.

    :raises ImageError: when there is no index, or it cannot be read.
    """
    try:
        listed = json.loads((folder / "index.json").read_bytes())["manifests"]
        return [dict(entry) for entry in listed]
    except FileNotFoundError:
        raise ImageError(f"'{folder}' is not an OCI layout: it has no index.json.", folder=str(folder)) from None
    except (ValueError, KeyError, TypeError):
        raise ImageError(f"'{folder}/index.json' cannot be read.", hint="Build again.", folder=str(folder)) from None


def add(folder: Path, manifest: Descriptor, tag: str) -> None:
    """List an image under a tag; nothing is written when it is listed so already.

    An image that loses its tag to another one stays listed by digest, so that nobody collects its blobs.

    :raises ImageError: when the present index cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if not (folder / "oci-layout").exists():
            _replace(folder, "oci-layout", encode(_VERSION))
        present = entries(folder) if (folder / "index.json").exists() else []
        wanted = _with(present, manifest, tag)
        if wanted != present:
            document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": wanted}
            _replace(folder, "index.json", encode(document))


def _with(present: list[dict[str, Any]], manifest: Descriptor, tag: str) -> list[dict[str, Any]]:
    kept = []
    for entry in present:
        if (entry.get("annotations") or {}).get(TAG) != tag:
            kept.append(entry)
        elif entry.get("digest") == manifest.digest:
            return present
        elif not any(_names(other, entry.get("digest")) for other in present if other is not entry):
            kept.append({key: value for key, value in entry.items() if key != "annotations"})
    kept = [entry for entry in kept if not _names(entry, manifest.digest) or entry.get("annotations")]
    kept.append({**manifest.document, "annotations": {TAG: tag}})
    return sorted(kept, key=lambda entry: (str((entry.get("annotations") or {}).get(TAG, "")), str(entry["digest"])))


def _names(entry: dict[str, Any], digest: Any) -> bool:
    return bool(entry.get("digest") == digest)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(folder: Path, name: str, data: bytes) -> None:
    with partial_file(folder) as (handle, partial):
        os.write(handle, data)
        os.fsync(handle)
        os.replace(partial, folder / name)
