"""Rows of development data, read from a CSV, as Arrow columns, typed by the spec; a missing value is null."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.fields import check_names, field_table

if TYPE_CHECKING:
    import pyarrow as pa


def read_development(file: Path | None, spec: ModelSpec) -> pa.Table:
    """Read development data.

    :param file: CSV with a header: the entity, every input and the target; other columns are ignored. An empty
        value is a missing one. None gives no rows.
    :param spec: names and types of the columns.
    :returns: ``entity``, the inputs (float64 or string) and the target (int8).
    :raises TrainingError: naming the column, and for a wrong value its line.
    """
    check_names(spec)
    if file is None:
        return field_table([], spec).drop_columns(["business_time"])
    import pyarrow as pa

    raw = _read_text(file, (spec.scoring.entity, *spec.inputs, spec.target))
    columns: dict[str, Any] = {"entity": _required(file, raw, spec.scoring.entity)}
    for name, kind in spec.inputs.items():
        columns[name] = _numbers(file, raw, name) if kind == "number" else _blank_as_null(raw[name])
    columns[spec.target] = _target(file, raw, spec.target)
    return pa.table(columns)


def _read_text(file: Path, wanted: Sequence[str]) -> dict[str, Any]:
    """Read the wanted columns as trimmed text, so that a wrong value can be shown as it stands in the file."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    _check_header(file, wanted)
    options = arrow_csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), include_columns=list(wanted))
    try:
        raw = arrow_csv.read_csv(str(file), convert_options=options)
    except pa.ArrowInvalid as error:
        raise TrainingError(f"{file} is not a table: {error}", file=str(file)) from None
    return {name: pc.utf8_trim_whitespace(raw[name]) for name in wanted}


def _check_header(file: Path, wanted: Sequence[str]) -> None:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            header = next(csv.reader(stream), [])
    except OSError as error:
        raise TrainingError(
            f"{file} cannot be read ({error.strerror}).", hint="Create it or name another.", file=str(file)
        ) from None
    absent = [name for name in wanted if name not in header]
    if absent:
        raise TrainingError(
            f"{file} has no column {', '.join(absent)}.",
            hint="It needs the entity, every input and the target of model.yaml.",
            file=str(file),
            columns=absent,
        )


def _blank_as_null(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(values, pa.scalar("")), pa.scalar(None, pa.string()), values)


def _required(file: Path, raw: Any, name: str) -> Any:
    for at, value in enumerate(raw[name].to_pylist()):
        if not value:
            raise _wrong(file, at, name, "", "a value")
    return raw[name]


def _numbers(file: Path, raw: Any, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _blank_as_null(raw[name])
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        at = next(at for at, text in enumerate(texts.to_pylist()) if not _is_number(text))
        raise _wrong(file, at, name, texts[at].as_py(), "a number, or nothing where it is missing") from None
    infinite = pc.fill_null(pc.is_inf(numbers), False).to_pylist()
    if any(infinite):
        at = infinite.index(True)
        raise _wrong(file, at, name, texts[at].as_py(), "a finite number")
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _is_number(text: str | None) -> bool:
    import pyarrow as pa

    try:
        pa.scalar(text, pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _target(file: Path, raw: Any, name: str) -> Any:
    import pyarrow as pa

    texts = raw[name].to_pylist()
    for at, text in enumerate(texts):
        if text not in ("0", "1"):
            raise _wrong(file, at, name, text, "1 (bad) or 0 (good)")
    return pa.array([int(text) for text in texts], pa.int8())


def _wrong(file: Path, at: int, column: str, found: str, expected: str) -> TrainingError:
    line = at + 2  # the header is line 1
    return TrainingError(
        f"{file}, line {line}, column {column}: expected {expected}, found '{found}'.",
        file=str(file),
        line=line,
        column=column,
    )
