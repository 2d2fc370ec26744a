from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

KINDS = ("release", "monitor", "retrain")
BROKEN = {
    "an unknown key": ("colour: red\n", "colour"),
    "no YAML": ("a: [", ""),
    "a cron that no date matches": ("monitoring: {schedule: 0 0 31 2 *}\n", "monitoring.schedule"),
    "a cron of words": ("monitoring: {schedule: every night}\n", "monitoring.schedule"),
    "an endless title": (f"title: {'x' * 3000}\n", "title"),
    "a title that no database takes": ('title: "a\\0b"\n', "title"),
}


def broken_model(parser, extra):
    text = "title: x\nmodel: {name}\ninputs: {{LOAN: number}}\ntarget: BAD\n"
    kept = "".join(line for line in text.splitlines(True) if line.split(":")[0] != extra.split(":")[0])
    return parser.model("broken", kept + extra.replace("{", "{{").replace("}", "}}"))


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_spec_takes_away_its_own_dags_only(parser, problem):
    extra, key = BROKEN[problem]
    parser.model("credit")
    spec = broken_model(parser, extra)
    for kind in KINDS:
        assert set(parser.dags(f"{kind}.py")) == {f"credit_{kind}"}
    page = parser.dags("specs.py")["shipway_specs"]
    assert page.tags == {"shipway", "broken"}
    (row,) = [line for line in page.doc_md.splitlines() if line.startswith("| broken |")]
    assert key.replace("_", "&#95;") in row.split(" | ")[2]
    assert str(spec).replace("_", "&#95;") in row


def test_good_specs_leave_nothing_to_show(parser):
    parser.model("credit")
    page = parser.dags("specs.py")["shipway_specs"]
    assert page.tags == {"shipway"}
    assert page.doc_md.endswith("All specs are good.\n")


def test_what_a_spec_says_stays_inside_its_cell(parser):
    parser.model("credit", '"<b>|`x`": 1\ntitle: "a"\nmodel: credit\ninputs: {{A: number}}\ntarget: B\n')
    rows = parser.dags("specs.py")["shipway_specs"].doc_md.splitlines()
    (row,) = [row for row in rows if row.startswith("| credit |")]
    assert row.count("|") == 5
    assert "<b>" not in row


def test_hundreds_of_problems_do_not_flood_the_page(parser):
    for number in range(120):
        parser.model(f"m{number}", "")
    page = parser.dags("specs.py")["shipway_specs"].doc_md
    assert page.count("| m") == 101  # with the heading's
    assert "… and 20 more" in page


@pytest.mark.parametrize(
    "content", ["stages: [", "name: t\nstages: []\n", "name: t\nstages: [{name: build}]\n"], ids=["YAML", "key", "name"]
)
def test_a_broken_environment_takes_away_the_releases_with_one_clear_error(parser, content):
    parser.model("credit")
    parser.environment.write_text(content)
    bag = parser.bag("release.py")
    assert not bag.dags
    ((file, error),) = bag.import_errors.items()
    assert file == "release.py"
    assert "environment" in error
    assert "SpecErrors" in error
    page = parser.dags("specs.py")["shipway_specs"]
    assert page.tags == {"shipway", "broken"}
    assert "\n| environment |" in page.doc_md


def test_measuring_and_retraining_need_no_stages_to_be_planned(parser):
    parser.model("credit")
    parser.environment.write_text("stages: [")
    assert set(parser.dags("monitor.py")) == {"credit_monitor"}
    assert set(parser.dags("retrain.py")) == {"credit_retrain"}


def test_a_folder_of_models_that_is_not_there_is_a_problem(parser, monkeypatch):
    monkeypatch.setenv("SHIPWAY_MODELS", str(parser.models / "nowhere"))
    assert "nowhere" in parser.dags("specs.py")["shipway_specs"].doc_md
    assert parser.dags("release.py") == {}


def test_a_task_reads_its_own_models_file_only(parser):
    parser.model("credit")
    other = parser.model("cards")
    other.unlink()
    other.symlink_to(other)  # whoever opens it fails
    for kind in KINDS:
        assert set(parser.dags(f"{kind}.py", f"credit_{kind}")) == {f"credit_{kind}"}


def test_a_task_whose_spec_has_become_broken_says_why(parser):
    broken_model(parser, "colour: red\n")
    (error,) = parser.bag("monitor.py", "broken_monitor").import_errors.values()
    assert "colour: is not a key that Shipway knows." in error


def test_the_check_reads_nothing_before_it_runs(parser):
    parser.model("credit", "")
    assert parser.dags("specs.py", "shipway_specs")["shipway_specs"].doc_md.endswith("All specs are good.\n")


def check(parser):
    context = {"ti": SimpleNamespace(dag_id="shipway_specs"), "run_id": "manual__1"}
    parser.dags("specs.py")["shipway_specs"].get_task("check").execute(context)


def test_the_check_succeeds_while_all_is_good(parser):
    parser.model("credit")
    check(parser)


def test_the_check_fails_with_every_problem_and_tells_people_for_each_model(parser, tmp_path):
    parser.environment.write_text(
        "name: t\nstages: [{name: production}]\nchannels: [{kind: file, audience: IT, path: outbox}]\n"
    )
    for number in range(12):
        parser.model(f"m{number}", "")
    with pytest.raises(AirflowFailException) as failed:
        check(parser)
    assert all(f"/m{number}/model.yaml: expected keys and values" in str(failed.value) for number in range(12))
    assert len(list((tmp_path / "outbox").glob("*-spec_broken-*.json"))) == 10


def test_the_check_names_a_broken_environment_too(parser):
    parser.environment.write_text("stages: [")
    with pytest.raises(AirflowFailException, match=r"environment\.yaml: is not good YAML"):
        check(parser)
