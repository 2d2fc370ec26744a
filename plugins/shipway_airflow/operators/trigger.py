"""Starting the next workflow: ask again, retrain, release."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from shipway.steps.retrain import due, run_id
from shipway_airflow.hooks.rooms import RoomsHook
from shipway_airflow.operators.step import judged, pulled

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Why monitoring starts a retrain; part of the run's id.
UNDERPERFORMING = "underperforming"


class NextOperator(TriggerDagRunOperator):
    """Starts one run of another DAG of the model under an id that names its cause; one that is there stays alone.

    A subclass says in :meth:`next_run` which run it is, or skips itself.

    :param model: name of the model.
    :param workflow: ``release`` or ``retrain``.
    """

    template_fields = ()  # everything is known only when the task runs

    def __init__(self, *, model: str, workflow: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{model}_{workflow}", logical_date=None, skip_when_already_exists=True, **kwargs
        )
        self.model = model

    def execute(self, context: Context) -> None:
        """Start the run.

        :raises AirflowSkipException: when there is nothing to start.
        """
        self.trigger_run_id, self.conf = self.next_run(context)
        super().execute(context)

    def next_run(self, context: Context) -> tuple[str, dict[str, Any]]:
        """Return id and conf of the run."""
        raise NotImplementedError


class AskAgainOperator(NextOperator):
    """Starts the release once more when the champion has changed since the approval; the image is there already.

    :param stages: names of the stages.
    """

    def __init__(self, *, stages: list[str], **kwargs: Any) -> None:
        super().__init__(workflow="release", trigger_rule="all_done", **kwargs)
        self.stages = stages

    def next_run(self, context: Context) -> tuple[str, dict[str, Any]]:
        """Return the run that asks again."""
        for stage in self.stages:
            again = pulled(context, f"{stage}.deploy", "ask_again")
            if again:
                conf = {"version": pulled(context, "build")["version"], "because": again["because"]}
                return f"{context['run_id']}__again", conf
        raise AirflowSkipException("Nobody needs to be asked again.")


class RetrainOperator(NextOperator):
    """Starts the retrain of a decayed champion: one for each champion, and none within the cooldown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(workflow="retrain", **kwargs)

    def next_run(self, context: Context) -> tuple[str, dict[str, Any]]:
        """Return the one run for (model, champion version, cause)."""
        measured = pulled(context, "measure")
        with judged(context):
            not_due = due(RoomsHook(self.model).open(), as_of=datetime.fromisoformat(measured["as_of"]))
        if not_due:
            raise AirflowSkipException(f"No retrain by itself: {not_due}. Start {self.trigger_dag_id} by hand.")
        conf = {"cause": UNDERPERFORMING, "as_of": measured["as_of"], "champion": measured["champion"]}
        return run_id(self.model, champion=measured["champion"], cause=UNDERPERFORMING), conf


class ReleaseOperator(NextOperator):
    """Starts the release of an accepted challenger."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(workflow="release", **kwargs)

    def next_run(self, context: Context) -> tuple[str, dict[str, Any]]:
        """Return the release run of the registered version."""
        registered = pulled(context, "register")
        if registered["decision"] != "accepted":
            raise AirflowSkipException(f"Version {registered['version']} was rejected; the champion stays.")
        return f"release__v{registered['version']}__{context['run_id']}", {"version": registered["version"]}
