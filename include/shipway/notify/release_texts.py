"""What people read while a version becomes a release: prebuilt, built, deployed, verified, promoted, or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from shipway.notify.making import Extras, figure, make, short, version_name
from shipway.notify.message import Message


def prebuilt(
    model: str, *, version: int, content_digest: str, files: int, golden: int, **extras: Unpack[Extras]
) -> Message:
    """Say that a version was fetched and checked.

    :param files: number of files whose sha256 was verified.
    :param golden: number of golden requests that were replayed.
    """
    return make(
        "prebuilt",
        model,
        tone="default",
        title=f"{model} version {version} is checked and ready to build",
        text=(
            f"Every file is what its manifest says, the signature matches the spec, and {golden} golden requests"
            " got the same answers as at registration. Nothing has changed in production."
        ),
        rows={"Version": version, "Content": short(content_digest), "Files": files, "Golden requests": golden},
        extras=extras,
    )


def built(
    model: str, *, version: int, image: str, image_digest: str, reused: bool = False, **extras: Unpack[Extras]
) -> Message:
    """Say that the serving image exists.

    :param reused: the very same image was there already, nothing had to be sent.
    """
    how = "was there already, byte for byte, and is used again" if reused else "is made"
    return make(
        "built",
        model,
        tone="default",
        title=f"{model} version {version}: the image {'is there already' if reused else 'is built'}",
        text=f"The serving image {how}. The same image, known by its digest, goes through every stage.",
        rows={"Version": version, "Image": image, "Image digest": image_digest},
        extras=extras,
    )


def deployed(
    model: str, *, stage: str, version: int, release: str, image_digest: str, **extras: Unpack[Extras]
) -> Message:
    """Say that a release runs, still without traffic."""
    return make(
        "deployed",
        model,
        tone="default",
        title=f"{model} version {version} runs on {stage}, without traffic",
        text="The release has started and is healthy. Clients do not see it yet; golden requests come next.",
        rows={"Stage": stage, "Version": version, "Release": release, "Image digest": image_digest},
        extras=extras,
    )


def verified(
    model: str,
    *,
    stage: str,
    version: int,
    release: str,
    golden: int,
    largest_difference: float,
    tolerance: float,
    **extras: Unpack[Extras],
) -> Message:
    """Say that a release answers its golden requests as it must.

    :param largest_difference: the largest absolute difference of a score to the one at registration.
    """
    return make(
        "verified",
        model,
        tone="default",
        title=f"{model} version {version} answers correctly on {stage}",
        text=f"All {golden} golden requests got the answers of registration. Traffic can be moved to this release.",
        rows={
            "Stage": stage,
            "Version": version,
            "Release": release,
            "Largest difference": f"{figure(largest_difference)} (allowed {figure(tolerance)})",
        },
        extras=extras,
    )


def promoted(
    model: str,
    *,
    stage: str,
    version: int,
    previous: int | None,
    release: str,
    image_digest: str,
    steps: Sequence[int] = (100,),
    **extras: Unpack[Extras],
) -> Message:
    """Say that a release now answers the clients.

    :param previous: version that served before; None: there was none.
    :param steps: shares of traffic, in percent, that it passed on its way.
    """
    before = "It is the first release here." if previous is None else f"Version {previous} served until now."
    return make(
        "promoted",
        model,
        tone="good",
        title=f"{model} version {version} serves {stage}",
        text=f"All traffic goes to version {version}; the public endpoint was checked at every step. {before}",
        rows={
            "Stage": stage,
            "Change": f"{version_name(previous)} → {version_name(version)}",
            "Traffic": " → ".join(f"{share} %" for share in steps),
            "Release": release,
            "Image digest": image_digest,
        },
        extras=extras,
    )


def put_back(
    model: str,
    *,
    stage: str,
    version: int,
    previous: int | None,
    release: str,
    image_digest: str,
    **extras: Unpack[Extras],
) -> Message:
    """Say that an older, approved release returned.

    :param version: the older version that serves again.
    :param previous: the version that it took over from.
    """
    return make(
        "put_back",
        model,
        tone="warning",
        title=f"{model} went back to version {version} on {stage}",
        text=(
            f"The earlier release of version {version} serves all traffic again, from its approved image; nothing"
            f" was rebuilt. Please find out what was wrong with {version_name(previous)} before it is released again."
        ),
        rows={
            "Stage": stage,
            "Change": f"{version_name(previous)} → {version_name(version)}",
            "Release": release,
            "Image digest": image_digest,
        },
        extras=extras,
    )


def release_failed(
    model: str, *, stage: str, version: int, task: str, error: str, serving: int | None, **extras: Unpack[Extras]
) -> Message:
    """Say that a release stopped, and what clients get now.

    :param stage: empty when it stopped before any stage.
    :param task: the task that failed.
    :param error: the error's own words.
    :param serving: version that still answers; None: there is none.
    """
    now = (
        "No version of this model serves here."
        if serving is None
        else f"Clients are not affected: version {serving} still serves."
    )
    return make(
        "release_failed",
        model,
        tone="attention",
        title=f"The release of {model} version {version} stopped at {task}",
        text=f"{now}\n{error}",
        rows={"Still serving": version_name(serving), "Stage": stage, "Version": version, "Task": task},
        extras=extras,
    )


def spec_broken(model: str, *, problems: Sequence[str], **extras: Unpack[Extras]) -> Message:
    """Say that a model's spec cannot be read, so that its DAGs are gone until it is corrected.

    :param model: name of its folder.
    :param problems: every problem in one sentence: ``file: key: what was expected``.
    """
    number = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    return make(
        "spec_broken",
        model,
        tone="attention",
        title=f"The spec of {model} has {number}",
        text="Its DAGs are gone until this is corrected; other models, and what serves, are not touched.\n"
        + "\n".join(problems),
        rows={},
        extras=extras,
        button="Open Airflow",
    )
