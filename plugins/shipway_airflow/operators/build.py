"""``prebuild`` and ``build``: from a registered version to an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipway.notify import texts
from shipway.steps.build import build
from shipway.steps.prebuild import choose_version, prebuild
from shipway.steps.rooms import Rooms
from shipway_airflow.operators.step import StepOperator, about, pulled, tell

if TYPE_CHECKING:
    from airflow.sdk import Context


class PrebuildOperator(StepOperator):
    """Check the version of the run's form: bytes, signature, golden requests."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return what later steps and the approver need to know of the version."""
        version = choose_version(rooms, context["params"]["version"])
        result = prebuild(rooms, version=version)
        message = texts.prebuilt(
            self.model,
            version=version,
            content_digest=result["content_digest"],
            files=result["file_count"],
            golden=result["golden"]["requests"],
            **about(context),
        )
        tell(rooms, context, message)
        return result


class BuildOperator(StepOperator):
    """Make the image of the version that ``prebuild`` checked."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return the results of prebuild and build together."""
        prebuilt = pulled(context, "prebuild")
        result = build(rooms, prebuilt=prebuilt)
        tell(rooms, context, texts.built(self.model, version=prebuilt["version"], **result, **about(context)))
        return {**prebuilt, **result}
