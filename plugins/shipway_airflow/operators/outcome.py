"""``outcome``: how the run ended, in one word, with everything cleaned up and everybody told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from shipway.notify import texts
from shipway.steps.rooms import Rooms
from shipway.steps.settle import note_answer, settle
from shipway_airflow.operators.step import ERROR, StepOperator, about, pulled, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

_FAILED = ("failed", "upstream_failed")


class OutcomeOperator(StepOperator):
    """The one leaf of the release DAG; it runs however the others ended, and fails when one of them did.

    :param stages: names of the stages, in order.
    """

    def __init__(self, *, stages: list[str], **kwargs: Any) -> None:
        # It alone cleans up after the others, so it outlasts an outage that they did not: half an hour.
        super().__init__(trigger_rule="all_done", retries=60, retry_delay=timedelta(seconds=30), **kwargs)
        self.stages = stages

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return ``outcome``: promoted, put back, rejected, unanswered or asked again.

        :raises AirflowFailException: when a task failed; what it left behind is cleaned up before.
        """
        failed = self._failed_task(context)
        if failed:
            self._settle(rooms, context, failed)
            raise AirflowFailException(f"The release failed in `{failed}`. Read that task's log.")
        for stage in reversed(self.stages):
            result = self._of_stage(rooms, context, stage)
            if result:
                return result
        return {"outcome": "nothing to do"}

    def _of_stage(self, rooms: Rooms, context: Context, stage: str) -> dict[str, Any] | None:
        """Return how the run ended on a stage, or None when it did not get there."""
        promoted = pulled(context, f"{stage}.promote")
        if promoted:
            returned = pulled(context, "plan", "put_back")
            return {"outcome": "put back" if returned else "promoted", **promoted}
        again = pulled(context, f"{stage}.deploy", "ask_again")
        answer = pulled(context, f"{stage}.approve", "answer")
        if again:
            return self._asked_again(rooms, context, stage, again, answer)
        if answer and answer["decision"] != "approved":
            return self._refused(rooms, context, answer)
        return None

    def _refused(self, rooms: Rooms, context: Context, answer: dict[str, Any]) -> dict[str, Any]:
        rule = rooms.environment.stage(answer["stage"]).approval
        detail = {"by": answer["by"], "reason": answer["reason"]}
        note_answer(
            rooms, release_id=answer["release"], decision=answer["decision"], run_id=context["run_id"], detail=detail
        )
        shared = {"stage": answer["stage"], "version": answer["version"], **about(context)}
        if answer["decision"] == "rejected":
            message = texts.rejected(self.model, approver=answer["by"], reason=answer["reason"], **shared)
        else:
            message = texts.unanswered(
                self.model,
                approvers=rule.approvers if rule else (),
                timeout_seconds=rule.timeout_seconds if rule else 0,
                **shared,
            )
        tell(rooms, context, message)
        words = {"rejected": "rejected", "unanswered": "nobody answered"}
        return {"outcome": words[answer["decision"]], **detail, "release": answer["release"]}

    def _asked_again(
        self, rooms: Rooms, context: Context, stage: str, again: dict[str, Any], answer: dict[str, Any] | None
    ) -> dict[str, Any]:
        note_answer(rooms, release_id=again["release"], decision="asked_again", run_id=context["run_id"], detail=again)
        evidence = pulled(context, f"{stage}.approve", "evidence")
        message = texts.asked_again(
            self.model,
            stage=stage,
            version=evidence["version"],
            champion_then=evidence["champion"]["version"] if evidence["champion"] else None,
            champion_now=self._serving(rooms, stage),
            **about(context),
        )
        tell(rooms, context, message)
        return {"outcome": "asked again", **again, "run": pulled(context, "ask_again", "trigger_run_id")}

    def _settle(self, rooms: Rooms, context: Context, failed: str) -> None:
        for stage in self.stages:
            release_id = pulled(context, f"{stage}.deploy", "release")
            if release_id and not pulled(context, f"{stage}.promote"):
                settle(rooms, stage=stage, release_id=release_id, run_id=context["run_id"], why=f"{failed} failed")
        stage = failed.split(".")[0] if "." in failed else self.stages[0]
        built = pulled(context, "prebuild") or {}
        message = texts.release_failed(
            self.model,
            stage=stage,
            version=built.get("version") or context["params"]["version"] or 0,
            task=failed,
            error=pulled(context, failed, ERROR) or "Read the log of the task.",
            serving=self._serving(rooms, stage),
            **about(context),
        )
        tell(rooms, context, message)

    def _serving(self, rooms: Rooms, stage: str) -> int | None:
        from shipway.records.releases import serving

        champion = serving(rooms.records, self.model, stage)
        return champion.version if champion else None

    def _failed_task(self, context: Context) -> str | None:
        """Return the first task of this run that failed itself, or one that could not run because of it."""
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[context["run_id"]])[context["run_id"]]
        for wanted in _FAILED:
            for task, state in states.items():
                if state == wanted:
                    return str(task)
        return None
