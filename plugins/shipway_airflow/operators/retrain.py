"""The tasks of a retrain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from shipway.notify import texts
from shipway.steps import retrain
from shipway.steps.rooms import Rooms
from shipway_airflow.operators.measure import business_date
from shipway_airflow.operators.step import StepOperator, about, pulled, tell

if TYPE_CHECKING:
    from airflow.sdk import Context


class SnapshotOperator(StepOperator):
    """Claim the retrain, and freeze development and field data."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return the champion, the cause and the snapshot.

        :raises AirflowSkipException: when another run has this champion and cause already.
        """
        as_of = business_date(context)
        cause = context["params"]["cause"] or context["run_id"]
        judged = context["params"]["champion"]
        begun = retrain.begin(rooms, cause=cause, as_of=as_of, run_id=context["run_id"], expected=judged)
        if not begun["claimed"]:
            raise AirflowSkipException(
                f"Version {begun['champion']} serves: it was retrained for {cause} already, or another was judged."
            )
        snapshot = retrain.take_snapshot(rooms, champion=begun["champion"], as_of=as_of)
        message = texts.retrain_started(self.model, champion=begun["champion"], cause=cause, **about(context))
        tell(rooms, context, message)
        return {**begun, "snapshot": snapshot}


class TrainOperator(StepOperator):
    """Train a candidate in a child interpreter."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return where the candidate lies, and the script's own metrics."""
        return retrain.train(rooms, snapshot=pulled(context, "snapshot")["snapshot"]["digest"])


class EvaluateOperator(StepOperator):
    """Compare the candidate with the champion on applicants that neither has seen."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return both KS and the decision."""
        begun = pulled(context, "snapshot")
        return retrain.evaluate(
            rooms,
            snapshot=begun["snapshot"]["digest"],
            candidate=pulled(context, "train")["candidate"],
            champion=begun["champion"],
        )


class RegisterOperator(StepOperator):
    """Register the candidate, accepted or rejected, with its lineage."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return the new version and the decision."""
        begun, comparison = pulled(context, "snapshot"), pulled(context, "evaluate")
        result = retrain.register(
            rooms,
            begun=begun,
            snapshot=begun["snapshot"]["digest"],
            candidate=pulled(context, "train")["candidate"],
            comparison=comparison,
            run_id=context["run_id"],
        )
        text = texts.retrain_accepted if result["decision"] == "accepted" else texts.retrain_rejected
        message = text(
            self.model,
            version=result["version"],
            champion=begun["champion"],
            ks_challenger=comparison["challenger_ks"],
            ks_champion=comparison["champion_ks"],
            why=comparison["reason"],
            **about(context),
        )
        tell(rooms, context, message)
        return result
