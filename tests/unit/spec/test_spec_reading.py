from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.errors import SpecErrors
from shipway.spec import reading

GOOD = {"model": "toy", "title": "Toy", "inputs": {"A": "number", "B": "category"}, "target": "BAD"}
PLACE = {"name": "here", "stages": [{"name": "production"}]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIPWAY_MODELS", str(tmp_path))
    add(tmp_path, "toy", yaml.safe_dump(GOOD))
    return tmp_path


def add(folder, name, text):
    (folder / name).mkdir(exist_ok=True)
    for beside, content in (("golden.json", '[{"A": 1, "B": "x"}]'), ("train.py", "")):
        (folder / name / beside).write_text(content)
    file = folder / name / "model.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def problems(folder, text, name="toy"):
    add(folder, name, text)
    with pytest.raises(SpecErrors) as caught:
        reading.read_model(name)
    return [str(error).removeprefix(f"{folder / name / 'model.yaml'}: ") for error in caught.value.errors]


def model_problems(folder, **changes):
    return problems(folder, yaml.safe_dump({**GOOD, **changes}))


def environment_problems(tmp_path, text):
    file = tmp_path / "environment.yaml"
    file.write_text(text if isinstance(text, str) else yaml.safe_dump({**PLACE, **text}))
    with pytest.raises(SpecErrors) as caught:
        reading.read_environment(file)
    return [str(error).removeprefix(f"{file}: ") for error in caught.value.errors]


def test_a_good_spec_is_read_with_its_defaults_and_its_folder(folder):
    spec = reading.read_model("toy")
    assert (spec.model, list(spec.inputs), spec.folder) == ("toy", ["A", "B"], folder / "toy")
    assert (spec.monitoring.ks_minimum, spec.rollout.steps) == (0.45, (10, 50, 100))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"titel": "x"}, "titel: is not a key that Shipway knows. Did you mean 'title'?"),
        (
            {"golden": {"zzz": 1}},
            "golden.zzz: is not a key that Shipway knows. Known keys here: requests, tolerance.",
        ),
        ({"title": 3}, "title: expected text, found 3. Put it in quotes."),
        ({"title": ["a"]}, "title: expected text, found ['a']."),
        ({"serving": 3}, "serving: expected keys and values, found 3."),
        ({"serving": {"flavour": "tfservin"}}, "serving.flavour: expected 'tfserving', found 'tfservin'. "
         "Did you mean 'tfserving'?"),
        ({"inputs": {"A": "numbr"}}, "inputs.A: expected 'number' or 'category', found 'numbr'. "
         "Did you mean 'number'?"),
        ({"inputs": {}}, "inputs: expected 1 or more of them, found {}."),
        ({"inputs": {1: "number"}}, "inputs.1: expected text, found 1. Put it in quotes."),
        ({"model": "Toy"}, "model: expected small letters, digits and _, a letter first, at most 40 characters, "
         "found 'Toy'."),
        ({"model": "boat"}, "model: is 'boat', but its folder is 'toy'. Give both the same name."),
        ({"monitoring": {"window_days": "long"}}, "monitoring.window_days: expected a whole number, found 'long'."),
        ({"monitoring": {"window_days": 0}}, "monitoring.window_days: expected 1 or more, found 0."),
        ({"monitoring": {"ks_minimum": 1.5}}, "monitoring.ks_minimum: expected less than 1, found 1.5."),
        ({"monitoring": {"ks_minimum": 0.6}}, "monitoring: ks_watch (0.5) must not lie under ks_minimum (0.6)."),
        ({"training": {"timeout_minutes": float("inf")}}, "training.timeout_minutes: expected a finite number, "
         "found inf."),
        ({"training": {"parameters": {"x": [1]}}}, "training.parameters.x: expected a number or a whole number or "
         "text or true or false, found [1]."),
        ({"rollout": {"steps": [50, 10, 100]}}, "rollout: steps must rise and end with 100, "
         "for example [10, 50, 100]."),
        ({"rollout": {"steps": [10, 50]}}, "rollout: steps must rise and end with 100, for example [10, 50, 100]."),
        ({"rollout": {"steps": []}}, "rollout: steps must rise and end with 100, for example [10, 50, 100]."),
        ({"rollout": {"steps": [0, 100]}}, "rollout.steps.0: expected 1 or more, found 0."),
        ({"inputs": {"BAD": "number"}}, "BAD cannot be an input and the target or a scoring field as well."),
        ({"scoring": {"key": "BAD"}}, "target and scoring fields must have different names, "
         "not BAD, ENTITY, BAD, BUSINESS_TIME."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key_and_what_was_expected(folder, changes, expected):
    assert model_problems(folder, **changes) == [expected]


def test_every_missing_key_is_named(folder):
    assert problems(folder, "model: toy\n") == [f"{key}: is missing. Add it." for key in ("title", "inputs", "target")]


@pytest.mark.parametrize(("key", "file"), [("golden.requests", "golden.json"), ("training.script", "train.py")])
def test_a_file_that_the_spec_names_must_be_there(folder, key, file):
    (folder / "toy" / file).unlink()
    with pytest.raises(SpecErrors, match=f"{key}: names '{file}', but there is no such file"):
        reading.read_model("toy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected keys and values, found nothing."),
        ("- a\n", "expected keys and values, found list."),
        ("a: [1\n", "is not good YAML: did not find expected ',' or ']' (line 2, column 1)."),
        ("a: 1\na: 2\n", "is not good YAML: the key 'a' stands there twice (line 2, column 1)."),
        ("a: {b: 1, b: 2}\n", "is not good YAML: the key 'b' stands there twice (line 1, column 11)."),
        ("a: 2026-99-99\n", "is not good YAML: month must be in 1..12."),
        ("[1]: 2\n", "is not good YAML: found unhashable key (line 1, column 1)."),
        ("a: !!python/object:os.system {}\n", "is not good YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/object:os.system' (line 1, column 4)."),
    ],
)  # fmt: skip
def test_what_is_no_document_of_keys_is_refused_with_its_place(folder, text, expected):
    assert problems(folder, text) == [expected]


