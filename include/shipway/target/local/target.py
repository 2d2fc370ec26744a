"""The local target: tasks write what they want, the supervisor makes it so, and the router says what is true."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shipway.errors import TargetError, TargetUnavailable
from shipway.target.contract import Launch, Observation, Probe, Serving
from shipway.target.local import desired
from shipway.target.local.asking import ask_router
from shipway.target.local.desired import Desired
from shipway.target.local.places import Places, read_json

#: A supervisor whose last heartbeat is older, in seconds, does not run.
HEARTBEAT_SECONDS = 5.0
#: Seconds until the router must have taken new weights over.
SHIFT_SECONDS = 10.0
#: Seconds for which a router that restarts is waited for.
ROUTER_SECONDS = 3.0

_PAUSE = 0.05
_ALL = 100


class LocalTarget:
    """Runs the releases of one stage as processes of this machine.

    :param folder: the target's folder, shared with the supervisor.
    :param stage: name of the stage.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self._places = Places(folder / stage)
        self._stage = stage

    def observe(self, model: str) -> Observation:
        """Return what really runs, with the weights that the router really applies.

        :param model: name of the model.
        :raises TargetUnavailable: when the supervisor or the router does not answer.
        """
        port = self._router_port()
        weights = self._weights(port, model)
        seen = self._observed(model)
        releases = {
            name: Serving(
                release=name,
                version=one["version"],
                image_digest=one["image_digest"],
                state=one["state"],
                weight=weights.get(name, 0),
                endpoint=one["endpoint"],
            )
            for name, one in seen.items()
        }
        fence = desired.read(self._places.desired(model)).fence
        return Observation(releases, f"http://127.0.0.1:{port}", fence)

    def stage(self, launch: Launch, *, fence: int) -> None:
        """Want a release, without traffic.

        :param launch: the release.
        :param fence: of the caller's lease.
        :raises StaleFence: when overtaken.
        :raises TargetError: when another release has the same id.
        :raises TargetUnavailable: when the supervisor does not run.
        """
        self._router_port()

        def add(now: Desired) -> Desired:
            if now.releases.get(launch.release, launch) != launch:
                raise TargetError(
                    f"Release {launch.release} runs with other options.", hint="Give the new one an id of its own."
                )
            return now.added(launch)

        self._change(launch.model, fence, add)

    def probe(self, model: str, release: str) -> Probe:
        """Say how a staged release does.

        :param model: name of the model.
        :param release: its id.
        :raises TargetUnavailable: when the supervisor does not run.
        """
        self._router_port()
        life = desired.read(self._places.desired(model)).lives.get(release)
        if life is None:
            return Probe("failed", f"Release {release} is not staged on {self._stage}.")
        seen = self._observed(model).get(release)
        if seen is None or seen["life"] != life:
            return Probe("pending", "The supervisor has not begun with it yet.")
        return Probe(seen["state"], seen["reason"], seen["endpoint"] if seen["state"] == "ready" else "")

    def shift(self, model: str, weights: Mapping[str, int], *, fence: int) -> None:
        """Split the traffic, and wait until the router does so. No weights at all take all traffic away.

        :param model: name of the model.
        :param weights: release → percent, together 100, or empty.
        :param fence: of the caller's lease.
        :raises StaleFence: when overtaken.
        :raises TargetError: for weights that do not make 100, or an unknown release.
        :raises TargetUnavailable: when the router does not take it over within seconds.
        """
        wanted = {name: share for name, share in weights.items() if share}
        if any(share < 0 for share in wanted.values()) or sum(wanted.values()) not in (0, _ALL):
            raise TargetError(f"Weights must together make 100, not {dict(weights)}.")
        port = self._router_port()

        def share_out(now: Desired) -> Desired:
            unknown = sorted(set(wanted) - set(now.releases))
            if unknown:
                raise TargetError(f"Release {unknown[0]} is not staged on {self._stage}.", hint="Stage it first.")
            return replace(now, weights=wanted)

        self._change(model, fence, share_out)
        self._await_weights(port, model, wanted)

    def retire(self, model: str, release: str, *, fence: int) -> None:
        """Stop wanting a release; the supervisor ends it after its last request.

        :param model: name of the model.
        :param release: its id; an unknown one is retired already.
        :param fence: of the caller's lease.
        :raises StaleFence: when overtaken.
        :raises TargetError: when it still gets traffic.
        :raises TargetUnavailable: when the supervisor does not run.
        """
        port = self._router_port()

        def remove(now: Desired) -> Desired:
            really = self._weights(port, model).get(release, 0)
            if now.weights.get(release) or really:
                raise TargetError(
                    f"Release {release} still gets {now.weights.get(release) or really} % of the traffic.",
                    hint="Shift the traffic away first.",
                )
            return now.removed(release)

        self._change(model, fence, remove)

    def _change(self, model: str, fence: int, how: Any) -> None:
        desired.change(self._places.desired(model), fence, how)

    def _observed(self, model: str) -> dict[str, Any]:
        content = read_json(self._places.observed(model)) or {"releases": {}}
        releases: dict[str, Any] = content["releases"]
        return releases

    def _router_port(self) -> int:
        """Return the router's port, as the sign that the supervisor lives."""
        heartbeat = read_json(self._places.heartbeat)
        if heartbeat is None or time.time() - heartbeat["time"] > HEARTBEAT_SECONDS or not _lives(heartbeat["pid"]):
            raise TargetUnavailable(
                f"The stage '{self._stage}' has no one to run it: the supervisor is not running: "
                "start it with `make up`."
            )
        return int(heartbeat["router_port"])

    def _weights(self, port: int, model: str) -> dict[str, int]:
        deadline = time.monotonic() + ROUTER_SECONDS
        while True:
            answer = ask_router(port)
            if answer is not None:
                return {name: share for name, share in answer["weights"].get(model, {}).items() if share}
            if time.monotonic() > deadline:
                raise TargetUnavailable(
                    f"The router of the stage '{self._stage}' does not answer.", hint="Look into its log, router.log."
                )
            time.sleep(_PAUSE)

    def _await_weights(self, port: int, model: str, wanted: dict[str, int]) -> None:
        deadline = time.monotonic() + SHIFT_SECONDS
        while self._weights(port, model) != wanted:
            if time.monotonic() > deadline:
                raise TargetUnavailable(
                    f"The router did not take over the weights {wanted} within {SHIFT_SECONDS:.0f} s. "
                    f"{self._unready(model, wanted)}".strip()
                )
            time.sleep(_PAUSE)

    def _unready(self, model: str, wanted: Mapping[str, int]) -> str:
        probes = {name: self.probe(model, name) for name in wanted}
        return " ".join(
            f"Release {name} is {probe.state}: {probe.reason}"
            for name, probe in probes.items()
            if probe.state != "ready"
        )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, but there
    return True
