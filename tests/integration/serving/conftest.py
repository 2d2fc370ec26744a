import json
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from integration.serving import world

GOLDEN = [
    {"instance": {"LOAN": 1.0, "DEBTINC": 2.5, "JOB": "Mgr"}, "score": 0.62},
    {"instance": {"LOAN": None}, "score": 0.5},
]


@pytest.fixture(scope="session")
def saved_model():
    return world.saved_models()[0]


@pytest.fixture(scope="session")
def model_server(saved_model, tmp_path_factory):
    """Port of a real model server for model hmeq, version 7."""
    port = world.free_port()
    arguments = ("--model", "hmeq", "--version", 7, "--directory", saved_model, "--port", port)
    log = tmp_path_factory.mktemp("server") / "log"
    with world.Running(log, "shipway.serving.model_server", *arguments) as server:
        server.until_open(port)
        yield port


@dataclass
class GatewayUnderTest:
    port: int
    running: world.Running

    def predict(self, body, headers=None, timeout=30):
        return world.ask(self.port, "POST", "/v1/models/hmeq:predict", body, headers, timeout)

    def health(self):
        return world.ask(self.port, "GET", "/healthz")


@contextmanager
def running_gateway(folder, upstream_port, url, **options):
    port = world.free_port()
    (folder / "golden.json").write_text(json.dumps(GOLDEN))
    config = {
        "model": "hmeq", "version": 7, "content_digest": "sha256:c", "image_digest": "sha256:i", "release": "hmeq-r1",
        "stage": "production", "upstream": f"http://127.0.0.1:{upstream_port}", "port": port,
        "golden": str(folder / "golden.json"), **options,
    }  # fmt: skip
    (folder / "gateway.json").write_text(json.dumps(config))
    arguments = ("shipway.serving.gateway", "--config", folder / "gateway.json")
    with world.Running(folder / "gateway.log", *arguments, env={"SHIPWAY_GATEWAY_URL": url}) as running:
        running.until_open(port)
        yield GatewayUnderTest(port, running)


@pytest.fixture
def gateway(tmp_path, model_server, records_url):
    with running_gateway(tmp_path, model_server, records_url("shipway_gateway")) as running:
        yield running


@pytest.fixture
def rows(records):
    """Read the scoring log."""

    def read():
        with records.transaction() as connection:
            return connection.execute("SELECT * FROM shipway.scoring_log ORDER BY scored_at").fetchall()

    return read
