import json
from datetime import timedelta

import pytest
from airflow.sdk.definitions.param import process_params

FORMS = {"release": {"version", "put_back", "because"}, "monitor": {"as_of"}, "retrain": {"cause", "champion", "as_of"}}


@pytest.mark.parametrize("kind", FORMS)
def test_each_file_builds_one_dag_per_model(parser, kind):
    parser.model("credit")
    parser.model("cards")
    assert set(parser.dags(f"{kind}.py")) == {f"credit_{kind}", f"cards_{kind}"}


def test_the_specs_have_a_dag_even_without_models(parser):
    assert set(parser.dags("specs.py")) == {"shipway_specs"}
    assert parser.dags("release.py") == {}


@pytest.mark.parametrize("kind", FORMS)
def test_the_form_asks_for_what_the_page_explains(parser, kind):
    parser.model("credit")
    dag = parser.dags(f"{kind}.py")[f"credit_{kind}"]
    assert set(dag.params) == FORMS[kind]
    for name in set(dag.params) - {"because"}:
        assert f"`{name}`" in dag.doc_md
    assert dag.doc_md.strip()
    assert dag.tags == {"shipway", "credit"}
    assert dag.dag_display_name.endswith("Model credit")


@pytest.mark.parametrize("kind", FORMS)
def test_an_example_of_a_page_fits_its_form(parser, kind):
    parser.model("credit")
    dag = parser.dags(f"{kind}.py")[f"credit_{kind}"]
    (line,) = [line for line in dag.doc_md.splitlines() if line.startswith("**Example:**")]
    for example in [part for part in line.split("`") if part.startswith("{")]:
        dag.params.update(json.loads(example))
        dag.params.validate()


@pytest.mark.parametrize("kind", FORMS)
def test_every_task_sees_the_form_and_none_carries_a_copy(parser, kind):
    parser.model("credit")
    dag = parser.dags(f"{kind}.py")[f"credit_{kind}"]
    for task in dag.tasks:
        seen = process_params(dag, task, {"as_of": "2026-01-31", "because": "I say so"}, suppress_exception=False)
        own = set(task.params)
        assert seen.items() >= {"as_of": "2026-01-31", "because": "I say so"}.items()
        assert set(seen) == FORMS[kind] | own | {"as_of", "because"}
        assert own == ({"reason"} if task.task_id.endswith(".approve") else set())


def test_only_one_retrain_and_one_measurement_of_a_model_run_at_once(parser):
    parser.model("credit")
    assert parser.dags("monitor.py")["credit_monitor"].max_active_runs == 1
    assert parser.dags("retrain.py")["credit_retrain"].max_active_runs == 1
    assert parser.dags("release.py")["credit_release"].max_active_runs == 16


def test_training_waits_for_the_pool_of_heavy_work(parser):
    parser.model("credit")
    tasks = parser.dags("retrain.py")["credit_retrain"].task_dict
    assert {name for name, task in tasks.items() if task.pool == "shipway_heavy"} == {"train", "evaluate"}


def test_monitoring_follows_the_cron_of_the_spec_and_makes_up_for_nothing(parser):
    spec = parser.model("credit")
    spec.write_text(spec.read_text() + "monitoring: {schedule: 30 4 * * 1}\n")
    dag = parser.dags("monitor.py")["credit_monitor"]
    assert dag.schedule == "30 4 * * 1"
    assert dag.catchup is False


def test_an_approval_is_asked_again_without_delay(parser):
    parser.model("credit")
    approve = parser.dags("release.py")["credit_release"].get_task("production.approve")
    assert approve.retry_delay == timedelta(0)
    assert approve.retries == 3


def test_a_measurement_goes_to_one_branch_and_only_the_bad_one_retrains(parser):
    parser.model("credit")
    dag = parser.dags("monitor.py")["credit_monitor"]
    assert dag.get_task("measure").downstream_task_ids == {"healthy", "watch", "underperforming", "insufficient"}
    assert dag.get_task("retrain").upstream_task_ids == {"underperforming"}
