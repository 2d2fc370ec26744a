import gzip
import json
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from integration.serving import world

pytestmark = pytest.mark.slow


class Backend:
    """Stands where a gateway stands: it answers with its name and with what it was sent."""

    def __init__(self, name):
        self.name = name
        self.gate = threading.Event()
        self.gate.set()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                backend.gate.wait(20)
                answer = {"name": backend.name, "path": self.path, "headers": dict(self.headers), "size": len(body)}
                data = json.dumps(answer).encode()
                self.send_response(200 if "teapot" not in self.path else 418)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Keep-Alive", "timeout=5")
                self.send_header("X-Own", "kept")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


class Stage:
    def __init__(self, folder):
        self.file = folder / "routes.json"
        self.port = world.free_port()
        self.generation = 0

    def route(self, **models):
        """Write routes (model → backend → weight) and wait until they are in effect."""
        self.generation += 1
        entries = {
            model: [{"release": one.name, "url": one.url, "weight": weight} for one, weight in shares.items()]
            for model, shares in models.items()
        }
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({"generation": self.generation, "models": entries}))
        partial.replace(self.file)
        world.wait_until(lambda: self.weights()["generation"] == self.generation, 10, 0.01)

    def weights(self):
        return world.ask(self.port, "GET", "/-/weights")[1]

    def post(self, path="/v1/models/m:predict", body=None, headers=None):
        return world.ask(self.port, "POST", path, body or {}, headers)


@pytest.fixture
def stage(tmp_path):
    one = Stage(tmp_path)
    arguments = ("shipway.serving.router", "--routes", one.file, "--port", one.port)
    with world.Running(tmp_path / "log", *arguments) as one.running:
        one.running.until_open(one.port)
        yield one


@pytest.fixture
def backends():
    made = [Backend("old"), Backend("new")]
    yield made
    for one in made:
        one.close()


@contextmanager
def closed(backend):
    backend.server.shutdown()
    backend.server.server_close()
    yield
    backend.server.server_close = backend.server.shutdown = lambda: None


def test_traffic_is_split_exactly_by_weight(stage, backends):
    old, new = backends
    stage.route(m={old: 90, new: 10})
    answers = [stage.post() for _ in range(100)]
    assert Counter(answer["name"] for _, answer, _ in answers) == {"old": 90, "new": 10}
    assert all(headers["X-Shipway-Release"] == answer["name"] for _, answer, headers in answers)
    assert stage.weights() == {"generation": 1, "weights": {"m": {"old": 90, "new": 10}}, "in_flight": {}}


def test_paths_bodies_and_statuses_pass_and_hop_by_hop_headers_do_not(stage, backends):
    old, _ = backends
    stage.route(m={old: 100})
    headers = {"Connection": "X-Hop", "X-Hop": "1", "X-End": "2", "TE": "trailers"}
    status, answer, back = stage.post("/v1/models/m/versions/3:predict?teapot=%2Fa", {"a": "b" * 100_000}, headers)
    assert (status, answer["path"], answer["size"]) == (418, "/v1/models/m/versions/3:predict?teapot=%2Fa", 100_009)
    assert answer["headers"]["X-End"] == "2"
    assert not {"X-Hop", "TE"} & set(answer["headers"])
    assert (back["X-Own"], "Keep-Alive" in back) == ("kept", False)


def test_a_packed_body_arrives_unpacked(stage, backends):
    old, _ = backends
    stage.route(m={old: 100})
    packed = gzip.compress(b"{}" * 50_000)
    status, answer, _ = stage.post(body=packed, headers={"Content-Encoding": "gzip", "Expect": "100-continue"})
    assert (status, answer["size"]) == (200, 100_000)
    assert not {"Content-Encoding", "Expect", "User-Agent"} & set(answer["headers"])
    status, answer, _ = stage.post(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (status, bool(answer["error"])) == (400, True)


def test_models_are_apart_and_unknown_ones_are_not_found(stage, backends):
    old, new = backends
    stage.route(m={old: 100}, m2={new: 100}, idle={})
    assert stage.post("/v1/models/m")[1]["name"] == "old"
    assert stage.post("/v1/models/m2/metadata")[1]["name"] == "new"
    for path in ("/v1/models/m3", "/v1/models/", "/v1/models/mm:predict", "/nothing"):
        status, answer, _ = stage.post(path)
        assert (status, bool(answer["error"])) == (404, True)
    status, answer, _ = stage.post("/v1/models/idle")
    assert (status, "no release" in answer["error"]) == (503, True)


def test_a_refused_connection_goes_to_another_release(stage, backends):
    old, new = backends
    stage.route(m={old: 50, new: 50})
    with closed(old):
        assert [stage.post()[1]["name"] for _ in range(10)] == ["new"] * 10
        stage.route(m={old: 100, new: 0})
        assert stage.post()[0] == 503


def test_a_request_under_way_is_counted_and_survives_new_routes(stage, backends):
    old, new = backends
    stage.route(m={old: 100})
    old.gate.clear()
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(stage.post)
        world.wait_until(lambda: stage.weights()["in_flight"] == {"old": 1}, 10)
        stage.route(m={new: 100})
        assert stage.post()[1]["name"] == "new"
        assert stage.weights()["in_flight"] == {"old": 1}
        old.gate.set()
        assert waiting.result()[1]["name"] == "old"
    assert stage.weights()["in_flight"] == {}


def test_no_request_fails_while_routes_change_all_the_time(stage, backends):
    old, new = backends
    stage.route(m={old: 100})
    stop = threading.Event()

    def client():
        statuses = Counter()
        while not stop.is_set():
            statuses[stage.post()[0]] += 1
            time.sleep(0.01)
        return statuses

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(client) for _ in range(4)]
        for number in range(20):
            stage.route(m={old: number * 5, new: 100 - number * 5})
        stop.set()
        total = sum((one.result() for one in running), Counter())
    assert set(total) == {200}


def test_a_broken_routes_file_changes_nothing(stage, backends):
    old, _ = backends
    stage.route(m={old: 100})
    for text in ("{", "[]", '{"generation": 9, "models": {"m": [{}]}}'):
        stage.file.write_text(text)
        os.kill(stage.running.process.pid, signal.SIGHUP)
        time.sleep(0.15)
        assert stage.post()[1]["name"] == "old"
        assert stage.weights()["generation"] == 1


def test_a_request_under_way_is_answered_before_the_router_ends(stage, backends):
    old, _ = backends
    stage.route(m={old: 100})
    old.gate.clear()
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(stage.post)
        world.wait_until(lambda: stage.weights()["in_flight"] == {"old": 1}, 10)
        stage.running.send(signal.SIGTERM)
        world.wait_until(lambda: not world.is_open(stage.port), 5)
        old.gate.set()
        assert waiting.result()[0] == 200
    assert stage.running.process.wait(10) == 0
