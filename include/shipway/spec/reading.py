"""Read ``model.yaml`` and ``environment.yaml``; turn every problem into one sentence with file and key."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from shipway.errors import SpecError, SpecErrors
from shipway.spec.environment import Environment
from shipway.spec.model import ModelSpec

#: Another environment file than ``include/config/environment.yaml``.
ENVIRONMENT_VARIABLE = "SHIPWAY_ENVIRONMENT"
#: Another folder of models than ``include/models``.
MODELS_VARIABLE = "SHIPWAY_MODELS"
#: Another folder for relative paths than the project's own.
HOME_VARIABLE = "SHIPWAY_HOME"

_INCLUDE = Path(__file__).resolve().parents[2]
# libyaml's loader is ten times faster than the pure Python one, and DAG files read a spec at every task's start.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
    """Read every model's spec, and collect the problems of the broken ones.

    :returns: the good specs, and all problems of the others.
    """
    good: list[ModelSpec] = []
    problems: list[SpecError] = []
    for name in model_names():
        try:
            good.append(read_model(name))
        except SpecErrors as errors:
            problems.extend(errors.errors)
    return good, problems


def _read(file: Path, kind: type[_Spec]) -> _Spec:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise SpecErrors(
            [
                SpecError(
                    file=str(file),
                    key="",
                    problem=f"cannot be read ({error.strerror}).",
                    hint="Create the file or correct its permissions.",
                )
            ]
        ) from None
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise SpecErrors(
            [SpecError(file=str(file), key="", problem=f"is not YAML: {' '.join(str(error).split())}")]
        ) from None
    if not isinstance(content, dict):
        raise SpecErrors(
            [SpecError(file=str(file), key="", problem=f"expected keys and values, found {type(content).__name__}.")]
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise SpecErrors([_explain(file, kind, detail) for detail in error.errors()]) from None


def _explain(file: Path, kind: type[BaseModel], detail: Any) -> SpecError:
    location = [str(part) for part in detail["loc"]]
    key = ".".join(location)
    if detail["type"] == "extra_forbidden":
        known = _known_keys(kind, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known keys here: {', '.join(sorted(known))}."
        return SpecError(file=str(file), key=key, problem="is not a key that Shipway knows.", hint=hint)
    if detail["type"] == "missing":
        return SpecError(file=str(file), key=key, problem="is missing.", hint="Add it.")
    found = "" if isinstance(detail["input"], dict) else f", found {detail['input']!r}"
    return SpecError(file=str(file), key=key, problem=f"{_expectation(detail)}{found}.", hint=_nearest(detail))


def _expectation(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "expected", 1) if "Input should be" in message else message


def _nearest(detail: Any) -> str:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",") if word.strip(" '")]
    near = difflib.get_close_matches(str(detail["input"]), words, n=1)
    return f"Did you mean '{near[0]}'?" if near else ""


def _known_keys(kind: type[BaseModel], location: list[str]) -> list[str]:
    """Follow a location through nested models; an unknown turn gives no keys."""
    current: Any = kind
    for part in location:
        current = _step(current, part)
        if current is None:
            return []
    return list(current.model_fields)


def _step(current: Any, part: str) -> Any:
    if part.isdigit():
        return current
    field = getattr(current, "model_fields", {}).get(part)
    return _model_of(field.annotation, part) if field else current if part in _kinds(current) else None


def _model_of(annotation: Any, part: str) -> Any:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
        nested = [
            inner
            for inner in getattr(candidate, "__args__", ())
            if isinstance(inner, type) and issubclass(inner, BaseModel)
        ]
        if nested:
            return nested[0]
    return None


def _kinds(current: Any) -> tuple[str, ...]:
    field = getattr(current, "model_fields", {}).get("kind")
    return getattr(field.annotation, "__args__", ()) if field else ()


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
