"""Train a challenger, compare it with the champion, register it, and release it when it is better.

**When:** started by the monitor when the champion underperforms (one run for each champion and cause), or by hand.

**Form:** `cause` (empty: this run's own id), `champion` (only while this version serves) and `as_of` (what was known at
that time; empty: the run's own date).

**Example:** `{"cause": "new product rules", "as_of": "2026-07-01"}`

Champion and challenger are compared on the same held-back applicants, which neither has seen in training. The
challenger is registered either way, with the decision; only an accepted one is released, after a person's approval.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

from shipway.spec.model import ModelSpec
from shipway_airflow.notifications.shipway import ShipwayNotifier
from shipway_airflow.operators.retrain import EvaluateOperator, RegisterOperator, SnapshotOperator, TrainOperator
from shipway_airflow.operators.trigger import ReleaseOperator
from shipway_airflow.parsing import models

PARAMS = {
    "cause": Param("", type="string", title="Cause", description="Why; empty: this run's own id."),
    "champion": Param(
        None, type=["null", "integer"], title="Champion", description="Only while this version serves; empty: any."
    ),
    "as_of": Param("", type="string", title="As of", description="ISO date; empty: the run's own date."),
}


def retrain_dag(spec: ModelSpec) -> DAG:
    """Wire the retraining of one model."""
    told = ShipwayNotifier(
        event="retrain_failed",
        model=spec.model,
        title=f"The retrain of {spec.model} stopped at {{{{ ti.task_id }}}}",
        text="The champion stays. Read the log, mend the cause, and clear the task: the run goes on from there.",
    )
    with DAG(
        dag_id=f"{spec.model}_retrain",
        dag_display_name=f"Retrain {spec.title}",
        schedule=None,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["shipway", spec.model],
        default_args={
            "retries": 2,
            "retry_delay": timedelta(seconds=5),
            "on_failure_callback": told,
        },
    ) as dag:
        (
            SnapshotOperator(task_id="snapshot", model=spec.model)
            >> TrainOperator(task_id="train", model=spec.model, pool="shipway_heavy")
            >> EvaluateOperator(task_id="evaluate", model=spec.model, pool="shipway_heavy")
            >> RegisterOperator(task_id="register", model=spec.model)
            >> ReleaseOperator(task_id="release", model=spec.model)
        )
    dag.params = PARAMS  # not earlier: every task would take a copy, which is half of the time to build and store it
    return dag


for spec in models("retrain"):
    globals()[f"{spec.model}_retrain"] = retrain_dag(spec)