def test_a_merged_key_may_be_overridden(folder):
    add(folder, "toy", yaml.safe_dump(GOOD) + "serving: {<<: {flavour: tfserving, output: p}, output: q}\n")
    serving = reading.read_model("toy").serving
    assert (serving.flavour, serving.output) == ("tfserving", "q")


def test_a_missing_file_is_named_with_what_to_do(folder):
    with pytest.raises(SpecErrors, match=r"model.yaml: cannot be read \(No such file or directory\). Create the file"):
        reading.read_model("nobody")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"stages": []}, ["stages: expected 1 or more of them, found []."]),
        ({"stages": 3}, ["stages: expected a list, found 3."]),
        ({"stages": [{"nam": "a"}]}, ["stages.0.name: is missing. Add it.",
                                      "stages.0.nam: is not a key that Shipway knows. Did you mean 'name'?"]),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, ["every stage needs a name of its own, not a, a."]),
        ({"stages": [{"name": "a", "approval": {"approver": ["x"]}}]},
         ["stages.0.approval.approvers: is missing. Add it.",
          "stages.0.approval.approver: is not a key that Shipway knows. Did you mean 'approvers'?"]),
        ({"channels": [{"kind": "file", "audience": "a", "pth": "x"}]},
         ["channels.0.pth: is not a key that Shipway knows. Did you mean 'path'?"]),
        ({"channels": [{"kind": "file", "audience": "a", "zzz": "x"}]},
         ["channels.0.zzz: is not a key that Shipway knows. Known keys here: audience, kind, path."]),
        ({"channels": [{"kind": "team"}]},
         ["channels.0.kind: expected 'file', 'teams', 'mail', found 'team'. Did you mean 'teams'?"]),
        ({"channels": [{"audience": "a"}]}, ["channels.0.kind: is missing. Add it: it says what the other keys mean."]),
        ({"channels": ["file"]}, ["channels.0: expected keys and values, found 'file'."]),
    ],
)  # fmt: skip
def test_problems_of_an_environment_stand_alone_and_name_the_known_keys(tmp_path, content, expected):
    assert environment_problems(tmp_path, content) == expected


def test_relative_paths_start_at_the_home_folder(tmp_path, monkeypatch):
    file = tmp_path / "environment.yaml"
    file.write_text(yaml.safe_dump(PLACE))
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(file))
    monkeypatch.setenv("SHIPWAY_HOME", str(tmp_path / "home"))
    environment = reading.read_environment()
    assert environment.path("var/x") == tmp_path / "home" / "var" / "x"
    assert environment.path("/abs") == reading.Path("/abs")


