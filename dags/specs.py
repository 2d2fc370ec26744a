"""Check what describes the models: the environment, and every `model.yaml`.

**When:** every morning, and by hand after a change.

A broken spec takes away that model's workflows only, a broken environment all releases. What is broken stands below,
as of the last parse; `check` fails with all of it and tells people. Everything that serves goes on serving.
"""

import pendulum
from airflow.sdk import DAG

from shipway_airflow.operators.specs import CheckSpecsOperator
from shipway_airflow.parsing import problems, shown

broken = problems()

with DAG(
    dag_id="shipway_specs",
    dag_display_name="Specs of all models",
    schedule="0 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=f"{__doc__}\n{shown(broken)}",
    tags=["shipway", "broken"] if broken else ["shipway"],
    default_args={"retries": 0},
):
    CheckSpecsOperator(task_id="check")
