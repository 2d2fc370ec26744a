import contextlib
import http.client
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from integration.serving import world
from integration.serving.conftest import running_gateway

pytestmark = pytest.mark.slow


class Line:
    """A TCP line to PostgreSQL's socket that can be cut, mended, or made silent."""

    def __init__(self, server_socket):
        self._target = server_socket
        self._listener = None
        self._pairs = []
        self.silent = threading.Event()
        self.port = world.free_port()
        self.mend()

    def mend(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._pairs.clear()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._pairs += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.silent.is_set():
                    time.sleep(0.05)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(records_url):
    """A line, and the address of the gateway's role over it."""
    parts = urlsplit(records_url("shipway_gateway"))
    query = parse_qs(parts.query)
    one = Line(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    yield one, f"postgresql://shipway_gateway@127.0.0.1:{one.port}{parts.path}?sslmode=disable"
    one.cut()


def body(entity, **more):
    return {"instances": [{"ENTITY": entity, "LOAN": 10, **more}]}


def test_without_database_there_is_no_score_and_it_recovers_by_itself(tmp_path, model_server, line, rows):
    wire, url = line
    with running_gateway(tmp_path, model_server, url) as gateway:
        assert gateway.predict(body("a"))[0] == 200
        wire.cut()
        status, answer, _ = gateway.predict(body("b", KEY="kb"))
        assert (status, "scoring log" in answer["error"]) == (503, True)
        assert gateway.health()[:2] == (
            503,
            {"release": "hmeq-r1", "gateway": True, "upstream": True, "database": False},
        )
        time.sleep(5)  # longer than the pool tries by itself
        wire.mend()
        world.wait_until(lambda: gateway.predict(body("b", KEY="kb"))[0] == 200, 10)
        assert [row["entity"] for row in rows()] == ["a", "b"]
        assert "postgresql://" not in gateway.running.text()


def test_a_silent_database_is_given_up_after_seconds(tmp_path, model_server, line, rows):
    wire, url = line
    with running_gateway(tmp_path, model_server, url) as gateway:
        assert gateway.predict(body("a"))[0] == 200
        wire.silent.set()
        start = time.monotonic()
        with ThreadPoolExecutor(12) as clients:  # more than the pool has connections
            statuses = list(clients.map(lambda index: gateway.predict(body(f"s{index}"))[0], range(12)))
        assert statuses == [503] * 12
        assert time.monotonic() - start < 8
        wire.silent.clear()
        world.wait_until(lambda: gateway.predict(body("z", KEY="kz"))[0] == 200, 15)
        assert [row["entity"] for row in rows() if row["key"] == "kz"] == ["z"]


def test_a_gateway_starts_without_its_database_and_without_its_model(tmp_path, line, model_server):
    wire, url = line
    wire.cut()
    try:
        with running_gateway(tmp_path, world.free_port(), url) as gateway:
            assert gateway.health()[1] == {"release": "hmeq-r1", "gateway": True, "upstream": False, "database": False}
            status, answer, _ = gateway.predict(body("a"))
            assert (status, "model server" in answer["error"]) == (503, True)
    finally:
        wire.mend()


def test_a_missing_right_is_no_internal_error(tmp_path, model_server, records_url):
    with running_gateway(tmp_path, model_server, records_url("shipway_page")) as gateway:
        status, answer, _ = gateway.predict(body("a"))
        assert (status, "InsufficientPrivilege" in answer["error"]) == (503, True)


def test_every_answered_score_is_in_the_log_once_while_the_gateway_ends(tmp_path, model_server, records_url, rows):
    answered, refused = [], []
    with running_gateway(tmp_path, model_server, records_url("shipway_gateway")) as gateway:
        stop = threading.Event()

        def client(number):
            for index in range(10_000):
                if stop.is_set():
                    return
                try:
                    status, answer, _ = gateway.predict(body(f"{number}-{index}"), timeout=20)
                except (OSError, http.client.HTTPException):
                    refused.append(number)
                    return
                assert status == 200, answer
                answered.append((answer["shipway"]["ids"][0], answer["predictions"][0]))

        with ThreadPoolExecutor(8) as clients:
            running = [clients.submit(client, number) for number in range(8)]
            world.wait_until(lambda: len(answered) > 100, 60)
            gateway.running.send(signal.SIGTERM)
            assert gateway.running.process.wait(15) == 0
            stop.set()
            for one in running:
                one.result()
    logged = [(str(row["id"]), row["score"]) for row in rows()]
    assert len(answered) > 100
    assert set(answered) <= set(logged)
    assert len(set(logged)) == len(logged)
    assert len(logged) == len(answered)  # requests under way were answered, not only written


def test_racing_requests_with_one_key_get_one_answer(gateway, rows):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda loan: gateway.predict(body("r", KEY="same", LOAN=loan)), range(16)))
    assert {status for status, _, _ in answers} == {200}
    (row,) = rows()
    assert {answer["predictions"][0] for _, answer, _ in answers} == {row["score"]}
    assert sum(not answer["shipway"]["repeated"][0] for _, answer, _ in answers) == 1


def test_a_key_twice_in_one_request_gets_the_first_answer(gateway, rows):
    same = [{"ENTITY": "e", "KEY": "k", "LOAN": 1}, {"ENTITY": "e", "KEY": "k", "LOAN": 900}]
    answer = gateway.predict({"instances": same})[1]
    (row,) = rows()
    assert answer["predictions"] == [row["score"]] * 2
    assert answer["shipway"]["repeated"] == [False, True]


def test_the_log_of_a_gateway_holds_no_address(gateway, records_url):
    with psycopg.connect(records_url("shipway_gateway")) as _:
        pass
    assert gateway.predict(body("a"))[0] == 200
    assert "shipway_gateway@" not in gateway.running.text()
