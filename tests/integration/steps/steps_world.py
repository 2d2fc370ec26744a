"""A home with registry, records, images and target; its tasks run as processes of their own."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest import mock

import psycopg
from integration.serving.world import wait_until
from psycopg.rows import dict_row

from shipway import child
from shipway.errors import ShipwayError
from shipway.spec.reading import read_environment, read_model
from shipway.steps.rooms import Rooms
from shipway.target.local.places import read_json

MODEL = "credit"
STAGE = "production"
TESTS = Path(__file__).parents[2]
MODELS = TESTS / "e2e" / "models"
ENVIRONMENT = """
name: steps
stages:
  - name: production
    approval: {approvers: [validator, scientist], timeout_seconds: 60}
"""
YES, NO = "Approve", "Reject"
ALIASES = ("champion", "challenger")
_ROWS = {
    "events": "SELECT DISTINCT release, event, run_id FROM shipway.release_event ORDER BY 1, 2, 3",
    "releases": "SELECT id, version, content_digest, image_digest, spec_digest FROM shipway.release ORDER BY id",
    "approvals": "SELECT release, decision, responder, reason, responded_at, evidence_digest, run_id"
    " FROM shipway.approval ORDER BY responded_at, release",
    "leases": "SELECT stage, holder FROM shipway.lease WHERE expires_at > clock_timestamp() ORDER BY 1",
    "performance": "SELECT version, as_of, scored, goods, bads, ks, auc, verdict FROM shipway.performance"
    " ORDER BY 1, 2",
    "retrains": "SELECT champion, cause, run_id, as_of, decision, challenger, detail FROM shipway.retrain"
    " ORDER BY 1, 2",
}


class Failed(Exception):
    """The step raised one of Shipway's errors."""

    def __init__(self, kind, text, data):
        super().__init__(f"{kind}: {text}")
        self.kind, self.text, self.data = kind, text, data


