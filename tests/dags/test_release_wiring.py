TWO_STAGES = "name: t\nstages: [{name: test}, {name: production, approval: {approvers: [ada], timeout_seconds: 60}}]\n"


def edges(dag):
    return {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}


def release(parser):
    parser.model("credit")
    return parser.dags("release.py")["credit_release"]


def test_one_stage_with_approval(parser):
    assert edges(release(parser)) == {
        ("plan", "prebuild"),
        ("prebuild", "build"),
        ("build", "production.approve"),
        ("production.approve", "production.deploy"),
        ("plan", "production.deploy"),
        ("production.deploy", "production.verify"),
        ("production.verify", "production.promote"),
        ("production.deploy", "ask_again"),
        ("production.promote", "outcome"),
        ("ask_again", "outcome"),
    }


def test_two_stages_of_which_the_second_needs_approval(parser):
    parser.environment.write_text(TWO_STAGES)
    assert edges(release(parser)) == {
        ("plan", "prebuild"),
        ("prebuild", "build"),
        ("build", "test.deploy"),
        ("plan", "test.deploy"),
        ("test.deploy", "test.verify"),
        ("test.verify", "test.promote"),
        ("test.promote", "production.approve"),
        ("production.approve", "production.deploy"),
        ("plan", "production.deploy"),
        ("production.deploy", "production.verify"),
        ("production.verify", "production.promote"),
        ("test.deploy", "ask_again"),
        ("production.deploy", "ask_again"),
        ("production.promote", "outcome"),
        ("ask_again", "outcome"),
    }


def test_the_outcome_runs_however_the_others_ended_and_is_the_only_leaf(parser):
    dag = release(parser)
    assert [task.task_id for task in dag.tasks if not task.downstream_task_ids] == ["outcome"]
    assert dag.get_task("outcome").trigger_rule == "all_done"
    assert dag.get_task("ask_again").trigger_rule == "all_done"


def test_a_stage_is_deployed_after_an_approval_or_a_plan_that_puts_back(parser):
    deploy = release(parser).get_task("production.deploy")
    assert deploy.trigger_rule == "none_failed_min_one_success"


def test_an_unanswered_approval_is_a_no_after_the_time_of_the_stage(parser):
    parser.environment.write_text(TWO_STAGES)
    approve = release(parser).get_task("production.approve")
    assert approve.response_timeout.total_seconds() == 60
    assert approve.defaults == ["Reject"]


def test_the_form_of_an_approval_asks_for_a_reason_only(parser):
    assert set(release(parser).get_task("production.approve").params) == {"reason"}
