"""What a DAG file asks: which models' DAGs to build, and what an operator sees of broken ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from airflow.sdk import get_parsing_context

from shipway.errors import SpecError, SpecErrors
from shipway.spec.environment import Environment
from shipway.spec.model import ModelSpec
from shipway.spec.reading import model_names, models_folder, read_environment, read_model
from shipway.spec.storable import environment_problems, model_problems

#: The page of a DAG is no place for more rows than this; the task's log has them all.
MOST_ROWS = 100


def models(kind: str) -> list[ModelSpec]:
    """Return the specs of the models whose DAGs of one kind are needed.

    In the DAG processor these are all good ones: a broken spec takes away only its own DAGs, and ``shipway_specs``
    names it. In a task's process Airflow names the one DAG that it needs: then only that model's file is read.

    :param kind: suffix of the DAG ids: ``release``, ``monitor`` or ``retrain``.
    :raises SpecErrors: in a task's process, when the spec of its model is broken: the task's log says why.
    """
    wanted = get_parsing_context().dag_id
    if wanted is not None:
        model, _, suffix = wanted.rpartition("_")
        return [_model(model)] if suffix == kind else []
    specs = []
    for name in model_names():
        try:
            specs.append(_model(name))
        except SpecErrors:
            continue
    return specs


def checked_environment() -> Environment:
    """Return the environment, whose stages a release goes through.

    :raises SpecErrors: when its file is broken; without its stages no model can be released.
    """
    found = read_environment()
    refused = environment_problems(found)
    if refused:
        raise SpecErrors(refused)
    return found


def problems() -> list[SpecError]:
    """Return what is wrong with the environment and with all broken models.

    A task's process does not show them; there the list is empty and no file is read.
    """
    return [] if get_parsing_context().dag_id is not None else all_problems()


def all_problems() -> list[SpecError]:
    """Return what is wrong with the environment and with all broken models, in any process."""
    found = _errors(checked_environment)
    folder = models_folder()
    try:
        names = model_names() if folder.is_dir() else None
    except OSError as error:
        return [*found, _no_folder(str(folder), f"cannot be read ({error.strerror}).")]
    if names is None:
        return [*found, _no_folder(str(folder), "is no folder.")]
    for name in names:
        found += _errors(_model, name)
    return found


def place(problem: SpecError) -> str:
    """Return whose problem it is: the name of the model's folder, or ``environment``."""
    folder = Path(problem.data["file"]).parent
    return folder.name if folder.parent == models_folder() else "environment"


def shown(found: Sequence[SpecError]) -> str:
    """Return problems as a Markdown table for the page of a DAG."""
    if not found:
        return "All specs are good.\n"
    rows = ["| model | file | key | problem |", "|---|---|---|---|"]
    for one in found[:MOST_ROWS]:
        words = (place(one), one.data["file"], one.data["key"], f"{one.data['problem']} {one.hint}")
        rows.append(f"| {' | '.join(_cell(word) for word in words)} |")
    if len(found) > MOST_ROWS:
        rows.append(f"\n… and {len(found) - MOST_ROWS} more: run the task `check` and read its log.")
    return "\n".join(rows) + "\n"


def _model(name: str) -> ModelSpec:
    """Read a model's spec, and refuse what would keep Airflow from storing the DAGs of all models."""
    spec = read_model(name)
    refused = model_problems(spec)
    if refused:
        raise SpecErrors(refused)
    return spec


def _errors(read: Callable[..., object], *arguments: str) -> list[SpecError]:
    try:
        read(*arguments)
    except SpecErrors as errors:
        return list(errors.errors)
    return []


def _no_folder(folder: str, problem: str) -> SpecError:
    return SpecError(file=folder, key="", problem=problem, hint="It holds one folder per model; see SHIPWAY_MODELS.")


def _cell(text: str) -> str:
    """Keep text inside its cell, and from being read as Markdown or HTML."""
    plain = " ".join(text.split())
    return "".join(f"&#{ord(sign)};" if sign in "|<>&`*_[]\\~" else sign for sign in plain)
