"""The contract of every target: what runs the releases of a stage.

Every call is quick and idempotent; waiting is polling :meth:`Target.probe`. Every call that changes something carries
the fence of its lease: a target refuses a fence below the highest that it has seen for the model
(:class:`~shipway.errors.StaleFence`), so an attempt that was overtaken changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True)
class Launch:
    """All that a target needs to start a release.

    :param release: id of the release, unique over all models; part of names, so ``[a-z0-9-]`` only.
    :param model: name of the model.
    :param version: number of the version.
    :param content_digest: ``sha256:…`` of the version.
    :param image: where the image lies: ``<layout folder>@sha256:…`` or ``<repository>@sha256:…``.
    :param image_digest: ``sha256:…`` of the image's manifest.
    :param serving: plain options of the spec that gateway and model server need: ``signature``, ``output``,
        ``inputs`` (name → number or category), ``entity``, ``key``, ``business_time``.
    """

    release: str
    model: str
    version: int
    content_digest: str
    image: str
    image_digest: str
    serving: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """How a release does right now.

    :param state: ``pending`` (keep waiting), ``ready``, or ``failed`` (waiting is pointless).
    :param reason: one sentence; with ``failed`` it ends with the tail of the log.
    :param endpoint: base URL of the release's private endpoint, when ready.
    """

    state: Literal["pending", "ready", "failed"]
    reason: str = ""
    endpoint: str = ""


@dataclass(frozen=True)
class Serving:
    """One release as a target sees it.

    :param image_digest: of the image whose layer really was verified and started; empty when none runs.
    :param weight: share of the traffic in percent that the router really gives it.
    """

    release: str
    version: int
    image_digest: str
    state: Literal["pending", "ready", "failed"]
    weight: int
    endpoint: str = ""


@dataclass(frozen=True)
class Observation:
    """The facts about one model on one stage.

    :param releases: by release id.
    :param endpoint: public base URL of the model (``…/v1/models/<model>`` below it), empty when there is no router.
    :param fence: the highest fence that the target has seen.
    """

    releases: Mapping[str, Serving]
    endpoint: str
    fence: int

    @property
    def weights(self) -> dict[str, int]:
        """Weights of all releases that get traffic."""
        return {name: serving.weight for name, serving in self.releases.items() if serving.weight}


class Target(Protocol):
    """What every target can do, for one stage."""

    def observe(self, model: str) -> Observation:
        """Return what really runs and how traffic is split.

        :raises TargetUnavailable: when the target does not answer.
        """
        ...

    def stage(self, launch: Launch, *, fence: int) -> None:
        """Start a release without traffic; again for the same release: nothing changes.

        :raises StaleFence: when overtaken.
        """
        ...

    def probe(self, model: str, release: str) -> Probe:
        """Say how a staged release does."""
        ...

    def shift(self, model: str, weights: Mapping[str, int], *, fence: int) -> None:
        """Split the traffic: release → percent, together 100. It returns when the router has taken it over.

        :raises StaleFence: when overtaken.
        :raises TargetUnavailable: when the router does not take it over within seconds.
        """
        ...

    def retire(self, model: str, release: str, *, fence: int) -> None:
        """Stop a release that gets no traffic, after its last request is answered.

        :raises StaleFence: when overtaken.
        :raises TargetError: when it still gets traffic.
        """
        ...
