"""The layout that both ``generate`` and ``match`` write: development data, quarters, outcomes, a summary.

Nothing here depends on a clock: the same rows give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

INPUTS = ("LOAN", "MORTDUE", "VALUE", "REASON", "JOB", "YOJ", "DEROG", "DELINQ", "CLAGE", "NINQ", "CLNO", "DEBTINC")
CATEGORIES = ("REASON", "JOB")
TARGET = "BAD"

#: Quarter k is looked at 90 · k days after this date.
START = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)
#: Applicants ask in the first 60 days of a quarter; their outcomes are known before it ends.
ASKING = timedelta(days=60)

Row = Mapping[str, str]


@dataclass(frozen=True)
class Quarter:
    """One quarter's rows: column → text as in the file, with APPLICANT and BAD.

    :param number: from 1; gives the dates.
    :param matched: rows whose applicant is known.
    :param left_out: rows not written, because the first version has seen their applicants.
    """

    number: int
    rows: Sequence[Row]
    matched: int
    left_out: int = 0

    @property
    def name(self) -> str:
        """``Q1``, ``Q2``, …."""
        return f"Q{self.number}"

    @property
    def as_of(self) -> datetime:
        """The date of the monitoring run that judges this quarter, UTC."""
        return START + self.number * QUARTER

    @property
    def bad_rate(self) -> float:
        """Share of bads among the rows, 0 when there are none."""
        return sum(row[TARGET] == "1" for row in self.rows) / len(self.rows) if self.rows else 0.0


def write(out: Path, development: Sequence[Row], quarters: Sequence[Quarter]) -> dict[str, Any]:
    """Write all files below a folder.

    :param out: created when missing; files of the same names are replaced.
    :param development: rows with APPLICANT, the inputs and BAD.
    :returns: the content of ``summary.json``.
    """
    _write_csv(out / "development.csv", ("APPLICANT", *INPUTS, TARGET), development)
    for quarter in quarters:
        timed = [{**row, **_times(quarter, row)} for row in quarter.rows]
        asked = ("APPLICANT", "REQUEST", "BUSINESS_TIME", *INPUTS)
        _write_csv(out / "quarters" / f"{quarter.name}.csv", asked, timed)
        known = ("APPLICANT", TARGET, "OCCURRED_AT", "KNOWN_AT")
        _write_csv(out / "outcomes" / f"{quarter.name}.csv", known, timed)
    summary = _summary(development, quarters)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def _summary(development: Sequence[Row], quarters: Sequence[Quarter]) -> dict[str, Any]:
    bads = sum(row[TARGET] == "1" for row in development)
    return {
        "development": {"rows": len(development), "bad_rate": round(bads / max(1, len(development)), 4)},
        "quarters": [
            {
                "name": quarter.name,
                "rows": len(quarter.rows),
                "bad_rate": round(quarter.bad_rate, 4),
                "matched": quarter.matched,
                "left_out": quarter.left_out,
                "as_of": quarter.as_of.date().isoformat(),
            }
            for quarter in quarters
        ],
    }


def _times(quarter: Quarter, row: Row) -> dict[str, str]:
    """Place one row in its quarter, by the applicant's hash: asked, defaulted or paid, known."""
    applicant = row["APPLICANT"]
    asked = quarter.as_of - QUARTER + _seconds(ASKING * _unit(quarter.name, applicant, "asked"))
    room = min(timedelta(days=60), quarter.as_of - asked)
    occurred = asked + _seconds(room * (0.3 + 0.6 * _unit(quarter.name, applicant, "occurred")))
    return {
        "REQUEST": f"{quarter.name}-{applicant}",
        "BUSINESS_TIME": asked.isoformat(),
        "OCCURRED_AT": occurred.isoformat(),
        "KNOWN_AT": (occurred + _seconds(room * 0.05)).isoformat(),
    }


def _seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()))


def _unit(*words: str) -> float:
    """Return a number in [0, 1) that looks random and is the same on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big") / 2**64


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
