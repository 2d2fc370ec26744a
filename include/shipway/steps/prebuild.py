"""``prebuild``: a version must be what it says, load, and answer as at registration."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from shipway import child
from shipway.errors import ImageError, RegistryError
from shipway.registry.manifest import GOLDEN_FILE, MODEL_FOLDER, Manifest
from shipway.steps import points
from shipway.steps.rooms import Rooms

#: Seconds that loading the model and replaying the golden requests may take.
CHECK_SECONDS = 300.0


def choose_version(rooms: Rooms, wanted: int | None) -> int:
    """Return the version to release: the wanted one, else the challenger, else the newest.

    :raises RegistryError: when the registry has no version of the model.
    """
    model = rooms.spec.model
    if wanted is not None:
        return wanted
    challenger = rooms.registry.alias(model, "challenger")
    versions = rooms.registry.versions(model)
    if challenger is None and not versions:
        raise RegistryError(
            f"There is no version of {model}.", hint=f"Register one: shipway register {model} DIRECTORY."
        )
    return challenger or versions[-1]


def prebuild(rooms: Rooms, *, version: int) -> dict[str, Any]:
    """Check a version from its bytes to its answers, and lay out its build context.

    :param version: number of the version.
    :returns: what the later steps and the approver need to know of it.
    :raises VersionNotFound: when there is no such version.
    :raises DigestMismatch: when a byte is not what the manifest says.
    :raises ModelError: when it does not load, or has another signature than the spec asks for.
    :raises GoldenMismatch: when it answers otherwise than at registration.
    """
    manifest = rooms.registry.get(rooms.spec.model, version)
    with tempfile.TemporaryDirectory(prefix="shipway-prebuild-") as folder:
        directory = Path(folder) / "version"
        rooms.registry.download(rooms.spec.model, version, directory)
        golden = _replay(rooms, directory)
        points.passed("prebuild.replayed")
        _keep_context(rooms, manifest, directory)
    points.passed("prebuild.kept")
    return {**describe(manifest), "golden": golden}


def describe(manifest: Manifest) -> dict[str, Any]:
    """Return the provenance of a version as plain JSON, without its list of files."""
    return {
        **manifest.model_dump(mode="json", exclude={"files"}),
        "manifest_digest": manifest.digest,
        "size": sum(file.size for file in manifest.files),
        "file_count": len(manifest.files),
    }


def context_folder(rooms: Rooms, digest: str, version: int) -> Path:
    """Return where the build context of a version lies; addressed by its content."""
    return rooms.work("contexts", f"{version}-{digest.removeprefix('sha256:')[:16]}")


def _replay(rooms: Rooms, directory: Path) -> dict[str, Any]:
    import json

    golden = json.loads((directory / GOLDEN_FILE).read_text())
    answer = check_model(rooms, directory / MODEL_FOLDER, golden=golden)
    differences = [abs(row["score"] - score) for row, score in zip(golden, answer["scores"], strict=True)]
    return {"requests": len(golden), "largest_difference": max(differences, default=0.0)}


def check_model(
    rooms: Rooms,
    saved_model: Path,
    *,
    golden: list[dict[str, Any]] | None = None,
    instances: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Load a SavedModel in a child interpreter, check its signature, and score.

    :param golden: requests with the answers that must come.
    :param instances: requests without.
    :returns: ``signature`` and ``scores``.
    """
    spec = rooms.spec
    request = {
        "directory": str(saved_model),
        "signature": spec.serving.signature,
        "output": spec.serving.output,
        "inputs": dict(spec.inputs),
        "instances": instances,
        "golden": golden,
        "tolerance": spec.golden.tolerance,
    }
    return child.run("shipway.serving.check", request, timeout=CHECK_SECONDS, interpreter=spec.training.interpreter)


def _keep_context(rooms: Rooms, manifest: Manifest, directory: Path) -> None:
    """Lay the context out; it appears complete or not at all."""
    from shipway.image.context import lay_out_context

    destination = context_folder(rooms, manifest.content_digest, manifest.version)
    if destination.exists():
        return
    try:
        lay_out_context(
            directory,
            destination,
            model=manifest.model,
            version=manifest.version,
            content_digest=manifest.content_digest,
        )
    except ImageError:  # another attempt was first, with the same content
        if not destination.exists():
            raise
