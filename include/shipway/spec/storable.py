"""What Airflow asks of a spec: a wrong schedule or title would keep the DAGs of *all* models from being stored."""

from __future__ import annotations

from functools import lru_cache

from shipway.errors import SpecError
from shipway.spec.environment import Environment
from shipway.spec.model import ModelSpec

#: The release DAG's own task ids: a stage of that name would be a second one.
RESERVED = frozenset({"plan", "prebuild", "build", "ask_again", "outcome"})
#: Airflow keeps a display name in a column; one that does not fit would keep all DAGs of the file from being stored.
LONGEST_TITLE = 200


def model_problems(spec: ModelSpec) -> list[SpecError]:
    """Return what Airflow would refuse of a model."""
    file = str(spec.folder / "model.yaml")
    found = []
    if not spec.title.isprintable() or len(spec.title) > LONGEST_TITLE:
        problem = f"expected one line of at most {LONGEST_TITLE} characters."
        found.append(SpecError(file=file, key="title", problem=problem))
    if not _is_cron(spec.monitoring.schedule):
        problem = f"expected a cron expression, found '{spec.monitoring.schedule[:60]}'."
        found.append(SpecError(file=file, key="monitoring.schedule", problem=problem, hint='For example "0 3 * * *".'))
    return found


def environment_problems(environment: Environment) -> list[SpecError]:
    """Return the stages that no release DAG can have."""
    return [_taken(environment.name, stage.name) for stage in environment.stages if stage.name in RESERVED]


@lru_cache(maxsize=1000)  # most models share a schedule
def _is_cron(expression: str) -> bool:
    """Say whether it is five fields that a date can match; Airflow itself asks croniter, but only after parsing."""
    if len(expression.split()) != 5:
        return False
    try:
        from croniter import CroniterError, croniter  # type: ignore[import-untyped]
    except ImportError:  # it comes with Airflow; an installation for notebooks has neither
        return True
    try:
        return bool(croniter(expression, 0.0).get_next(float) > 0)
    except CroniterError:
        return False


def _taken(name: str, stage: str) -> SpecError:
    problem = f"no stage can be named '{stage}', for a task of the release is."
    return SpecError(file=f"environment '{name}'", key="stages", problem=problem, hint="Give the stage another name.")
