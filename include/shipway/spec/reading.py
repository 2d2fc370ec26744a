"""Read ``model.yaml`` and ``environment.yaml``; turn every problem into one sentence with file and key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shipway.errors import SpecError, SpecErrors
from shipway.spec.document import read_document
from shipway.spec.environment import Environment
from shipway.spec.explain import explain
from shipway.spec.golden import read_golden
from shipway.spec.model import ModelSpec
from shipway.spec.storable import model_problems

#: Another environment file than ``include/config/environment.yaml``.
ENVIRONMENT_VARIABLE = "SHIPWAY_ENVIRONMENT"
#: Another folder of models than ``include/models``.
MODELS_VARIABLE = "SHIPWAY_MODELS"
#: Another folder for relative paths than the project's own.
HOME_VARIABLE = "SHIPWAY_HOME"

_INCLUDE = Path(__file__).resolve().parents[2]
_Spec = TypeVar("_Spec", bound=BaseModel)


def models_folder() -> Path:
    """Return the folder that holds one folder per model."""
    return Path(os.environ.get(MODELS_VARIABLE) or _INCLUDE / "models")


def model_names() -> list[str]:
    """Return the names of all model folders, sorted, without reading any spec."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    return sorted(
        entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith((".", "_"))
    )


def read_model(name: str) -> ModelSpec:
    """Read the spec of one model.

    :param name: name of its folder below :func:`models_folder`.
    :raises SpecErrors: with every problem of its ``model.yaml``.
    """
    file = models_folder() / name / "model.yaml"
    spec = _read(file, ModelSpec)
    spec._folder = file.parent
    problems = _cross_checks(spec, file)
    if problems:
        raise SpecErrors(problems)
    return spec


def read_environment(file: Path | None = None) -> Environment:
    """Read the environment.

    :param file: the file; else the one named by ``SHIPWAY_ENVIRONMENT``, else ``include/config/environment.yaml``.
    :raises SpecErrors: with every problem of the file.
    """
    file = file or Path(os.environ.get(ENVIRONMENT_VARIABLE) or _INCLUDE / "config" / "environment.yaml")
    environment = _read(file, Environment)
    environment._home = Path(os.environ.get(HOME_VARIABLE) or _INCLUDE.parent)
    return environment


def read_all() -> tuple[list[ModelSpec], list[SpecError]]:
    """Read every model's spec and golden requests, judge also what Airflow asks, and collect all problems.

    This reads more than a DAG file does; it is what people ask before they commit.

    :returns: the good specs, and all problems of the others.
    """
    good: list[ModelSpec] = []
    problems: list[SpecError] = _folder_problems(models_folder())
    for name in model_names():
        try:
            spec = read_model(name)
        except SpecErrors as errors:
            problems.extend(errors.errors)
            continue
        found = [*model_problems(spec), *_golden_problems(spec)]
        problems.extend(found)
        if not found:
            good.append(spec)
    return good, problems


def _folder_problems(folder: Path) -> list[SpecError]:
    if folder.is_dir():
        return []
    return [SpecError(file=str(folder), key="", problem="is no folder.", hint=f"See {MODELS_VARIABLE}.")]


def _golden_problems(spec: ModelSpec) -> tuple[SpecError, ...]:
    try:
        read_golden(spec)
    except SpecErrors as errors:
        return errors.errors
    return ()


def _read(file: Path, kind: type[_Spec]) -> _Spec:
    content = read_document(file)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = explain(file, kind, error)
    raise SpecErrors(problems)


def _cross_checks(spec: ModelSpec, file: Path) -> list[SpecError]:
    problems = []
    if spec.model != file.parent.name:
        problems.append(
            SpecError(
                file=str(file),
                key="model",
                problem=f"is '{spec.model}', but its folder is '{file.parent.name}'.",
                hint="Give both the same name.",
            )
        )
    for key, name in (("golden.requests", spec.golden.requests), ("training.script", spec.training.script)):
        if not (file.parent / name).is_file():
            problems.append(
                SpecError(
                    file=str(file),
                    key=key,
                    problem=f"names '{name}', but there is no such file in {file.parent}.",
                    hint="Add the file or correct the name.",
                )
            )
    return problems
