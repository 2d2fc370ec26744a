from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from shipway_airflow.notifications.shipway import ShipwayNotifier


@pytest.fixture
def outbox(tmp_path, monkeypatch):
    file = tmp_path / "environment.yaml"
    file.write_text("name: t\nstages: [{name: production}]\nchannels: [{kind: file, audience: IT, path: outbox}]\n")
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(file))
    monkeypatch.setenv("SHIPWAY_HOME", str(tmp_path))
    return tmp_path / "outbox"


def context():
    task = SimpleNamespace(task_id="build", run_id="manual__1", log_url="https://airflow/log")
    return {"ti": task, "run_id": "manual__1", "reason": "no room"}


def content(outbox):
    (file,) = outbox.glob("*.json")
    return json.loads(file.read_text())["attachments"][0]["content"]


def test_a_callback_sends_its_rendered_title_with_task_and_log(outbox):
    ShipwayNotifier(title="{{ ti.task_id }} failed", text="Because: {{ reason }}.", model="hmeq")(context())
    body = content(outbox)["body"]
    assert body[0]["items"][0]["text"] == "build failed"
    assert body[1]["text"] == "Because: no room."
    assert body[2]["facts"] == [{"title": "Task", "value": "build"}]
    assert content(outbox)["actions"][0]["url"] == "https://airflow/log"


def test_the_triggerer_can_await_it(outbox):
    async def run():
        await ShipwayNotifier(title="Late", text="A deadline has passed.", context={})

    asyncio.run(run())
    assert content(outbox)["body"][0]["items"][0]["text"] == "Late"


def test_a_broken_environment_does_not_fail_the_callback(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(tmp_path / "missing.yaml"))
    ShipwayNotifier(title="x")(context())
