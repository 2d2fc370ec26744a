"""Read a model's golden requests; only those ask who need them, never a DAG file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shipway.errors import SpecError, SpecErrors
from shipway.spec.model import ModelSpec


def read_golden(spec: ModelSpec) -> list[dict[str, Any]]:
    """Return the golden requests of a model: a list of instances, each with exactly the inputs.

    :raises SpecErrors: with every instance that has other fields, or when the file holds no list of instances.
    """
    file = spec.folder / spec.golden.requests
    requests = _read(file)
    problems = [
        SpecError(file=str(file), key=str(number), problem=problem)
        for number, instance in enumerate(requests)
        if (problem := _problem(instance, spec))
    ]
    if problems:
        raise SpecErrors(problems)
    return requests


def _read(file: Path) -> list[Any]:
    try:
        content = json.loads(file.read_bytes(), parse_constant=_refuse)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})."
    except (ValueError, RecursionError) as error:  # also bytes that are no text
        problem = f"is not JSON: {error}."
    else:
        if isinstance(content, list) and content:
            return content
        problem = "expected a list with at least one instance."
    raise SpecErrors([SpecError(file=str(file), key="", problem=problem)])


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON, a missing value is null")


def _problem(instance: Any, spec: ModelSpec) -> str:
    if not isinstance(instance, dict):
        return f"expected an instance (input: value), found {type(instance).__name__}."
    missing = [name for name in spec.inputs if name not in instance]
    unknown = [name for name in instance if name not in spec.inputs]
    if missing or unknown:
        found = [f"{', '.join(names)} is {word}" for names, word in ((missing, "missing"), (unknown, "none")) if names]
        return f"expected exactly the inputs {', '.join(spec.inputs)}; {'; '.join(found)}."
    return ""
