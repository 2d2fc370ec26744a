"""Rows of field data (scored instances whose outcome is known) as Arrow columns; a missing value is null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns of a snapshot besides inputs and target.
RESERVED = ("entity", "origin", "business_time", "split")


def field_table(rows: Sequence[Mapping[str, Any]], spec: ModelSpec) -> pa.Table:
    """Turn scored instances with known outcomes into columns.

    :param rows: each with ``entity``, ``business_time`` (aware), ``features`` (input → value or None) and ``bad``.
    :param spec: names and types of the features; others are ignored, absent ones are missing values.
    :returns: ``entity``, ``business_time`` (microseconds, UTC), the inputs and the target.
    :raises TrainingError: naming the entity and the feature of a wrong value.
    """
    import pyarrow as pa

    check_names(spec)
    columns: dict[str, Any] = {
        "entity": pa.array([str(row["entity"]) for row in rows], pa.string()),
        "business_time": pa.array([_time(row) for row in rows], pa.timestamp("us", tz="UTC")),
    }
    for name, kind in spec.inputs.items():
        take, wanted = (_number, pa.float64()) if kind == "number" else (_category, pa.string())
        columns[name] = pa.array([take(row, name) for row in rows], wanted)
    columns[spec.target] = pa.array([int(row["bad"]) for row in rows], pa.int8())
    return pa.table(columns)


def check_names(spec: ModelSpec) -> None:
    """Refuse an input or a target with the name of a snapshot's own column.

    :raises TrainingError: naming it.
    """
    clash = [name for name in (*spec.inputs, spec.target) if name in RESERVED]
    if clash:
        raise TrainingError(
            f"'{clash[0]}' cannot be an input or the target: a snapshot has a column of that name.",
            hint="Rename it in model.yaml and in the data.",
            column=clash[0],
        )


def _time(row: Mapping[str, Any]) -> datetime:
    value = row["business_time"]
    time: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    if time.tzinfo is None:
        raise TrainingError(f"The business time {time} of entity {row['entity']} has no zone.", entity=row["entity"])
    return time


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row["features"].get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value):
        raise _wrong_feature(row, name, "a number")
    return float(value)


def _category(row: Mapping[str, Any], name: str) -> str | None:
    value = row["features"].get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_feature(row, name, "a text")
    return value or None


def _wrong_feature(row: Mapping[str, Any], name: str, expected: str) -> TrainingError:
    return TrainingError(
        f"Feature {name} of entity {row['entity']}: expected {expected}, found {row['features'].get(name)!r}.",
        entity=row["entity"],
        column=name,
    )
