"""Read a YAML file that holds keys and values; what it cannot be is one sentence with the file's name."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from shipway.errors import SpecError, SpecErrors

# libyaml's loader is ten times faster than the pure Python one, and DAG files read a spec at every task's start.
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_RESOLVER = yaml.resolver.Resolver()


@lru_cache(maxsize=4096)
def _tag(kind: type, value: str | None, implicit: tuple[bool, bool]) -> str:
    """Return the tag of a node. The same words stand in every spec, and PyYAML tries its patterns in Python."""
    tag: str = _RESOLVER.resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
    return tag


class _Loader(_Fast):  # type: ignore[misc] # which of the two is known only at run time
    """The safe loader; a key that stands there twice is an error instead of a silent choice of the last."""

    def resolve(self, kind: type, value: str | None, implicit: tuple[bool, bool]) -> str:
        return _tag(kind, value, implicit)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key.value}' stands there twice", key.start_mark
                    )
                seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def read_document(file: Path) -> dict[Any, Any]:
    """Return the keys and values of a YAML file.

    :raises SpecErrors: when it cannot be read, is not YAML, or is something else than keys and values.
    """
    try:
        content = yaml.load(file.read_bytes(), Loader=_Loader)  # noqa: S506 - both are safe loaders
    except OSError as error:
        problem, hint = f"cannot be read ({error.strerror}).", "Create the file or correct its permissions."
    except yaml.MarkedYAMLError as error:
        problem, hint = f"is not good YAML: {_where(error)}", ""
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # also 2026-99-99, or a list as a key
        problem, hint = f"is not good YAML: {' '.join(str(error).split())}.", ""
    else:
        if isinstance(content, dict):
            return content
        found = "nothing" if content is None else type(content).__name__
        problem, hint = f"expected keys and values, found {found}.", ""
    raise SpecErrors([SpecError(file=str(file), key="", problem=problem, hint=hint)])


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{error.problem or error.context}{place}."
