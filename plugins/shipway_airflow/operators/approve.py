"""``approve``: a person sees the evidence and says yes or no, in Airflow's own approval screen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException

from shipway.notify import texts
from shipway.steps.approve import body, record_answer, subject
from shipway.steps.evidence import approvers, gather
from shipway_airflow.hooks.rooms import RoomsHook
from shipway_airflow.operators.step import about, judged, pulled, run_url, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Key under which the evidence that was shown waits for the answer.
EVIDENCE = "evidence"


class ApproveOperator(ApprovalOperator):
    """Ask the approvers of a stage, never the one who registered the version, and record the answer.

    :param model: name of the model.
    :param stage: name of the stage.
    :param timeout_seconds: no answer by then means no.
    """

    template_fields = ()  # the texts are made when the task runs, from what is known then

    def __init__(self, *, model: str, stage: str, timeout_seconds: float, **kwargs: Any) -> None:
        super().__init__(
            subject=f"Release {model} to {stage}",
            defaults=self.REJECT,
            response_timeout=timedelta(seconds=timeout_seconds),
            **kwargs,
        )
        # Set here: as an argument it would meet the params that Airflow hands down from the DAG.
        reason = Param(
            None, type=["null", "string"], title="Reason", description="Kept with your answer.", source="task"
        )
        self.params = ParamsDict({"reason": reason})
        self.model = model
        self.stage = stage

    def execute(self, context: Context) -> Any:
        """Show the evidence of this very moment, and wait for an answer without a worker.

        :raises AirflowSkipException: when this run put a release of an earlier stage back.
        :raises AirflowFailException: when nobody may approve, or the evidence cannot be had.
        """
        if pulled(context, "plan", "put_back"):
            raise AirflowSkipException("This run puts an older release back; nothing goes further.")
        with judged(context):
            rooms = RoomsHook(self.model).open()
            evidence = gather(
                rooms,
                stage=self.stage,
                built=pulled(context, "build"),
                requested_by=context["dag_run"].triggering_user_name or context["dag_run"].run_type,
                because=context["params"]["because"],
            )
            asked = approvers(rooms, evidence)
        context["ti"].xcom_push(key=EVIDENCE, value=evidence)
        self.subject = subject(evidence)
        self.body = body(evidence, attempt=context["ti"].try_number)
        self.assigned_users = [{"id": user, "name": user} for user in asked]
        self._ask(rooms, context, evidence, asked)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer before anything follows from it.

        :raises AirflowFailException: when the one who registered the version answered.
        """
        evidence = pulled(context, self.task_id, EVIDENCE)
        if "error" not in event:
            with judged(context):
                rooms = RoomsHook(self.model).open()
                result = record_answer(rooms, evidence=evidence, answer=event, run_id=context["run_id"])
            result |= {"release": evidence["release"], "version": evidence["version"], "stage": self.stage}
            context["ti"].xcom_push(key="answer", value=result)
            if result["decision"] == "approved":
                self._thank(rooms, context, evidence, result)
        super().execute_complete(context, event)
        return pulled(context, self.task_id, "answer")

    def _ask(self, rooms: Any, context: Context, evidence: dict[str, Any], asked: list[str]) -> None:
        message = texts.approval_wanted(
            self.model,
            stage=self.stage,
            version=evidence["version"],
            champion=evidence["champion"]["version"] if evidence["champion"] else None,
            content_digest=evidence["content_digest"],
            image_digest=evidence["image_digest"],
            registered_by=evidence["registered_by"],
            approvers=asked,
            timeout_seconds=self.response_timeout.total_seconds() if self.response_timeout else 0,
            metrics=evidence["metrics"],
            run_id=context["run_id"],
            url=run_url(context, f"/tasks/{self.task_id}/required_actions"),
        )
        tell(rooms, context, message)

    def _thank(self, rooms: Any, context: Context, evidence: dict[str, Any], result: dict[str, Any]) -> None:
        message = texts.approved(
            self.model,
            stage=self.stage,
            version=evidence["version"],
            approver=result["by"],
            reason=result["reason"],
            evidence=evidence["content_digest"],
            **about(context),
        )
        tell(rooms, context, message)
