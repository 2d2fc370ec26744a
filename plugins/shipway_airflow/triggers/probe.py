"""Waiting for a release without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from shipway.errors import TargetUnavailable
from shipway.target.contract import Probe

#: Seconds between two looks at the target.
POLL_SECONDS = 0.5


class ProbeTrigger(BaseTrigger):
    """Polls the target until a release is ready or failed, or the time is over.

    :param model: name of the model.
    :param stage: name of the stage.
    :param release: id of the release.
    :param seconds: how long to wait; counted anew when the triggerer is restarted.
    """

    def __init__(self, *, model: str, stage: str, release: str, seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = model
        self.stage = stage
        self.release = release
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path and the arguments with which the triggerer makes this trigger again."""
        arguments = {"model": self.model, "stage": self.stage, "release": self.release, "seconds": self.seconds}
        return ("shipway_airflow.triggers.probe.ProbeTrigger", arguments)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event; the task itself then asks the target once more."""
        deadline = time.monotonic() + self.seconds
        probe = await asyncio.to_thread(self._probe)
        while probe.state == "pending" and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            probe = await asyncio.to_thread(self._probe)
        yield TriggerEvent({"state": probe.state})  # type: ignore[no-untyped-call]

    def _probe(self) -> Probe:
        """Ask the target; one that does not answer right now may do so later."""
        from shipway.spec.reading import read_environment
        from shipway.target.opening import open_target

        try:
            return open_target(read_environment(), self.stage).probe(self.model, self.release)
        except TargetUnavailable as error:
            return Probe(state="pending", reason=str(error))
