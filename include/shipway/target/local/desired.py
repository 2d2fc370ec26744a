"""What the tasks want: releases and weights of one model on one stage, in a file that only rises in its fence."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from shipway.errors import StaleFence, TargetError
from shipway.target.contract import Launch
from shipway.target.local.places import read_json, write_json


@dataclass(frozen=True)
class Desired:
    """The desired state of one model.

    :param fence: the highest that was seen.
    :param releases: by release id.
    :param weights: release → percent; releases without traffic are left out.
    :param lives: release → a token that is another one each time the release is staged after it was retired.
    """

    fence: int = 0
    releases: dict[str, Launch] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    lives: dict[str, str] = field(default_factory=dict)

    def added(self, launch: Launch) -> Desired:
        """Return the state with a release; one that is there keeps its life."""
        return replace(
            self,
            releases={**self.releases, launch.release: launch},
            lives={launch.release: uuid.uuid4().hex, **self.lives},
        )

    def removed(self, release: str) -> Desired:
        """Return the state without a release."""
        return replace(
            self,
            releases={name: one for name, one in self.releases.items() if name != release},
            lives={name: one for name, one in self.lives.items() if name != release},
        )


def read(file: Path) -> Desired:
    """Read a desired state; nothing is desired where there is no file.

    :raises TargetError: when the file is not a whole state.
    """
    try:
        content = read_json(file)
        return Desired() if content is None else _parse(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(
            f"{file} is no desired state that this Shipway can read ({type(error).__name__}: {error}).",
            hint="Stop the supervisor, move the file away, start it again, and release the model anew.",
            file=str(file),
        ) from None


def _parse(content: dict[str, Any]) -> Desired:
    releases = {name: Launch(**launch) for name, launch in content["releases"].items()}
    weights = {name: int(share) for name, share in content["weights"].items()}
    tokens = content["lives"]
    lives = {name: str(tokens[name]) for name in releases}
    return Desired(int(content["fence"]), releases, weights, lives)


def change(file: Path, fence: int, how: Callable[[Desired], Desired]) -> Desired:
    """Change a desired state, unless a newer attempt has done so before.

    :param file: of the model.
    :param fence: of the caller's lease.
    :param how: makes the new state out of the old one; what it raises leaves the file as it was.
    :returns: the new state.
    :raises StaleFence: when the file has seen a higher fence.
    """
    with _locked(file.with_suffix(".lock")):
        now = read(file)
        if fence < now.fence:
            raise StaleFence(
                f"This attempt holds fence {fence}, but {file.stem} was changed under fence {now.fence}.",
                hint="A newer run has taken over; look at that one.",
                fence=fence,
                found=now.fence,
            )
        new = replace(how(now), fence=fence)
        if new != now:
            write_json(file, asdict(new))
        return new


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a file's lock; the system gives it back when the process ends, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
