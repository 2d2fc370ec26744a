"""Find the applicants of the vendor's quarterly performance files in ``hmeq.csv``, and leave out those already seen.

Every ``HMEQPERF_<n>_Q<n>.csv`` holds the same applicants in the same order; they are the complete cases of
``hmeq.csv``, with noise on values and outcomes that grows by the quarter. A value that was left alone in at least one
quarter betrays its row of ``hmeq.csv``. A model trained on that row would be flattered by its noisy copy.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.hmeq.data_layout import CATEGORIES, INPUTS, TARGET, Quarter
from shipway.errors import TrainingError

#: Columns with nearly as many values as rows: they propose candidates, all columns then vote.
TELLING = ("MORTDUE", "VALUE", "CLAGE", "DEBTINC")

Row = dict[str, str]
#: One row's values, comparable between files.
Key = dict[str, str]


def read(folder: Path, *, seen: Callable[[str], bool]) -> tuple[list[Row], list[Quarter]]:
    """Read the real files and match them.

    :param folder: holds ``hmeq.csv`` and at least one ``HMEQPERF_<n>_Q<n>.csv``.
    :param seen: says of an applicant whether the first version was trained with it; such rows are left out.
    :returns: development rows, and the quarters in order.
    :raises TrainingError: for a missing file or column, and when the match is not one to one.
    """
    development = _read_csv(folder / "hmeq.csv")
    numbered = [{"APPLICANT": f"A{number:05d}", **row} for number, row in enumerate(development, 1)]
    files = _quarter_files(folder)
    quarters = {number: _read_csv(file) for number, file in files.items()}
    positions = match(development, list(quarters.values()))
    made = []
    for number, rows in quarters.items():
        named = [{**row, "APPLICANT": numbered[at]["APPLICANT"]} for row, at in zip(rows, positions, strict=True)]
        fresh = [row for row in named if not seen(row["APPLICANT"])]
        made.append(Quarter(number, fresh, matched=len(named), left_out=len(named) - len(fresh)))
    return numbered, made


def match(development: Sequence[Row], quarters: Sequence[Sequence[Row]]) -> list[int]:
    """Return for each applicant of the quarters its position in the development rows.

    :param development: all rows of ``hmeq.csv``.
    :param quarters: one list of rows per quarter, the same applicant at the same position in each.
    :raises TrainingError: unless every complete case is found exactly once.
    """
    complete = {at: _key(row) for at, row in enumerate(development) if all(row[name] for name in INPUTS)}
    if any(len(rows) != len(complete) for rows in quarters):
        found = ", ".join(str(len(rows)) for rows in quarters)
        raise TrainingError(
            f"hmeq.csv has {len(complete)} complete cases, but the quarters have {found} rows.",
            hint="Every HMEQPERF file must hold each complete case once.",
        )
    index = _index(complete)
    found_at = [
        _best([_key(rows[at]) for rows in quarters], complete, index, applicant=at + 1) for at in range(len(complete))
    ]
    twice = len(found_at) - len(set(found_at))
    if twice:
        raise TrainingError(
            f"{twice} of {len(found_at)} quarterly applicants match a row of hmeq.csv that another one matches too.",
            hint="The files are not those of the same data set.",
        )
    return found_at


def _best(
    noisy: Sequence[Key], complete: Mapping[int, Key], index: Mapping[tuple[str, str], set[int]], *, applicant: int
) -> int:
    """Return the complete case that shares the most columns with any of an applicant's noisy copies."""
    candidates = {at for key in noisy for name in TELLING for at in index.get((name, key[name]), ())}
    votes = sorted(
        ((sum(any(key[name] == complete[at][name] for key in noisy) for name in INPUTS), at) for at in candidates),
        reverse=True,
    )
    if not votes or (len(votes) > 1 and votes[0][0] == votes[1][0]):
        what = "no row" if not votes else f"rows {votes[0][1] + 1} and {votes[1][1] + 1} alike"
        raise TrainingError(
            f"Row {applicant} of the quarterly files matches {what} of hmeq.csv.",
            hint="Give all quarters: each leaves other values unperturbed.",
            row=applicant,
        )
    return votes[0][1]


def _index(complete: Mapping[int, Key]) -> dict[tuple[str, str], set[int]]:
    index: dict[tuple[str, str], set[int]] = defaultdict(set)
    for at, key in complete.items():
        for name in TELLING:
            index[name, key[name]].add(at)
    return index


def _key(row: Mapping[str, str]) -> Key:
    """Make values comparable: the two sources print numbers with 10 and 11 digits."""
    return {name: row[name] if name in CATEGORIES else f"{_number(row, name):.7g}" for name in INPUTS}


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise TrainingError(f"Column {name} holds '{row[name]}', which is not a number.", column=name) from None


def _quarter_files(folder: Path) -> dict[int, Path]:
    found = {}
    for file in folder.glob("HMEQPERF_*.csv"):
        named = re.fullmatch(r"HMEQPERF_(\d+)_Q(\d+)\.csv", file.name)
        if named and named[1] == named[2]:
            found[int(named[1])] = file
    if not found:
        raise TrainingError(
            f"{folder / 'HMEQPERF_1_Q1.csv'} is missing, and so is every other HMEQPERF_<n>_Q<n>.csv.",
            hint="Name the folder that holds hmeq.csv and the quarterly files.",
        )
    return dict(sorted(found.items()))


def _read_csv(file: Path) -> list[Row]:
    """Read a file whose values may be quoted and padded with blanks, with or without a byte order mark."""
    if not file.is_file():
        raise TrainingError(f"{file} is missing.", hint="Name the folder that holds it.", file=str(file))
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        header = [name.strip() for name in reader.fieldnames or ()]
        absent = [name for name in (TARGET, *INPUTS) if name not in header]
        if absent:
            raise TrainingError(f"{file} has no column {', '.join(absent)}.", file=str(file), columns=absent)
        return [{name.strip(): (value or "").strip() for name, value in row.items() if name} for row in reader]
