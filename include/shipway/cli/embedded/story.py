"""The story of ``make demo``: the life of ``hmeq``, told through Airflow's REST API and the clients' endpoint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from shipway import api, child
from shipway.cli.embedded.airflow import EmbeddedAirflow
from shipway.cli.embedded.rest import AirflowApi
from shipway.cli.embedded.stack import Stack
from shipway.errors import ShipwayError
from shipway.spec.reading import models_folder

MODEL = "hmeq"
STAGE = "production"
#: Seconds that one workflow may take.
RUN_SECONDS = 240.0
#: An answer within the first seconds may be lost (Airflow reads the event of the parked task after it).
ANSWER_DELAY = 4.0
#: How long a person may take with ``APPROVE=me``.
PATIENCE_SECONDS = 3600.0
_QUARTER = re.compile(r"HMEQPERF_(\d+)_Q\1\.csv")
_APPROVE_TASK = f"{STAGE}.approve"


class Story:
    """Tells the story once, on a fresh home.

    :param stack: the embedded default.
    :param data: folder with the real files; else applicants are generated.
    :param wait_for_me: a person answers in the UI, instead of the user ``validator`` over REST.
    """

    def __init__(self, stack: Stack, *, data: Path | None, wait_for_me: bool) -> None:
        self._stack = stack
        self._data = data
        self._wait_for_me = wait_for_me
        self._folder = stack.home / "demo"
        self._made = stack.environment.path(f"var/data/{MODEL}")  # where model.yaml looks for development data
        self._console = Console()
        self._report: dict[str, Any] = {"quarters": [], "retrains": []}

    def tell(self) -> EmbeddedAirflow:
        """Run the whole story, print it, and write ``var/demo/report.json``.

        :returns: Airflow, still running.
        :raises ShipwayError: naming what the data lacks, before anything is removed; or the run that did not end as
            it must.
        """
        started = time.monotonic()
        if self._data:
            check_data(self._data, self._stack.home)
        self._start_over()
        airflow = self._stack.up()
        self._operator = AirflowApi(airflow.url, "operator", airflow.passwords()["operator"])
        self._validator = AirflowApi(airflow.url, "validator", airflow.passwords()["validator"])
        summary = self._make_data()
        self._first_version()
        for dag in ("release", "monitor", "retrain"):
            self._operator.wait_dag(f"{MODEL}_{dag}", 120)
        self._release(self._operator.trigger(f"{MODEL}_release", {"version": 1}))
        for quarter in summary["quarters"]:
            self._quarter(quarter)
        self._finish(time.monotonic() - started)
        return airflow

    def _say(self, line: str) -> None:
        self._console.print(f"• {line}", highlight=False, markup=False, soft_wrap=True)

    def _start_over(self) -> None:
        """The demo owns a home that it has begun; anybody else's is left alone."""
        if (self._folder / "begun").exists():
            self._say("removing the earlier demo")
            self._stack.down()
            shutil.rmtree(self._stack.home)
        elif self._stack.home.exists() and any(self._stack.home.iterdir()):
            raise ShipwayError(
                f"{self._stack.home} is in use, and not by a demo.", hint="Save what you need, then run `make clean`."
            )
        self._folder.mkdir(parents=True)
        (self._folder / "begun").touch()

    def _make_data(self) -> dict[str, Any]:
        script = models_folder() / MODEL / "data.py"
        what = ["match", "--data", str(self._data)] if self._data else ["generate", "--quarters", "4"]
        done = subprocess.run(
            [sys.executable, str(script), *what, "--out", str(self._made)],
            capture_output=True,
            text=True,
            env=child.environment(),
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ShipwayError(f"The data could not be read: {_last_line(done.stderr)}")
        for line in done.stdout.strip().splitlines():
            self._say(line)
        summary: dict[str, Any] = json.loads((self._made / "summary.json").read_text())
        return summary

    def _first_version(self) -> None:
        self._say("the data scientist trains version 1 and registers it")
        development = self._made / "development.csv"
        manifest, measured = api.train(MODEL, development, by="scientist")
        self._say(
            f"version {manifest.version} is registered: KS {measured['challenger_ks']:.3f} on "
            f"{measured['entities']} held-back applicants"
        )

    def _release(self, run_id: str) -> None:
        """Wait for the approval, answer it, and follow the run to its end."""
        dag = f"{MODEL}_release"
        self._say(f"{dag} {run_id}: prebuild, build")
        waited = PATIENCE_SECONDS if self._wait_for_me else RUN_SECONDS
        state = self._operator.wait_task(dag, run_id, _APPROVE_TASK, {"awaiting_input"}, RUN_SECONDS)
        if state == "awaiting_input":
            self._approve(dag, run_id)
        end = self._operator.wait(dag, run_id, waited)
        outcome = self._operator.xcom(dag, run_id, "outcome") or {}
        self._say(f"{dag} {run_id}: {end}, {outcome.get('outcome', 'no outcome')}")
        if end != "success":
            raise ShipwayError(f"{dag} {run_id} failed: {self._operator.tasks(dag, run_id)}")

    def _approve(self, dag: str, run_id: str) -> None:
        if self._wait_for_me:
            self._say("waiting for you: answer it as validator in the UI (Required Actions)")
            return
        time.sleep(ANSWER_DELAY)
        answer = self._validator.answer(dag, run_id, _APPROVE_TASK, option="Approve", reason="the demo says yes")
        self._say(f"validator answers Approve over Airflow's REST API ({answer.status_code})")

    def _quarter(self, quarter: dict[str, Any]) -> None:
        name = quarter["name"]
        rows = api.read_rows(MODEL, self._made / "quarters" / f"{name}.csv")
        answers = list(api.score(MODEL, rows))
        new = api.outcomes(MODEL, self._made / "outcomes" / f"{name}.csv")
        self._say(f"{name}: a client scored {len(answers)} applicants, {new} outcomes arrived")
        dag = f"{MODEL}_monitor"
        run_id = self._operator.trigger(dag, {"as_of": quarter["as_of"]})
        if self._operator.wait(dag, run_id, RUN_SECONDS) != "success":
            raise ShipwayError(f"{dag} {run_id} failed: {self._operator.tasks(dag, run_id)}")
        measured = self._operator.xcom(dag, run_id, "measure")
        figures = measured["measured"] or {"ks": None, "auc": None, "bad_rate": None}
        self._report["quarters"].append(
            {
                "name": name,
                "rows": len(answers),
                **{key: figures[key] for key in ("ks", "auc", "bad_rate")},
                "verdict": measured["verdict"],
                "version": measured["champion"],
            }
        )
        self._say(f"{name}: {measured['verdict']}, KS {figures['ks']:.3f}" if figures["ks"] else f"{name}: no figures")
        if self._operator.tasks(dag, run_id).get("retrain") == "success":
            self._retrain(self._operator.xcom(dag, run_id, "retrain", "trigger_run_id"))

    def _retrain(self, run_id: str) -> None:
        dag = f"{MODEL}_retrain"
        self._say(f"{dag} {run_id}: snapshot, train, evaluate, register")
        if self._operator.wait(dag, run_id, RUN_SECONDS) != "success":
            raise ShipwayError(f"{dag} {run_id} failed: {self._operator.tasks(dag, run_id)}")
        comparison = self._operator.xcom(dag, run_id, "evaluate")
        registered = self._operator.xcom(dag, run_id, "register")
        self._report["retrains"].append(
            {
                "version": registered["version"],
                **{key: comparison[key] for key in ("challenger_ks", "champion_ks", "entities", "decision")},
            }
        )
        self._say(f"version {registered['version']} is {registered['decision']}: {comparison['reason']}")
        if registered["decision"] == "accepted":
            self._release(self._operator.xcom(dag, run_id, "release", "trigger_run_id"))

    def _finish(self, seconds: float) -> None:
        serving = next(iter(api.status(MODEL)["stages"].values()))["releases"]
        served = next(one for one in serving if one["weight"] == 100)
        images = self._images()
        self._report |= {
            "seconds": round(seconds, 1),
            "versions": [
                {
                    "version": row["version"],
                    "content_digest": row["content_digest"],
                    "image_digest": images.get(row["version"]),
                    "metrics": row["metrics"],
                }
                for row in api.versions(MODEL)
            ],
            "serving": {"version": served["version"], "image_digest": served["image_digest"]},
            "notifications": len(list(self._stack.environment.path("var/outbox").glob("*"))),
        }
        (self._folder / "report.json").write_text(json.dumps(self._report, indent=2))
        self._print()

    def _images(self) -> dict[int, str]:
        from shipway.records.releases import releases

        return {one.version: one.image_digest for one in releases(api.open_rooms(MODEL).records, MODEL)}

    def _print(self) -> None:
        table = Table("quarter", "applicants", "bad rate", "version", "KS", "AUC", "verdict", title="The life of hmeq")
        for row in self._report["quarters"]:
            figures = [f"{row[key]:.3f}" if row[key] is not None else "–" for key in ("bad_rate", "ks", "auc")]
            version = str(row["version"])
            table.add_row(row["name"], str(row["rows"]), figures[0], version, *figures[1:], row["verdict"])
        self._console.print(table)
        for row in self._report["retrains"]:
            self._console.print(
                f"retrained: version {row['version']} {row['decision']}, KS {row['challenger_ks']:.3f} against "
                f"{row['champion_ks']:.3f} of the champion, on {row['entities']} applicants that neither has seen"
            )
        served, notified = self._report["serving"], self._report["notifications"]
        self._console.print(f"serving: version {served['version']}, {served['image_digest']}", soft_wrap=True)
        self._console.print(f"{notified} cards and mails in var/outbox, {self._report['seconds']:.0f} s in all")


def check_data(folder: Path, home: Path) -> None:
    """Check that the real files are there, while nothing has been removed yet.

    :param folder: shall hold ``hmeq.csv`` and at least one ``HMEQPERF_<n>_Q<n>.csv``.
    :param home: what the demo removes to start over; the files must not lie in it.
    :raises ShipwayError: naming what is missing.
    """
    try:
        names = {file.name for file in folder.iterdir() if file.is_file()}
    except OSError as error:
        hint = "DATA names the folder with the real files."
        raise ShipwayError(f"{folder} cannot be read ({error.strerror}).", hint=hint) from None
    missing = [] if "hmeq.csv" in names else ["hmeq.csv"]
    if not any(_QUARTER.fullmatch(name) for name in names):
        missing.append("HMEQPERF_<n>_Q<n>.csv")
    if missing:
        raise ShipwayError(f"{folder} holds no {' and no '.join(missing)}.", hint="DATA names the folder with both.")
    if folder.resolve().is_relative_to(home.resolve()):
        raise ShipwayError(f"{folder} lies in {home}, which a demo removes.", hint="Move the files elsewhere.")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "its script said nothing."
