import json
import signal
import subprocess
import sys

import pytest
from integration.serving import world

from shipway import child
from shipway.errors import GoldenMismatch

pytestmark = pytest.mark.slow


def predict(port, body, path="/v1/models/hmeq:predict"):
    return world.ask(port, "POST", path, body)[:2]


def test_rows_and_columns_of_every_version_path_agree(model_server):
    row = {"LOAN": 100, "DEBTINC": [30], "JOB": "Mgr"}
    status, answer = predict(model_server, {"signature_name": "serving_default", "instances": [row]})
    assert (status, len(answer["predictions"])) == (200, 1)
    columns = {name: [value] for name, value in row.items()}
    path = "/v1/models/hmeq/versions/7:predict"
    assert predict(model_server, {"inputs": columns}, path) == (200, {"outputs": answer["predictions"]})


def test_another_signature_with_two_outputs_is_served(model_server):
    assert predict(model_server, {"signature_name": "whole", "instances": [{"LOAN": 3}]}) == (
        200,
        {"predictions": [{"output": 3.0, "rank": 3}]},
    )
    status, answer = predict(model_server, {"signature_name": "whole", "instances": [{"LOAN": None}]})
    assert (status, "LOAN" in answer["error"]) == (400, True)


def test_unknown_names_are_answered_as_tensorflow_serving_does(model_server):
    assert predict(model_server, {}, "/v1/models/no:predict") == (
        404,
        {"error": "Servable not found for request: Latest(no)"},
    )
    assert predict(model_server, {}, f"/v1/models/hmeq/versions/{'9' * 5000}:predict")[0] == 404
    assert world.ask(model_server, "GET", "/v1/models/no")[:2] == (
        404,
        {"error": "Could not find any versions of model no"},
    )
    assert predict(model_server, {"signature_name": "no", "instances": [{}]})[0] == 400


def test_metadata_names_every_signature(model_server):
    _, answer, _ = world.ask(model_server, "GET", "/v1/models/hmeq/metadata")
    known = answer["metadata"]["signature_def"]["signature_def"]
    assert set(known) == {"serving_default", "whole"}
    assert known["serving_default"]["inputs"]["DEBTINC"]["dtype"] == "DT_DOUBLE"
    assert [one["size"] for one in known["serving_default"]["inputs"]["DEBTINC"]["tensor_shape"]["dim"]] == ["-1", "1"]


def test_a_folder_that_is_no_model_ends_the_server_with_a_sentence(tmp_path):
    arguments = ("--model", "m", "--version", 1, "--directory", tmp_path, "--port", world.free_port())
    with world.Running(tmp_path / "log", "shipway.serving.model_server", *arguments) as server:
        assert server.process.wait(120) == 1
        assert "The SavedModel does not load" in server.text()


def test_the_server_ends_in_order(saved_model, tmp_path):
    port = world.free_port()
    arguments = ("--model", "m", "--version", 1, "--directory", saved_model, "--port", port)
    with world.Running(tmp_path / "log", "shipway.serving.model_server", *arguments).until_open(port) as server:
        server.send(signal.SIGTERM)
        assert server.process.wait(10) == 0


_CHECKS = """
import json, sys
from shipway.errors import ShipwayError
from shipway.serving.check import check
base, changes = json.load(sys.stdin)
for change in changes:
    try:
        outcome = check({**base, **change})["scores"]
    except ShipwayError as error:
        outcome = f"{type(error).__name__}: {error}"
    print("outcome", json.dumps(outcome))
"""


def outcomes(base, *changes):
    """Check several requests in one child: TensorFlow's import is what takes the time."""
    done = subprocess.run(
        [sys.executable, "-c", _CHECKS],
        input=json.dumps([base, changes]),
        env=child.environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return [json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines() if line.startswith("outcome ")]


@pytest.fixture(scope="module")
def check_request(saved_model):
    golden = [{"instance": {"LOAN": 5, "JOB": "Mgr"}, "score": 0.6253}, {"instance": {"DEBTINC": None}, "score": 0.75}]
    return {
        "directory": str(saved_model), "signature": "serving_default", "output": "output", "inputs": world.INPUTS,
        "instances": None, "golden": golden, "tolerance": 1e-3,
    }  # fmt: skip


def test_a_golden_mismatch_comes_back_from_the_child_with_its_figures(check_request):
    with pytest.raises(GoldenMismatch, match=r"request 1: expected 0.75, got 0.50.*difference 0.248") as caught:
        child.run("shipway.serving.check", check_request, timeout=180)
    assert caught.value.data["request"] == 1


def test_the_check_scores_replays_and_names_what_differs(check_request, tmp_path):
    answers = [{**one, "score": score} for one, score in zip(check_request["golden"], (0.62527, 0.50175), strict=True)]
    scored, replayed, not_finite, whole, no_model = outcomes(
        check_request,
        {"instances": [{"LOAN": 5, "JOB": "Mgr"}, {}], "golden": None},
        {"golden": answers},
        {"instances": [{}, {"LOAN": world.NOT_FINITE}]},
        {"signature": "whole", "inputs": {"LOAN": "number"}},
        {"directory": str(tmp_path)},
    )
    assert scored == replayed
    assert not_finite.startswith("ModelError: The model's score of instance 1 is nan")
    assert whole.startswith("SignatureMismatch: Input 'LOAN'")
    assert "Cast numerics to float before training" in whole
    assert no_model.startswith("ModelError: The SavedModel does not load")
