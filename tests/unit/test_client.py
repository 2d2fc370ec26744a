from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway import api
from shipway.client import key_of, score_of
from shipway.errors import ScoringError

SPEC = "model: toy\ntitle: Toy\ninputs: {A: number}\ntarget: BAD\n"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    folder = tmp_path / "toy"
    folder.mkdir()
    for name, text in {"model.yaml": SPEC, "golden.json": '[{"A": 1}]', "train.py": ""}.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("SHIPWAY_MODELS", str(tmp_path))


@pytest.fixture
def gateway(toy):
    """A server that gives the answers it is told to, in order, and keeps the instances of every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.asked.append(body["instances"])
            status, content = self.server.answers.pop(0)
            content = content if content is not None else good(len(body["instances"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answers = [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


def good(count):
    shipway = {"ids": [f"id-{at}" for at in range(count)], "version": 3}
    return json.dumps({"predictions": [0.25] * count, "shipway": shipway}).encode()


def keys(instances):
    return [instance["KEY"] for instance in instances]


def test_a_request_that_was_not_answered_is_sent_again_with_the_same_keys(gateway):
    gateway.answers = [(503, b""), (200, None)]
    rows = [{"ENTITY": "ada", "A": 1.0}, {"ENTITY": "ada", "A": 1.0}, {"ENTITY": "bob", "A": None, "KEY": "own"}]
    answers = list(api.score("toy", rows, endpoint=gateway.url))
    first, second = gateway.asked
    assert first == second
    assert keys(first)[2] == "own"
    assert len(set(keys(first))) == 3
    assert answers[0] == {"entity": "ada", "id": "id-0", "score": 0.25, "version": 3}
    assert "KEY" not in rows[0]


def test_the_same_rows_get_the_same_keys_whatever_the_batch(gateway):
    gateway.answers = [(200, None)] * 4
    rows = [{"ENTITY": "ada", "A": number} for number in range(3)]
    list(api.score("toy", rows, endpoint=gateway.url))
    list(api.score("toy", iter(rows), endpoint=gateway.url, batch=1))
    assert keys(gateway.asked[0]) == [key for asked in gateway.asked[1:] for key in keys(asked)]


def test_a_key_depends_on_every_value_and_on_the_place_but_not_on_the_order_of_names():
    assert key_of({"A": 1, "B": 2}, 1) == key_of({"B": 2, "A": 1}, 1)
    assert len({key_of({"A": 1}, 1), key_of({"A": 2}, 1), key_of({"A": 1}, 2)}) == 3


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, b"<html>Welcome</html>", "not as a gateway of Shipway"),
        (200, b"[]", "not as a gateway of Shipway"),
        (200, b'{"predictions": [0.1]}', "not as a gateway of Shipway"),
        (200, good(2), "not as a gateway of Shipway"),
        (200, good(1).replace(b"0.25", b"null"), "Expected a finite number as the prediction of 'output', found None"),
        (400, b"field 'A' is wrong", "answered 400: field 'A' is wrong"),
    ],
)
def test_an_answer_that_is_no_score_is_named(gateway, status, content, expected):
    gateway.answers = [(status, content)]
    with pytest.raises(ScoringError, match=expected):
        list(api.score("toy", [{"ENTITY": "ada", "A": 1}], endpoint=gateway.url))


@pytest.mark.parametrize("value", [float("nan"), {1}], ids=["NaN", "a set"])
def test_a_row_that_is_not_json_is_named(toy, value):
    rows = [{"ENTITY": "ada", "A": 1}, {"ENTITY": "bob", "A": value}]
    with pytest.raises(ScoringError, match="Row 2 cannot be sent as JSON"):
        list(api.score("toy", rows, endpoint="http://127.0.0.1:9"))


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-10, 10))
def test_a_prediction_has_the_same_score_in_every_shape(number):
    for shape in (number, [number], {"output": number}, {"output": [number], "other": "x"}):
        assert score_of(shape, "output") == number
    assert isinstance(score_of(number, "output"), float)


@pytest.mark.parametrize(
    "prediction",
    [None, "0.2", True, [], [0.1, 0.2], [[0.1]], {}, {"other": 0.2}, float("nan"), [float("inf")], {"output": None}],
    ids=repr,
)
def test_what_is_no_prediction_is_named(prediction):
    with pytest.raises(ScoringError, match="as the prediction of 'output', found") as error:
        score_of(prediction, "output")
    assert repr(prediction) in str(error.value)
