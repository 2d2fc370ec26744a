"""Measure a model's performance by its KS, and act on the verdict.

**When:** nightly, by the cron of `model.yaml`; by hand for any past date.

**Form:** `as_of` (ISO date or time; empty: the run's own date). The window of business time ends there, and only
outcomes known by then count, so a run for a past date sees what that date saw.

**Example:** `{"as_of": "2026-04-01"}`

`measure` follows one of four branches: `healthy`, `watch`, `underperforming` (people are told and the retrain starts,
once for each champion) or `insufficient` (too few goods or bads for a verdict).
"""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param

from shipway.spec.model import ModelSpec
from shipway_airflow.notifications.shipway import ShipwayNotifier
from shipway_airflow.operators.measure import MeasureOperator, VerdictOperator
from shipway_airflow.operators.trigger import RetrainOperator
from shipway_airflow.parsing import models

PARAMS = {"as_of": Param("", type="string", title="As of", description="ISO date; empty: the run's own date.")}
START = pendulum.datetime(2026, 1, 1, tz="UTC")


def monitor_dag(spec: ModelSpec) -> DAG:
    """Wire the monitoring of one model."""
    told = ShipwayNotifier(
        event="monitor_failed",
        model=spec.model,
        title=f"{spec.model} was not measured: {{{{ ti.task_id }}}} failed",
        text="No verdict was given. Read the log, mend the cause, and clear the task: the run goes on from there.",
    )
    with DAG(
        dag_id=f"{spec.model}_monitor",
        dag_display_name=f"Monitor {spec.title}",
        schedule=spec.monitoring.schedule,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["shipway", spec.model],
        default_args={
            "retries": 3,
            "retry_delay": timedelta(seconds=10),
            "on_failure_callback": told,
        },
    ) as dag:
        measure = MeasureOperator(task_id="measure", model=spec.model)
        verdicts = {
            verdict: VerdictOperator(task_id=verdict, model=spec.model)
            for verdict in ("healthy", "watch", "underperforming", "insufficient")
        }
        measure >> list(verdicts.values())
        verdicts["underperforming"] >> RetrainOperator(task_id="retrain", model=spec.model)
    dag.params = PARAMS  # not earlier: every task would take a copy, which is half of the time to build and store it
    return dag


for spec in models("monitor"):
    globals()[f"{spec.model}_monitor"] = monitor_dag(spec)
