"""The world of the end-to-end tests: the stack, REST clients, models and planted secrets."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shipway import api, child
from shipway.cli.embedded.rest import AirflowApi
from shipway.cli.embedded.stack import Ports, Stack

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
MODEL = "credit"
APPROVE = "production.approve"
SECRETS = {"teams": "planted-teams-signature", "smtp": "planted-smtp-password", "records": "planted-records-password"}
SETTINGS = {
    # A killed worker is noticed within seconds instead of minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_DETECTION_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
}
ENVIRONMENT = """
name: tests
records: {{connection: shipway_records, embedded: var/postgres}}
stages:
  - name: production
    approval: {{approvers: [validator, scientist], timeout_seconds: 40}}
channels:
  - {{kind: file, audience: Data Science}}
  - {{kind: teams, audience: IT, connection: teams_it}}
  - {{kind: mail, audience: IT, connection: smtp_dead, to: [it@bank.example]}}
"""
VARIANTS = {
    "steeper": {"income": 4.0, "south": 0.0, "bias": -2.5},
    "flatter": {"income": 1.0, "south": 0.0, "bias": -1.0},
    "other_names": {"income": 1.0, "south": 0.0, "bias": -1.0, "names": ["EARNINGS", "REGION"]},
}


class World:
    """Everything a test needs: the stack, REST clients, and the folder of made SavedModels."""

    def __init__(self, home: Path, teams: "Workflows") -> None:
        self.home = home
        self.teams = teams
        self.made = home / "made"
        self.kill_points = home / "kill_points"
        self.kill_points.mkdir()
        self.stack = Stack(
            PROJECT,
            ports=Ports(0, 0),
            say=lambda line: None,
            variables={**SETTINGS, "SHIPWAY_KILL_POINTS": str(self.kill_points), **self._connections()},
        )

    def start(self) -> None:
        self.airflow = self.stack.up()
        passwords = self.airflow.passwords()
        self.as_user = {user: AirflowApi(self.airflow.url, user, passwords[user]) for user in passwords}
        self.operator = self.as_user["operator"]
        # PostgreSQL trusts its own machine and ignores the password, but it travels through every task.
        planted = {"connection_id": "shipway_records", "conn_type": "postgres", "password": SECRETS["records"]}
        path = "/connections/shipway_records"
        answer = self.as_user["admin"].call("PATCH", path, params={"update_mask": "password"}, json=planted)
        assert answer.ok, answer.text
        self.url = api.endpoint_of(MODEL)

    def release(self, conf: dict, *, answer: str | None = "Approve", by: str = "validator", run_id=None) -> str:
        """Start a release, answer its approval, and return the run's id without waiting for its end."""
        run = self.operator.trigger(f"{MODEL}_release", conf, run_id)
        if answer:
            self.answer(run, answer, by=by)
        return run

    def parked(self, run: str) -> str | None:
        return self.operator.wait_task(f"{MODEL}_release", run, APPROVE, {"awaiting_input"}, 120)

    def answer(self, run: str, option: str, *, by: str = "validator", reason: str = "tested"):
        assert self.parked(run) == "awaiting_input", self.tasks(run)
        time.sleep(4)  # Airflow may lose an answer that comes sooner
        answer = self.as_user[by].answer(f"{MODEL}_release", run, APPROVE, option=option, reason=reason)
        assert answer.ok, answer.text
        return answer

    def end(self, run: str, workflow: str = "release", seconds: float = 240) -> str:
        return self.operator.wait(f"{MODEL}_{workflow}", run, seconds)

    def tasks(self, run: str, workflow: str = "release") -> dict:
        return self.operator.tasks(f"{MODEL}_{workflow}", run)

    def xcom(self, run: str, task: str, key: str = "return_value", workflow: str = "release"):
        return self.operator.xcom(f"{MODEL}_{workflow}", run, task, key)

    def log(self, run: str, task: str, attempt: int = 1, workflow: str = "release") -> str:
        return self.operator.log(f"{MODEL}_{workflow}", run, task, attempt)

    def served(self) -> dict:
        """The one release that gets traffic, as the target sees it."""
        found = api.status(MODEL)["stages"]["production"]
        served = [one for one in found["releases"] if one["weight"]]
        assert len(served) == 1, found
        assert served[0]["weight"] == 100
        assert served[0]["release"] == found["intended"]
        return served[0]

    def register(self, variant: str, *, by: str = "scientist") -> int:
        return api.register(MODEL, self.made / variant, by=by, metrics={"ks": 0.5}).version

    def _connections(self) -> dict[str, str]:
        port = self.teams.port
        teams = {"conn_type": "teams", "password": f"http://127.0.0.1:{port}/flow?sig={SECRETS['teams']}"}
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "login": "it", "password": SECRETS["smtp"]}
        smtp["extra"] = {"disable_ssl": True, "retry_limit": 1, "timeout": 2}
        return {
            "AIRFLOW_CONN_TEAMS_IT": json.dumps(teams),
            "AIRFLOW_CONN_SMTP_DEAD": json.dumps(smtp),
        }


def make_models(folder: Path) -> None:
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(HERE / "models" / MODEL / "train.py"), str(folder), json.dumps(VARIANTS)],
        env=child.environment(),
        check=True,
        capture_output=True,
        timeout=120,
    )


def development_data(file: Path) -> None:
    """600 applicants whose income tells bads from goods (KS 0.7), and whose region says nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = ["APPLICANT,INCOME,REGION,BAD"]
    for number in range(600):
        bad = number % 3 == 0
        income = (number // 3 % 200) / 200 + (0.7 if bad else 0.0)
        rows.append(f"D{number:05},{income:.4f},{'south' if number % 2 else 'north'},{int(bad)}")
    file.write_text("\n".join(rows) + "\n")


class Workflows:
    """Plays the Teams Workflows webhook on loopback."""

    def __init__(self) -> None:
        self.cards = cards = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                cards.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
