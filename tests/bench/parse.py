"""What many models cost Airflow: building DAGs, the DAG processor, a task's start.

``make bench-parse`` prints a table and, as its last line, one JSON object. Each figure comes from a fresh interpreter;
CPU time stands beside wall time, for other work on the machine counts in the one only.
"""

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "dags"
WORKFLOWS = ("release", "monitor", "retrain")
SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "200 1000").split())
#: What each figure may be at most, in ms of CPU time.
TARGETS = {"build": 5.0, "spec": 1.0, "processor": 50.0}


def make_models(folder: Path, number: int) -> None:
    """Write model folders like the sample's; golden requests and training script need only be there."""
    text = (PROJECT / "include/models/hmeq/model.yaml").read_text()
    for name in (f"model_{index:04d}" for index in range(number)):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.yaml").write_text(text.replace("model: hmeq ", f"model: {name} "))
        (folder / name / "golden.json").write_text("[]")
        (folder / name / "train.py").write_text("")


def variables(home: Path, models: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SHIPWAY_", "PG"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "PYTHONPATH": f"{PROJECT / 'include'}{os.pathsep}{PROJECT / 'plugins'}",
        "SHIPWAY_MODELS": str(models),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(PROJECT / "include/config/airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "bench-bench-bench-bench-bench-bench",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


def run(arguments: list[str], environment: dict[str, str]) -> tuple[str, float, float]:
    """Return output, seconds of wall time, seconds of CPU time of the process and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def child(what: str, environment: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = json.loads(run([__file__, what], environment)[0].splitlines()[-1])
    return found


class Clock:
    """Milliseconds of wall and CPU time, by name."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def take(self, name: str, work: Callable[[], object], *, best_of: int = 1) -> None:
        for _ in range(best_of):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            taken = {name: time.process_time() - cpu, f"{name}_wall": time.perf_counter() - wall}
            self.found |= {key: min(seconds * 1e3, self.found.get(key, math.inf)) for key, seconds in taken.items()}


def build() -> dict[str, float]:
    """Import, read all specs, then execute the three files as the processor does: their imports are made already."""
    import importlib
    import runpy

    def imports() -> None:
        import airflow.sdk  # noqa: F401

        for name in ("approve", "build", "deploy", "measure", "outcome", "plan", "retrain", "trigger"):
            importlib.import_module(f"shipway_airflow.operators.{name}")

    clock = Clock()
    clock.take("base", imports)
    from shipway_airflow.parsing import models

    clock.take("spec", lambda: models("release"), best_of=3)
    clock.take("build", lambda: [runpy.run_path(str(DAGS / f"{name}.py")) for name in WORKFLOWS], best_of=2)
    return clock.found


def processor() -> dict[str, float]:
    """Parse and serialize the three files by the code that the DAG processor runs in its own child process."""
    import structlog
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file

    def parse() -> None:
        for name in WORKFLOWS:
            file = str(DAGS / f"{name}.py")
            request = DagFileParseRequest(file=file, bundle_path=DAGS, bundle_name="dags-folder", callback_requests=[])
            result = _parse_file(request, structlog.get_logger())
            assert result is not None, file
            assert not result.import_errors, result.import_errors

    clock = Clock()
    clock.take("processor", parse)
    return clock.found


def task() -> dict[str, float]:
    """Find a task's DAG in the process that the executor's forks, as Airflow's task runner does."""
    import airflow.executors.local_executor  # noqa: F401 - what the forking process has loaded
    from airflow.dag_processing.dagbag import BundleDagBag

    clock, bags = Clock(), []

    def parse() -> None:
        bags.append(BundleDagBag(dag_folder=str(DAGS / "release.py"), bundle_path=DAGS, bundle_name="dags-folder"))

    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "model_0100_release"
    clock.take("task", parse)
    clock.take("again", parse)
    assert set(bags[0].dags) == {"model_0100_release"}, bags[0].import_errors
    return clock.found


def store(environment: dict[str, str], models: int) -> dict[str, float]:
    """Run ``airflow dag-processor`` once over all files, with the delivered settings and a database of its own."""
    import psycopg

    sys.path.insert(0, str(PROJECT / "include"))
    from shipway.records import embedded

    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder:
        place = Path(folder) / "data"
        url = embedded.start(place)
        try:
            environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url.replace("postgresql://", "postgresql+psycopg2://")
            run(["-m", "airflow", "db", "migrate"], environment)
            _, wall, cpu = run(["-m", "airflow", "dag-processor", "--num-runs", "1"], environment)
            with psycopg.connect(url) as connection:
                files = connection.execute(
                    "SELECT relative_fileloc, count(*), max(last_parse_duration) FROM dag GROUP BY 1 ORDER BY 1"
                ).fetchall()
                (errors,) = connection.execute("SELECT count(*) FROM import_error").fetchone()
        finally:
            embedded.stop(place)
    found = {file: (number, seconds * 1e3) for file, number, seconds in files}
    whole = [file for file in WORKFLOWS if found.get(f"{file}.py", (0, 0))[0] == models]
    return {
        "stored": cpu * 1e3,
        "stored_wall": wall * 1e3,
        "longest_wall": max((found[f"{file}.py"][1] for file in whole), default=math.nan),
        "timeouts": max(len(WORKFLOWS) - len(whole), errors),
    }


def measure(size: int, folder: Path) -> dict[str, float]:
    models, home = folder / f"models_{size}", folder / f"home_{size}"
    make_models(models, size)
    home.mkdir()
    environment = variables(home, models)
    child("build", environment)  # the first run writes the bytecode
    found: dict[str, float] = {}
    for what in ("build", "processor", "task"):
        found |= child(what, environment)
    return found | store(environment, size)


def show(found: dict[int, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    headings = [f"{size:,} models\n{kind} ms" for size in found for kind in ("CPU", "wall")]
    table = Table("what", *headings, "target")

    def row(title: str, name: str, divide_by: int = 0) -> None:
        keys = [(size, key) for size in found for key in (name, f"{name}_wall")]
        cells = [
            f"{found[size][key] / (divide_by * size or 1):,.2f}" if key in found[size] else "" for size, key in keys
        ]
        table.add_row(title, *cells, f"{TARGETS[name]:g}" if name in TARGETS else "")

    row("import airflow.sdk and all operators", "base")
    row("read a spec, per DAG", "spec", 1)
    row("build, reading included, per DAG", "build", 3)
    row("DAG processor's parse and serialization, per DAG", "processor", 3)
    row("`airflow dag-processor` with storing, per DAG", "stored", 3)
    row("its longest file", "longest")
    row("a task's start: its DAG file, with our imports", "task")
    row("a task's start: its DAG file alone", "again")
    Console(width=140).print(table)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"build": build, "processor": processor, "task": task}[sys.argv[1]]()))
        return
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder:
        found = {size: measure(size, Path(folder)) for size in SIZES}
    show(found)
    divisors = {"spec": 1, "build": 3, "processor": 3}
    figures = {
        f"{name}_ms_per_dag_{size}": one[name] / (divisors[name] * size)
        for name in ("build", "spec", "processor")
        for size, one in found.items()
    }
    largest = max(found)
    figures |= {
        f"task_start_ms_{largest}": found[largest]["task"],
        "timeouts": sum(f["timeouts"] for f in found.values()),
    }
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
