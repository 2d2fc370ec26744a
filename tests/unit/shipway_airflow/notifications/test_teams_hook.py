from __future__ import annotations

import json
import logging
import socket
import time
import traceback

import pytest

from shipway.errors import NotifyError
from shipway_airflow.hooks.teams import TeamsHook

PAYLOAD = {"type": "message", "attachments": []}
OK, BUSY, BROKEN = (202, "", {}), (429, "slow down", {}), (503, "", {})


@pytest.fixture
def hook(workflows, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS_RISK", json.dumps({"conn_type": "teams", "password": workflows.url}))
    return TeamsHook("teams_risk", budget=2.0)


def failure(hook):
    with pytest.raises(NotifyError) as caught:
        hook.send(PAYLOAD)
    return caught.value


def test_an_accepted_message_is_sent_once_and_whole(hook, workflows):
    hook.send(PAYLOAD)
    assert [json.loads(body) for _, _, body in workflows.received] == [PAYLOAD]


@pytest.mark.parametrize("script", [[BUSY, OK], [BROKEN, BROKEN, OK]])
def test_throttling_and_illness_are_waited_out(hook, workflows, script):
    workflows.script = script
    hook.send(PAYLOAD)
    assert len(workflows.received) == len(script)


def test_a_wait_that_teams_asks_for_is_kept(hook, workflows):
    workflows.script = [(429, "", {"Retry-After": "1"}), OK]
    hook.send(PAYLOAD)
    assert workflows.received[1][0] - workflows.received[0][0] >= 1.0


def test_throttling_hidden_in_a_good_answer_is_seen(hook, workflows):
    workflows.script = [(200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId 1", {}), OK]
    hook.send(PAYLOAD)
    assert len(workflows.received) == 2


def test_a_refusal_is_final_and_says_its_status(hook, workflows):
    workflows.script = [(400, "bad card", {})]
    error = failure(hook)
    assert error.data == {"status": 400, "connection": "teams_risk"}
    assert "HTTP status 400" in str(error)
    assert len(workflows.received) == 1


def test_lasting_illness_ends_within_the_budget(hook, workflows):
    workflows.script = [(500, "", {})]
    start = time.monotonic()
    assert failure(hook).data["status"] == 500
    assert time.monotonic() - start < 2.5
    assert len(workflows.received) > 2


def test_a_webhook_that_hangs_is_given_up(workflows, hook):
    workflows.script = [(0, "", {})]
    hook.budget = 0.3
    start = time.monotonic()
    assert "no answer in time" in str(failure(hook))
    assert time.monotonic() - start < 1.5


def test_an_address_that_leads_elsewhere_is_no_success(hook, workflows):
    workflows.script = [(302, "", {"Location": "/signin"})]
    assert "led elsewhere" in str(failure(hook))


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_webhook_that_refuses_the_connection_is_named_by_its_connection_only(monkeypatch, secret):
    url = f"http://127.0.0.1:{closed_port()}/x?sig={secret}"
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS_RISK", json.dumps({"conn_type": "teams", "password": url}))
    error = failure(TeamsHook("teams_risk", budget=1.0))
    assert "no connection" in str(error)
    assert "teams_risk" in str(error)


@pytest.mark.parametrize("script", [(202, "", {}), (400, "no", {}), (500, "", {}), (0, "", {})])
def test_the_address_is_in_no_log_no_exception_and_no_traceback(hook, workflows, secret, caplog, script):
    caplog.set_level(logging.DEBUG)
    workflows.script = [script]
    hook.budget = 0.5
    caught = None
    try:
        hook.send(PAYLOAD)
    except NotifyError as error:
        caught = error
    shown = "".join(traceback.TracebackException.from_exception(caught).format()) if caught else ""
    assert secret not in shown + repr(caught) + repr(getattr(caught, "data", ""))
    assert getattr(caught, "__context__", None) is None
    assert workflows.received
    assert secret not in caplog.text


def test_other_requests_of_the_process_are_still_logged(workflows, caplog):
    import requests

    caplog.set_level(logging.DEBUG)
    requests.post(workflows.url.split("?")[0], data="x", timeout=5)
    assert "/workflows/abc" in caplog.text


def test_host_and_path_of_a_connection_make_the_address_too(workflows, monkeypatch):
    host, path = workflows.url.split("/workflows")
    wire = {"conn_type": "teams", "host": host, "extra": {"path": f"/workflows{path}"}}
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS_RISK", json.dumps(wire))
    TeamsHook("teams_risk").send(PAYLOAD)
    assert workflows.received[0][1] == f"/workflows{path}"


def test_a_missing_connection_is_named():
    assert "'teams_nowhere' has no webhook (AirflowNotFoundException)" in str(failure(TeamsHook("teams_nowhere")))


def test_a_password_that_is_no_address_is_not_shown(monkeypatch, secret):
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS_RISK", json.dumps({"conn_type": "teams", "password": secret}))
    error = failure(TeamsHook("teams_risk"))
    assert "no URL" in str(error)
    assert secret not in str(error)