@dataclass
class Home:
    """One home.

    :param url: of the records, as the tasks' role.
    """

    folder: Path
    url: str = field(repr=False)

    @classmethod
    def make(cls, folder, url, *, quick=False):
        """Lay it out: the tests' small model with changed lines, and no TensorFlow for quick ones."""
        shutil.copytree(MODELS, folder / "models", ignore=shutil.ignore_patterns("__pycache__"))
        spec = folder / "models" / MODEL / "model.yaml"
        interpreter = f", interpreter: {_quick_interpreter()}" if quick else ""
        text = spec.read_text().replace("bake_seconds: 0.5", "bake_seconds: 0.1")
        spec.write_text(text.replace("held_back: 0.4", f"held_back: 0.4{interpreter}"))
        (folder / "environment.yaml").write_text(ENVIRONMENT)
        (folder / "points").mkdir()
        return cls(folder, url)

    def copy(self, folder, url):
        """The same home at another place, with records of its own."""
        shutil.copytree(self.folder, folder)
        return Home(folder, url)

    @property
    def variables(self):
        return {
            "SHIPWAY_HOME": str(self.folder),
            "SHIPWAY_MODELS": str(self.folder / "models"),
            "SHIPWAY_ENVIRONMENT": str(self.folder / "environment.yaml"),
            "SHIPWAY_KILL_POINTS": str(self.folder / "points"),
            "SHIPWAY_RECORDS_URL": self.url,
        }

    @property
    def rooms(self):
        with mock.patch.dict(os.environ, self.variables):
            return Rooms(read_model(MODEL), read_environment(), self.url)

    def start(self, step, **arguments):
        return Attempt(self, step, arguments)

    def run(self, step, **arguments):
        return self.start(step, **arguments).result()

    def killed(self, point, step, **arguments):
        """Run a step into its own SIGKILL at a point."""
        (self.folder / "points" / point).touch()
        attempt = self.start(step, **arguments)
        assert attempt.end() == -signal.SIGKILL, f"never came to {point}: {attempt.output}"

    def paused(self, point, step, **arguments):
        """Run a step until it waits at a point, and return the attempt."""
        (self.folder / "points" / f"{point}.pause").touch()
        attempt = self.start(step, **arguments)
        waiting = self.folder / "points" / f"{point}.paused"
        wait_until(lambda: waiting.exists() or attempt.process.poll() is not None, 60, pause=0.02)
        assert waiting.exists(), f"never came to {point}: {attempt.end()} {attempt.output}"
        attempt.waiting = waiting
        return attempt

    def rows(self, query, *values):
        with psycopg.connect(self.url, row_factory=dict_row, connect_timeout=10) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, query, rows):
        with psycopg.connect(self.url, connect_timeout=10) as connection, connection.cursor() as cursor:
            cursor.executemany(query, rows)

    def state(self):
        """All that a run leaves behind, without times and fences."""
        rooms = self.rooms
        found = {name: self.rows(query) for name, query in _ROWS.items()}
        found["versions"] = {one: rooms.registry.get(MODEL, one).digest for one in rooms.registry.versions(MODEL)}
        found["aliases"] = self.aliases()
        found["files"] = sorted(
            str(path.relative_to(self.folder))
            for room in ("images", "work", "snapshots")
            for path in (self.folder / "var" / room).rglob("*")
            if "/locks" not in str(path)
        )
        found["target"] = self.target()
        return json.loads(json.dumps(found, default=str).replace(str(self.folder), "HOME"))

    def aliases(self):
        registry = self.rooms.registry
        return {name: registry.alias(MODEL, name) for name in ALIASES}

    def target(self):
        """What really runs: release → state and weight; None without a supervisor."""
        try:
            seen = self.rooms.target(STAGE).observe(MODEL).releases
        except ShipwayError:
            return None
        return {name: (one.state, one.weight, one.version, one.image_digest) for name, one in seen.items()}

    def events(self, release):
        return {
            row["event"] for row in self.rows("SELECT event FROM shipway.release_event WHERE release = %s", release)
        }

    def approve(self, evidence, *, run_id, option=YES, by="validator", at="2026-03-01T10:00:00+00:00"):
        user = {"id": by, "name": by} if by else None
        answer = {"chosen_options": [option], "params_input": {"reason": "seen"}, "responded_at": at}
        answer["responded_by_user"] = user
        return self.run("record_answer", evidence=evidence, answer=answer, run_id=run_id)


class Attempt:
    """One attempt of a step."""

    def __init__(self, home, step, arguments):
        self.output = ""
        self.waiting = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "integration.steps.run_step", step],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**child.environment(), **home.variables, "PYTHONPATH": f"{TESTS.parent / 'include'}:{TESTS}"},
            preexec_fn=child.die_with_parent,  # noqa: PLW1509 - only a prctl
        )
        self.process.stdin.write(json.dumps(arguments))
        self.process.stdin.close()
        self.process.stdin = None

    def go_on(self):
        self.waiting.unlink()
        return self

    def end(self):
        try:
            self.output = self.process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output = self.process.communicate()[0]
        return self.process.returncode

    def result(self):
        code = self.end()
        assert code == 0, f"code {code}: {self.output}"
        answer = json.loads(self.output.splitlines()[-1])
        if "error" in answer:
            raise Failed(answer["error"], answer["text"], answer["data"])
        return answer["result"]

    def failure(self):
        """The error that it must end with."""
        try:
            result = self.result()
        except Failed as error:
            return error
        raise AssertionError(f"expected an error, got {result}")


def pids(home, release):
    places = home.folder / "var" / "local" / STAGE / "observed" / f"{MODEL}.json"
    return read_json(places)["releases"][release]["pids"]


@cache
def _quick_interpreter():
    """Outside of all homes, because it is part of the spec, and so of every digest over that."""
    folder = Path(tempfile.mkdtemp(prefix="shipway-quick-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "python"
    script = Path(__file__).with_name("quick_python.py")
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{script}" "$@"\n')
    file.chmod(0o755)
    return file
