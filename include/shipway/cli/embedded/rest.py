"""The few calls of Airflow's REST API that the demo and the tests make, as one user."""

from __future__ import annotations

import time
from typing import Any

import requests

from shipway.errors import ShipwayError

_DONE = ("success", "failed")


class AirflowApi:
    """Airflow's REST API (``/api/v2``) as one user.

    :param url: base URL of the API server.
    :param user: user name.
    :param password: the user's password; kept only for renewing the token.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._session = requests.Session()

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Make a call below ``/api/v2`` and return its answer whatever its status; an expired token is renewed."""
        if "Authorization" not in self._session.headers:
            self._log_in()
        answer = self._session.request(method, f"{self._url}/api/v2{path}", timeout=30, **arguments)
        if answer.status_code == requests.codes.unauthorized:
            self._log_in()
            answer = self._session.request(method, f"{self._url}/api/v2{path}", timeout=30, **arguments)
        return answer

    def get(self, path: str, **arguments: Any) -> Any:
        """Return the JSON of a GET.

        :raises ShipwayError: for any status but 200.
        """
        answer = self.call("GET", path, **arguments)
        if not answer.ok:
            raise ShipwayError(f"Airflow answered {answer.status_code} to GET {path}: {answer.text[:300]}")
        return answer.json()

    def trigger(self, dag: str, conf: dict[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run and return its id.

        :raises ShipwayError: when Airflow refuses.
        """
        body = {"logical_date": None, "conf": conf or {}, **({"dag_run_id": run_id} if run_id else {})}
        answer = self.call("POST", f"/dags/{dag}/dagRuns", json=body)
        if not answer.ok:
            raise ShipwayError(f"Airflow did not start {dag}: {answer.status_code} {answer.text[:300]}")
        started: str = answer.json()["dag_run_id"]
        return started

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return all runs of a DAG, oldest first."""
        runs: list[dict[str, Any]] = self.get(f"/dags/{dag}/dagRuns", params={"limit": 100, "order_by": "id"})[
            "dag_runs"
        ]
        return runs

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        run: dict[str, Any] = self.get(f"/dags/{dag}/dagRuns/{run_id}")
        return run

    def tasks(self, dag: str, run_id: str) -> dict[str, str | None]:
        """Return task id → state of a run."""
        found = self.get(f"/dags/{dag}/dagRuns/{run_id}/taskInstances", params={"limit": 100})["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def wait(self, dag: str, run_id: str, seconds: float) -> str:
        """Wait for the end of a run and return its state.

        :raises ShipwayError: when it takes longer.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state: str = self.run(dag, run_id)["state"]
            if state in _DONE:
                return state
            time.sleep(0.5)
        raise ShipwayError(f"{dag} {run_id} did not end within {seconds:.0f} s: {self.tasks(dag, run_id)}")

    def wait_task(self, dag: str, run_id: str, task: str, states: set[str], seconds: float) -> str | None:
        """Wait until a task is in one of the states, or its run has ended; return its state then."""
        deadline = time.monotonic() + seconds
        state = None
        while time.monotonic() < deadline:
            state = self.tasks(dag, run_id).get(task)
            if state in states or self.run(dag, run_id)["state"] in _DONE:
                return state
            time.sleep(0.5)
        raise ShipwayError(
            f"{dag} {run_id}: {task} is {state}, not {', '.join(sorted(states))}, after {seconds:.0f} s."
        )

    def wait_dag(self, dag: str, seconds: float) -> None:
        """Wait until the DAG processor has found a DAG.

        :raises ShipwayError: with the import errors that Airflow reports.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.call("GET", f"/dags/{dag}").ok:
                return
            time.sleep(0.5)
        raise ShipwayError(f"Airflow has not found {dag}: {self.get('/importErrors')['import_errors']}")

    def answer(self, dag: str, run_id: str, task: str, *, option: str, reason: str) -> requests.Response:
        """Answer an approval; 403 for somebody who is not asked, 409 when it was answered already."""
        path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
        return self.call("PATCH", path, json={"chosen_options": [option], "params_input": {"reason": reason}})

    def xcom(self, dag: str, run_id: str, task: str, key: str = "return_value") -> Any:
        """Return an XCom as JSON, or None."""
        answer = self.call("GET", f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/{key}")
        return answer.json()["value"] if answer.ok else None

    def log(self, dag: str, run_id: str, task: str, attempt: int = 1) -> str:
        """Return a task's log, one line of JSON for each event."""
        path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        return self.call("GET", path, headers={"Accept": "application/x-ndjson"}).text

    def _log_in(self) -> None:
        answer = requests.post(
            f"{self._url}/auth/token", json={"username": self._user, "password": self._password}, timeout=30
        )
        if not answer.ok:
            raise ShipwayError(f"Airflow refused the user {self._user} ({answer.status_code}).")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
