"""Tasks that are SIGKILLed in the real scheduler end in the same state as if nothing had happened."""

import psutil
import pytest
from e2e.world import MODEL

from shipway import api
from shipway.cli.embedded.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def attempts(world, run: str, task: str) -> int:
    path = f"/dags/{MODEL}_release/dagRuns/{run}/taskInstances/{task}"
    return world.operator.get(path)["try_number"]


def serves(world, run: str, version: int) -> None:
    assert world.end(run) == "success", world.tasks(run)
    assert world.served()["version"] == version
    assert api.open_rooms(MODEL).registry.alias(MODEL, "champion") == version
    assert wait_until(lambda: len(api.status(MODEL)["stages"]["production"]["releases"]) == 1, 30), "the old one stays"


@pytest.mark.parametrize(
    ("point", "task", "variant"),
    [
        ("build.written", "build", "steeper"),
        ("deploy.staged", "production.deploy", "flatter"),
        ("promote.shifted", "production.promote", "steeper"),
        ("promote.aliased", "production.promote", "flatter"),
    ],
)
def test_a_killed_task_is_retried_to_the_same_end(world, champion, point, task, variant):
    (world.kill_points / point).touch()
    version = world.register(variant)
    run = world.release({"version": version})
    serves(world, run, version)
    assert attempts(world, run, task) == 2


def test_an_attempt_that_outlives_its_supervisor_changes_nothing_any_more(world, champion):
    (world.kill_points / "promote.shifted.supervisor").touch()
    version = world.register("steeper")
    run = world.release({"version": version})
    serves(world, run, version)
    assert attempts(world, run, "production.promote") == 2
    orphan = int((world.kill_points / "promote.shifted.consumed").read_text())
    assert wait_until(lambda: not psutil.pid_exists(orphan), 60), "the old attempt still lives"
    serves(world, run, version)
