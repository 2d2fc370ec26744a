from __future__ import annotations

import json
import logging
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from shipway.notify.message import Message
from shipway.spec.environment import Environment
from shipway_airflow.notifications import channels
from shipway_airflow.notifications.channels import deliver

HELLO = Message("promoted", "hmeq serves", "All is well.", "good", (("KS", "0.6"),), model="hmeq")
FILE = {"kind": "file", "audience": "Data Science"}
TEAMS = {"kind": "teams", "audience": "Risk", "connection": "teams_risk"}
MAIL = {"kind": "mail", "audience": "IT", "connection": "smtp_bank", "to": ["it@bank.example", "ops@bank.example"]}


class Mailbox:
    def __init__(self):
        self.letters, self.refusal = [], ""

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
        if self.refusal:
            return self.refusal
        self.letters.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


class Post(Controller):
    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]  # the one that the system chose
        super()._trigger_server()

    def factory(self):
        return SMTP(self.handler, hostname="localhost", enable_SMTPUTF8=True)


@pytest.fixture
def mailbox(monkeypatch):
    box = Mailbox()
    controller = Post(box, hostname="127.0.0.1", port=0)
    controller.start()
    smtp = {"disable_tls": True, "disable_ssl": True, "timeout": 5}
    wire = {"conn_type": "smtp", "host": "127.0.0.1", "port": controller.port, "extra": smtp}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_BANK", json.dumps(wire))
    yield box
    controller.stop()


@pytest.fixture
def teams(workflows, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS_RISK", json.dumps({"conn_type": "teams", "password": workflows.url}))
    return workflows


def environment(tmp_path, *wanted):
    places = [{**channel, "path": str(tmp_path)} if channel["kind"] == "file" else channel for channel in wanted]
    return Environment.model_validate({"name": "test", "stages": [{"name": "production"}], "channels": places})


def test_every_channel_gets_the_message_and_every_result_is_noted(tmp_path, teams, mailbox):
    noted = []
    results = deliver(HELLO, environment(tmp_path, FILE, TEAMS, MAIL), note=noted.append)
    assert results == noted
    assert [(result["channel"], result["audience"], result["ok"], result["error"]) for result in results] == [
        ("file", "Data Science", True, ""),
        ("teams", "Risk", True, ""),
        ("mail", "IT", True, ""),
    ]
    assert len(list(tmp_path.iterdir())) == 2
    assert json.loads(teams.received[0][2])["attachments"][0]["content"]["version"] == "1.4"
    readers, letter = mailbox.letters[0]
    assert readers == ["it@bank.example", "ops@bank.example"]
    assert letter["Subject"] == "hmeq serves"


def test_files_are_whole_named_by_content_and_never_overwritten(tmp_path):
    place = environment(tmp_path, FILE)
    for _ in range(2):
        deliver(HELLO, place, note=lambda result: None)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4
    assert all("-promoted-hmeq-data-science-" in name for name in names)
    card = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert card["attachments"][0]["content"]["body"][0]["items"][0]["text"] == "hmeq serves"
    assert message_from_bytes(next(tmp_path.glob("*.eml")).read_bytes())["To"] == "data-science@localhost"


def test_a_model_name_cannot_leave_the_outbox(tmp_path):
    evil = Message("../../e", "t", "x", model="/etc/passwd\0")
    (result,) = deliver(evil, environment(tmp_path / "outbox", FILE), note=lambda result: None)
    assert result["ok"]
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]


def test_only_concerned_audiences_get_a_message(tmp_path, teams):
    message = Message("promoted", "t", "x", audiences=("Data Science",))
    results = deliver(message, environment(tmp_path, FILE, TEAMS), note=lambda result: None)
    assert [result["channel"] for result in results] == ["file"]
    assert teams.received == []


def test_one_broken_channel_does_not_hold_up_the_others(tmp_path, teams, secret, caplog):
    caplog.set_level(logging.DEBUG)
    teams.script = [(400, secret, {})]
    results = deliver(HELLO, environment(tmp_path, TEAMS, FILE), note=lambda result: None)
    assert [result["ok"] for result in results] == [False, True]
    assert "HTTP status 400" in results[0]["error"]
    assert "HTTP status 400" in caplog.text
    assert secret not in caplog.text + repr(results)


def test_nothing_waits_longer_than_the_deadline(tmp_path, teams):
    teams.script = [(0, "", {})]
    start = time.monotonic()
    results = deliver(HELLO, environment(tmp_path, TEAMS, FILE), note=lambda result: None, seconds=0.4)
    assert time.monotonic() - start < 1.0
    assert [result["ok"] for result in results] == [False, True]


def test_a_channel_that_never_returns_is_left_behind(tmp_path, monkeypatch, teams):
    monkeypatch.setattr("shipway_airflow.notifications.teams.send", lambda *_: teams.released.wait(10))
    start = time.monotonic()
    results = deliver(HELLO, environment(tmp_path, TEAMS, FILE), note=lambda result: None, seconds=0.3)
    assert time.monotonic() - start < 1.0
    assert results[0]["error"] == "not delivered within 0.3 s"
    assert results[1]["ok"]


def test_an_outbox_that_cannot_be_written_is_a_result_and_no_exception(tmp_path):
    (tmp_path / "outbox").write_text("a file where a folder should be")
    (result,) = deliver(HELLO, environment(tmp_path / "outbox", FILE), note=lambda result: None)
    assert result["error"] == "FileExistsError"


def test_a_mail_server_that_refuses_is_named_by_status(tmp_path, mailbox, secret):
    mailbox.refusal = f"554 no {secret}"
    (result,) = deliver(HELLO, environment(tmp_path, MAIL), note=lambda result: None)
    assert "SMTPDataError 554" in result["error"]
    assert secret not in result["error"]


def test_a_missing_mail_server_is_a_result(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_BANK", "smtp://127.0.0.1:9?disable_tls=true&disable_ssl=true")
    (result,) = deliver(HELLO, environment(tmp_path, MAIL), note=lambda result: None)
    assert "ConnectionRefusedError" in result["error"]
    assert "'smtp_bank'" in result["error"]


def test_a_note_that_fails_fails_nothing(tmp_path, caplog):
    def note(result):
        raise RuntimeError("records are down")

    assert deliver(HELLO, environment(tmp_path, FILE), note=note)[0]["ok"]
    assert "could not be noted (RuntimeError)" in caplog.text
    assert "records are down" not in caplog.text


def test_an_environment_without_channels_says_nothing(tmp_path):
    assert deliver(HELLO, environment(tmp_path), note=lambda result: None) == []


def test_every_kind_of_channel_of_the_environment_has_its_module():
    folder = Path(channels.__file__).parent
    assert all((folder / f"{name.rpartition('.')[2]}.py").is_file() for name in channels.KINDS.values())
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in channel_models()}
    assert kinds == set(channels.KINDS)


def channel_models():
    union = Environment.model_fields["channels"].annotation.__args__[0]
    return union.__origin__.__args__ if hasattr(union, "__origin__") else union.__args__


def test_a_kind_that_cannot_be_loaded_takes_away_its_own_channels_only(tmp_path, monkeypatch, teams):
    monkeypatch.setitem(channels.KINDS, "teams", "shipway_airflow.notifications.pigeon")
    results = deliver(HELLO, environment(tmp_path, TEAMS, FILE), note=lambda result: None)
    assert [result["ok"] for result in results] == [False, True]
    assert "cannot be loaded (ModuleNotFoundError)" in results[0]["error"]
