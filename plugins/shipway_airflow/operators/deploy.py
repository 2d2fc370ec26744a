"""``deploy``, ``verify`` and ``promote``: from an approval record to the release that serves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from shipway.errors import ChampionChanged, LeaseHeld
from shipway.notify import texts
from shipway.steps import lease as leases
from shipway.steps.deploy import check_ready, deploy, require_ready, why_again
from shipway.steps.evidence import gather
from shipway.steps.promote import promote
from shipway.steps.rooms import Rooms
from shipway.steps.verify import verify
from shipway_airflow.hooks.rooms import RoomsHook
from shipway_airflow.operators.step import StepOperator, about, judged, pulled, tell
from shipway_airflow.triggers.probe import ProbeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Seconds between two looks whether another release of the model has ended.
LEASE_POLL_SECONDS = 3


class StageOperator(StepOperator):
    """A step of a release on one stage.

    :param stage: name of the stage.
    """

    def __init__(self, *, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage

    def sibling(self, context: Context, task: str, key: str = "return_value") -> Any:
        """Return an XCom of another task of this stage."""
        return pulled(context, f"{self.stage}.{task}", key)

    def put_back(self, context: Context) -> dict[str, Any] | None:
        """Return the older release that this run puts back, or None."""
        found: dict[str, Any] | None = pulled(context, "plan", "put_back")
        return found


class DeployOperator(StageOperator):
    """Start the release without traffic, and wait without a worker until it is ready.

    It refuses without a matching approval record. When the champion has changed since the approval, it deploys
    nothing and leaves the reason under the key ``ask_again``.
    """

    def step(self, rooms: Rooms, context: Context) -> Any:
        """Stage the release, then wait for it.

        :raises AirflowSkipException: when people must be asked again, or another stage's release is put back.
        """
        put_back = self.put_back(context)
        if put_back and put_back["stage"] != self.stage:
            raise AirflowSkipException(f"This run puts a release of {put_back['stage']} back.")
        release_id = put_back["release"] if put_back else self._release(rooms, context)
        context["ti"].xcom_push(key="release", value=release_id)
        try:
            staged = deploy(rooms, release_id=release_id, run_id=context["run_id"], put_back=put_back is not None)
        except ChampionChanged as error:
            return self._ask_again(context, release_id, error)
        except LeaseHeld as error:
            self.log.info("%s", error)
            return self.defer(
                trigger=TimeDeltaTrigger(timedelta(seconds=LEASE_POLL_SECONDS)), method_name="execute_again"
            )
        rollout = rooms.spec.rollout
        return self.defer(
            trigger=ProbeTrigger(
                model=self.model, stage=self.stage, release=release_id, seconds=rollout.ready_timeout_seconds
            ),
            kwargs={"staged": staged},
            method_name="execute_ready",
        )

    def execute_again(self, context: Context, event: Any = None) -> Any:
        """Try once more after waiting for another release of the model."""
        return self.execute(context)

    def execute_ready(self, context: Context, event: dict[str, Any], staged: dict[str, Any]) -> dict[str, Any]:
        """Take the probe's last word.

        :raises AirflowFailException: when the release did not become ready; it is taken away before.
        """
        with judged(context):
            rooms = RoomsHook(self.model).open()
            lease = leases.resume(rooms, stage=self.stage, run_id=context["run_id"], fence=staged["fence"])
            probe = check_ready(rooms, stage=self.stage, release_id=staged["release"])
            ready = require_ready(rooms, release_id=staged["release"], probe=probe, lease=lease)
        message = texts.deployed(
            self.model,
            stage=self.stage,
            version=staged["version"],
            release=staged["release"],
            image_digest=staged["image_digest"],
            **about(context),
        )
        tell(rooms, context, message)
        return {**staged, **ready}

    def _release(self, rooms: Rooms, context: Context) -> str:
        """Return the release of this run; a stage without approval opens it here."""
        evidence = self.sibling(context, "approve", "evidence") or gather(
            rooms, stage=self.stage, built=pulled(context, "build"), requested_by=context["run_id"]
        )
        return str(evidence["release"])

    def _ask_again(self, context: Context, release_id: str, error: ChampionChanged) -> None:
        context["ti"].xcom_push(
            key="ask_again", value={"release": release_id, "because": why_again(error), "now": error.data["champion"]}
        )
        raise AirflowSkipException(f"People are asked again: {error}")


class VerifyOperator(StageOperator):
    """Replay the golden requests at the release's private endpoint."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return how many golden requests were answered, and the largest difference."""
        deployed = self.sibling(context, "deploy")
        if deployed is None:
            raise AirflowFailException("`deploy` left no result: it did not run. Start the release again.")
        result = verify(rooms, release_id=deployed["release"], run_id=context["run_id"])
        message = texts.verified(
            self.model,
            stage=self.stage,
            version=deployed["version"],
            release=deployed["release"],
            golden=result["requests"],
            largest_difference=result["largest_difference"],
            tolerance=rooms.spec.golden.tolerance,
            **about(context),
        )
        tell(rooms, context, message)
        return result


class PromoteOperator(StageOperator):
    """Move the traffic step by step, then the alias; any failure puts both back."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return what serves now, and what served before."""
        deployed, verified = self.sibling(context, "deploy"), self.sibling(context, "verify")
        if deployed is None or verified is None:
            raise AirflowFailException("`deploy` or `verify` did not run. Start the release again.")
        returned = self.put_back(context) is not None
        result = promote(rooms, release_id=deployed["release"], run_id=context["run_id"], put_back=returned)
        text = texts.put_back if returned else texts.promoted
        message = text(
            self.model,
            stage=self.stage,
            version=result["version"],
            previous=result["previous_version"],
            release=result["release"],
            image_digest=result["image_digest"],
            **about(context),
        )
        tell(rooms, context, message)
        return result
