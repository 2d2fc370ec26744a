"""Release a model version: check, build, approve, deploy, verify, promote.

**When:** started by hand with a form, or by the retrain workflow for an accepted challenger.

**Form:** `version` (empty: the challenger, else the newest), or `put_back` (the id of an older, approved release:
it starts at `deploy`, nothing is rebuilt, the registry is not needed).

**Example:** `{"version": 3}` or `{"put_back": "hmeq-production-2-1a2b3c4d"}`

A rejected or unanswered release ends as a successful run whose `outcome` says so. A run with a failed task ends
failed, and what serves goes on serving.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param, TaskGroup

from shipway.spec.environment import Environment
from shipway.spec.model import ModelSpec
from shipway_airflow.operators.approve import ApproveOperator
from shipway_airflow.operators.build import BuildOperator, PrebuildOperator
from shipway_airflow.operators.deploy import DeployOperator, PromoteOperator, VerifyOperator
from shipway_airflow.operators.outcome import OutcomeOperator
from shipway_airflow.operators.plan import PlanOperator
from shipway_airflow.operators.trigger import AskAgainOperator
from shipway_airflow.parsing import checked_environment, models

PARAMS = {
    "version": Param(None, type=["null", "integer"], minimum=1, title="Version", description="Empty: the challenger."),
    "put_back": Param("", type="string", title="Put back", description="Id of an older, approved release."),
    "because": Param("", type="string", title="Because", description="Shown to the approver."),
}


def release_dag(spec: ModelSpec, environment: Environment) -> DAG:
    """Wire the release of one model through the environment's stages."""
    stages = [stage.name for stage in environment.stages]
    with DAG(
        dag_id=f"{spec.model}_release",
        dag_display_name=f"Release {spec.title}",
        schedule=None,
        max_active_runs=16,
        render_template_as_native_obj=False,
        doc_md=__doc__,
        tags=["shipway", spec.model],
        default_args={"retries": 3, "retry_delay": timedelta(seconds=2)},
    ) as dag:
        plan = PlanOperator(task_id="plan", model=spec.model)
        before = PrebuildOperator(task_id="prebuild", model=spec.model) >> BuildOperator(
            task_id="build", model=spec.model
        )
        plan >> dag.get_task("prebuild")
        ask_again = AskAgainOperator(task_id="ask_again", model=spec.model, stages=stages)
        outcome = OutcomeOperator(task_id="outcome", model=spec.model, stages=stages)
        for stage in environment.stages:
            with TaskGroup(stage.name):
                deploy = DeployOperator(
                    task_id="deploy", model=spec.model, stage=stage.name, trigger_rule="none_failed_min_one_success"
                )
                if stage.approval:
                    approve = ApproveOperator(
                        task_id="approve",
                        model=spec.model,
                        stage=stage.name,
                        timeout_seconds=stage.approval.timeout_seconds,
                        retry_delay=timedelta(0),
                    )
                    before >> approve >> deploy
                else:
                    before >> deploy
                verify = VerifyOperator(task_id="verify", model=spec.model, stage=stage.name)
                before = PromoteOperator(task_id="promote", model=spec.model, stage=stage.name)
                plan >> deploy >> verify >> before
            deploy >> ask_again
        [before, ask_again] >> outcome
    dag.params = PARAMS  # not earlier: every task would take a copy, which is half of the time to build and store it
    return dag


environment = checked_environment()
for spec in models("release"):
    globals()[f"{spec.model}_release"] = release_dag(spec, environment)
