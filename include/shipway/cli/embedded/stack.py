"""Start and stop the embedded default as a whole: ``make up`` and ``make stop``."""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shipway.cli.embedded.airflow import COMPONENTS, EmbeddedAirflow
from shipway.cli.embedded.processes import Processes, free_port, wait_until
from shipway.errors import ShipwayError
from shipway.spec.environment import Environment
from shipway.spec.reading import ENVIRONMENT_VARIABLE, HOME_VARIABLE, MODELS_VARIABLE, read_environment

_SUPERVISOR_SECONDS = 30.0


@dataclass(frozen=True)
class Ports:
    """Wanted loopback ports; a busy one is replaced by a free one."""

    airflow: int = 8080
    router: int = 8500


class Stack:
    """PostgreSQL, Airflow and one supervisor per stage, below the environment's home.

    :param project: the checkout.
    :param ports: wanted ports.
    :param say: gets one line for every step.
    :param variables: further variables of Airflow's processes.
    """

    def __init__(
        self,
        project: Path,
        *,
        ports: Ports | None = None,
        say: Callable[[str], None] = print,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.project = project
        self.environment: Environment = read_environment()
        self.home = self.environment.path("var")
        self.processes = Processes(self.home)
        self._ports = ports or Ports()
        self._say = say
        self._variables = variables or {}

    def up(self) -> EmbeddedAirflow:
        """Start everything that does not run yet; again: nothing changes.

        :raises ShipwayError: naming what did not start, and its log.
        """
        from shipway.records import embedded, migrate

        self.home.mkdir(parents=True, exist_ok=True)
        postgres = self._postgres()
        self._say("starting PostgreSQL")
        admin = embedded.start(postgres)
        migrate.migrate(admin)
        airflow = self.airflow()
        self.start_airflow(airflow)
        self._start_supervisors()
        airflow.wait(self.processes)
        return airflow

    def start_airflow(self, airflow: EmbeddedAirflow) -> None:
        """Start what does not run of Airflow; its database is prepared only while nobody uses it.

        :param airflow: the one to start.
        """
        dead = [name for name in COMPONENTS if self.processes.find(name) is None]
        if len(dead) == len(COMPONENTS):
            self._say("preparing Airflow's database")
            airflow.prepare()
        if dead:
            self._say(f"starting Airflow on {airflow.url}: {', '.join(dead)}")
            airflow.start(self.processes)

    def down(self) -> list[str]:
        """Stop everything that :meth:`up` started.

        :returns: the names of what was stopped.
        """
        from shipway.records import embedded

        stopped = [name for name in reversed(self.processes.names()) if self.processes.find(name)]
        for name in reversed(self.processes.names()):
            self._say(f"stopping {name}")
            self.processes.stop(name)
        if self._postgres().exists():
            self._say("stopping PostgreSQL")
            embedded.stop(self._postgres())
        return stopped

    def airflow(self) -> EmbeddedAirflow:
        """Return Airflow with its settings, running or not."""
        from shipway.records import embedded

        records = urllib.parse.urlsplit(embedded.url(self._postgres(), "shipway_tasks", "shipway"))
        host = urllib.parse.parse_qs(records.query).get("host", [records.hostname or ""])[0]
        return EmbeddedAirflow(
            project=self.project,
            home=self.home,
            metadata_url=embedded.url(self._postgres(), "postgres", "airflow"),
            port=self._port("airflow", self._ports.airflow),
            variables={
                **self._own_variables(),
                "SHIPWAY_RECORDS_HOST": host,
                "SHIPWAY_RECORDS_PORT": str(records.port or 5432),
                **self._variables,
            },
        )

    def _start_supervisors(self) -> None:
        from shipway.records import embedded

        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            **self._own_variables(),
            "PYTHONPATH": str(self.project / "include"),
            "SHIPWAY_GATEWAY_URL": embedded.url(self._postgres(), "shipway_gateway", "shipway"),
        }
        for number, stage in enumerate(self.environment.stages):
            folder = self.environment.path(stage.target.path)
            port = self._port(f"router-{stage.name}", self._ports.router + number)
            self._say(f"starting the supervisor of {stage.name}, router on http://127.0.0.1:{port}")
            command = [sys.executable, "-m", "shipway.target.local.supervisor", "--home", str(folder)]
            command += ["--stage", stage.name, "--router-port", str(port)]
            self.processes.start(f"supervisor-{stage.name}", command, environment)
        self._wait_for_supervisors()

    def _wait_for_supervisors(self) -> None:
        from shipway.target.opening import open_target

        for stage in self.environment.stages:
            target = open_target(self.environment, stage.name)

            def answers(target: object = target) -> bool:
                try:
                    return bool(target.observe("none").endpoint)  # type: ignore[attr-defined]
                except ShipwayError:
                    return False

            if not wait_until(answers, _SUPERVISOR_SECONDS):
                log = self.processes.logs / f"supervisor-{stage.name}.log"
                raise ShipwayError(f"The supervisor of {stage.name} did not start.", hint=f"Read {log}.")

    def _own_variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in (ENVIRONMENT_VARIABLE, MODELS_VARIABLE) if name in os.environ}
        return {**kept, HOME_VARIABLE: str(self.environment.home)}

    def _postgres(self) -> Path:
        return self.environment.path(self.environment.records.embedded or "var/postgres")

    def _port(self, name: str, wanted: int) -> int:
        """Return the port that was used before, so that a second ``up`` finds the first; else a free one."""
        kept = self.home / "run" / f"{name}.port"
        if kept.exists() and self.processes.names():
            return int(kept.read_text())
        kept.parent.mkdir(parents=True, exist_ok=True)
        port = free_port(wanted)
        if port != wanted:
            self._say(f"port {wanted} is busy, taking {port}")
        kept.write_text(str(port))
        return port
