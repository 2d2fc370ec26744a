import pytest
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from shipway_airflow.operators.trigger import AskAgainOperator, ReleaseOperator

AGAIN = {"release": "r1", "because": "the champion is version 4 now", "now": 4}


class Run:
    """What a task sees of its run: the results of the tasks before it."""

    def __init__(self, results):
        self.results, self.pushed = results, {}

    def xcom_pull(self, *, task_ids, key):
        return self.results.get((task_ids, key))

    def xcom_push(self, *, key, value):
        self.pushed[key] = value


def started(operator, results):
    """Execute a task that starts a run, and return what Airflow is asked for."""
    with pytest.raises(DagRunTriggerException) as asked:
        operator.execute({"ti": Run(results), "run_id": "manual__1"})
    return asked.value


def test_an_accepted_challenger_is_released_once_for_each_retrain():
    results = {("register", "return_value"): {"decision": "accepted", "version": 5}}
    asked = started(ReleaseOperator(task_id="release", model="hmeq"), results)
    assert (asked.trigger_dag_id, asked.dag_run_id) == ("hmeq_release", "release__v5__manual__1")
    assert asked.conf == {"version": 5}
    assert asked.skip_when_already_exists
    assert not asked.wait_for_completion


def test_a_rejected_challenger_is_not_released():
    run = Run({("register", "return_value"): {"decision": "rejected", "version": 5}})
    with pytest.raises(AirflowSkipException, match="Version 5 was rejected"):
        ReleaseOperator(task_id="release", model="hmeq").execute({"ti": run, "run_id": "manual__1"})


def test_people_are_asked_again_for_the_same_version_on_the_stage_that_found_another_champion():
    results = {("production.deploy", "ask_again"): AGAIN, ("build", "return_value"): {"version": 3}}
    operator = AskAgainOperator(task_id="ask_again", model="hmeq", stages=["test", "production"])
    asked = started(operator, results)
    assert (asked.trigger_dag_id, asked.dag_run_id) == ("hmeq_release", "manual__1__again")
    assert asked.conf == {"version": 3, "because": AGAIN["because"]}


def test_nobody_is_asked_again_when_no_champion_has_changed():
    operator = AskAgainOperator(task_id="ask_again", model="hmeq", stages=["production"])
    with pytest.raises(AirflowSkipException, match="Nobody needs"):
        operator.execute({"ti": Run({}), "run_id": "manual__1"})