def test_a_broken_spec_does_not_hide_the_good_ones(folder):
    add(folder, "broken", "model: broken\ntitel: x\n")
    add(folder, "_draft", "nonsense")
    good, wrong = reading.read_all()
    assert [spec.model for spec in good] == ["toy"]
    assert {error.data["key"] for error in wrong} == {"title", "titel", "inputs", "target"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "x" * 201}, "title: expected one line of at most 200 characters."),
        ({"title": "a\nb"}, "title: expected one line of at most 200 characters."),
        ({"monitoring": {"schedule": "every night"}}, "monitoring.schedule: expected a cron expression, found "
         "'every night'. For example \"0 3 * * *\"."),
        ({"monitoring": {"schedule": "0 0 31 2 *"}}, "monitoring.schedule: expected a cron expression, found "
         "'0 0 31 2 *'. For example \"0 3 * * *\"."),
        ({"monitoring": {"schedule": "@daily"}}, "monitoring.schedule: expected a cron expression, found '@daily'. "
         "For example \"0 3 * * *\"."),
    ],
)  # fmt: skip
def test_reading_all_names_what_airflow_would_refuse(folder, changes, expected):
    file = add(folder, "toy", yaml.safe_dump({**GOOD, **changes}))
    assert reading.read_model("toy").model == "toy"
    good, wrong = reading.read_all()
    assert good == []
    assert [str(error) for error in wrong] == [f"{file}: {expected}"]


@pytest.mark.parametrize(
    ("golden", "expected"),
    [
        ("", [": is not JSON: Expecting value: line 1 column 1 (char 0)."]),
        ("é".encode("latin-1"), [": is not JSON: 'utf-8' codec can't decode byte 0xe9 in position 0: "
         "unexpected end of data."]),
        ('[{"A": NaN, "B": ""}]', [": is not JSON: NaN is no number of JSON, a missing value is null."]),
        ("{}", [": expected a list with at least one instance."]),
        ("[]", [": expected a list with at least one instance."]),
        ('[{"A": 1, "B": "x"}, 3]', [": 1: expected an instance (input: value), found int."]),
        ('[{"A": 1}, {"A": 1, "B": "x", "BAD": 1}]', [
            ": 0: expected exactly the inputs A, B; B is missing.",
            ": 1: expected exactly the inputs A, B; BAD is none.",
        ]),
    ],
)  # fmt: skip
def test_reading_all_names_golden_requests_that_are_none(folder, golden, expected):
    file = folder / "toy" / "golden.json"
    file.write_bytes(golden if isinstance(golden, bytes) else golden.encode())
    assert reading.read_model("toy").model == "toy"
    assert [str(error) for error in reading.read_all()[1]] == [f"{file}{one}" for one in expected]


def test_a_folder_of_models_that_is_not_there_is_named(folder, monkeypatch):
    monkeypatch.setenv("SHIPWAY_MODELS", str(folder / "nowhere"))
    ((error,), good) = reading.read_all()[::-1]
    assert (good, str(error)) == ([], f"{folder / 'nowhere'}: is no folder. See SHIPWAY_MODELS.")


def test_the_project_s_own_files_are_good():
    assert reading.read_environment().stages
    assert reading.read_all()[1] == []


WORDS = st.sampled_from(["model", "title", "inputs", "serving", "stages", "channels", "kind", "file", "name", "steps"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.integers(), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
DOCUMENTS = st.one_of(
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    VALUES.map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode()),
    st.dictionaries(st.sampled_from([*GOOD, "rollout", "training", "channels", "stages"]), VALUES).map(
        lambda value: yaml.safe_dump({**GOOD, **PLACE, **value}).encode()
    ),
    st.sampled_from([b"a: &a [*a]", b"&a {stages: *a, *a : 1}", b"[" * 500, b"{a: " * 500, b"a: " + b"9" * 5000]),
)


@given(DOCUMENTS)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_file_it_is_a_spec_or_spec_errors(folder, document):
    file = add(folder, "toy", document)
    for read in (lambda: reading.read_model("toy"), lambda: reading.read_environment(file)):
        said = refusal(read)
        assert all(str(error).startswith(f"{file}: ") for error in said)
        assert len(str(said)) < 30_000


def refusal(read):
    try:
        read()
    except SpecErrors as errors:
        return errors.errors
    return ()
