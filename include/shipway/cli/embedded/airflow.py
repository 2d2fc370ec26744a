"""Airflow of the embedded default: its environment, its users, its components."""

from __future__ import annotations

import json
import os
import secrets
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
import yaml

from shipway.cli.embedded.processes import Processes, wait_until
from shipway.errors import ShipwayError

#: Users of the demo and their roles in Airflow's SimpleAuthManager. ``user`` is the least that triggers and answers.
USERS = {"admin": "admin", "scientist": "user", "operator": "user", "validator": "user", "risk": "viewer"}
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
#: Seconds that Airflow may take until all components report healthy.
START_SECONDS = 180.0


class EmbeddedAirflow:
    """Airflow on loopback, below one home folder.

    :param project: the checkout, with ``dags``, ``plugins`` and ``include``.
    :param home: folder of this installation (``var``).
    :param metadata_url: libpq URL of Airflow's own database.
    :param port: port of the API server.
    :param variables: further environment variables for every component.
    """

    def __init__(self, *, project: Path, home: Path, metadata_url: str, port: int, variables: dict[str, str]) -> None:
        self._project = project
        self._home = home
        self._metadata_url = metadata_url
        self._variables = variables
        self.port = port

    @property
    def url(self) -> str:
        """Base URL of the UI and the REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self._home / "airflow"

    def passwords(self) -> dict[str, str]:
        """Return the users' passwords, made on first use and readable by the owner only."""
        made = self._secret_file("passwords.json", lambda: json.dumps({user: _password() for user in USERS}))
        passwords: dict[str, str] = json.loads(made)
        return passwords

    def environment(self) -> dict[str, str]:
        """Return the environment of every Airflow process."""
        project = self._project
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode each start costs seconds
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{project / 'include'}{os.pathsep}{project / 'plugins'}",
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONFIG": str(project / "include" / "config" / "airflow.cfg"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": self._secret_file("fernet", _fernet_key),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._metadata_url.replace(
                "postgresql://", "postgresql+psycopg2://"
            ),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": self._secret_file("secret_key", _key),
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret_file("jwt_secret", _key),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            **self._variables,
        }

    def prepare(self) -> None:
        """Migrate the metadata database and load ``airflow_settings.yaml`` into it.

        :raises ShipwayError: when a command of Airflow fails; the message ends with what it printed.
        """
        self.passwords()
        self._command("db", "migrate")
        settings = read_settings(self._project / "airflow_settings.yaml", self.environment())
        for kind, content in settings.items():
            if content:
                file = self.folder / f"{kind}.json"
                file.write_text(json.dumps(content))
                self._command(kind, "import", str(file), *(["--overwrite"] if kind == "connections" else []))

    def start(self, processes: Processes) -> None:
        """Start all components."""
        environment = self.environment()
        for component in COMPONENTS:
            processes.start(component, [sys.executable, "-m", "airflow", component], environment)

    def wait(self, processes: Processes, seconds: float = START_SECONDS) -> None:
        """Wait until every component is healthy.

        :raises ShipwayError: naming the component that ended or is not healthy, and its log.
        """
        wait_until(lambda: self._dead(processes) or not self._unhealthy(), seconds)
        dead, unhealthy = self._dead(processes), self._unhealthy()
        if dead or unhealthy:
            raise ShipwayError(
                f"Airflow did not start: {', '.join(dead or unhealthy)}.",
                hint=f"Read {processes.logs}/{(dead or unhealthy)[0]}.log.",
            )

    def _dead(self, processes: Processes) -> list[str]:
        return [component for component in COMPONENTS if processes.find(component) is None]

    def _unhealthy(self) -> list[str]:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return ["api-server"]
        names = {"scheduler": "scheduler", "dag_processor": "dag-processor", "triggerer": "triggerer"}
        return [name for key, name in names.items() if health[key]["status"] != "healthy"]

    def _command(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise ShipwayError(f"`airflow {' '.join(arguments)}` failed.", hint=(done.stderr or done.stdout)[-2000:])

    def _secret_file(self, name: str, make: Any) -> str:
        file = self.folder / name
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
                stream.write(make())
        return file.read_text()


def read_settings(file: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Read ``airflow_settings.yaml`` (Astro's format) into what Airflow's import commands take.

    :param variables: values for ``${NAME}`` in the file.
    :returns: ``connections``, ``pools`` and ``variables``, each by name.
    """
    text = string.Template(file.read_text()).safe_substitute(variables)
    content = yaml.safe_load(text)["airflow"]
    connections = {
        one["conn_id"]: {key.removeprefix("conn_"): value for key, value in one.items() if value and key != "conn_id"}
        for one in content.get("connections") or []
    }
    for connection in connections.values():
        connection["port"] = int(connection["port"]) if connection.get("port") else None
    pools = {
        one["pool_name"]: {"slots": one["pool_slot"], "description": one["pool_description"], "include_deferred": False}
        for one in content.get("pools") or []
    }
    values = {one["variable_name"]: one["variable_value"] for one in content.get("variables") or []}
    return {
        "connections": {
            name: {
                "conn_type": one["type"],
                **{key: one.get(key) for key in ("host", "login", "password", "schema", "port", "extra")},
            }
            for name, one in connections.items()
        },
        "pools": pools,
        "variables": values,
    }


def _key() -> str:
    return secrets.token_urlsafe(32)


def _password() -> str:
    return secrets.token_urlsafe(9)


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
