"""Sample data for the model hmeq: generated ones, or the real files matched to their applicants.

Both commands write the same layout::

    <out>/development.csv      APPLICANT, the 12 inputs, BAD
    <out>/quarters/Q1.csv      APPLICANT, REQUEST, BUSINESS_TIME, the 12 inputs
    <out>/outcomes/Q1.csv      APPLICANT, BAD, OCCURRED_AT, KNOWN_AT
    <out>/summary.json         rows, bad rate, rows matched and left out, and date (as_of) of every quarter

Examples::

    python include/models/hmeq/data.py generate --out var/data/hmeq
    python include/models/hmeq/data.py generate --out var/data/hmeq --quarters 4     # the drift stays after Q3
    python include/models/hmeq/data.py match --data ../hmeq-files --out var/data/hmeq
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a plain script, from anywhere
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from models.hmeq import data_layout
from shipway.errors import ShipwayError
from shipway.spec.reading import read_model
from shipway.training.split import held_back


def generate(
    out: Path, *, seed: int = 7, rows: int = 5960, per_quarter: int = 2000, quarters: int = 3
) -> dict[str, Any]:
    """Write generated applicants.

    :param out: folder to write to.
    :param rows: development rows.
    :param per_quarter: rows of each quarter, all new applicants.
    :param quarters: how many; from the third on the drift stays as it is.
    :returns: the content of ``summary.json``.
    """
    from models.hmeq import data_generate

    development = _as_rows(data_generate.development(seed, rows), first=1)
    made = []
    for number in range(1, quarters + 1):
        drawn = data_generate.quarter(seed, number, per_quarter)
        applicants = _as_rows(drawn, first=rows + (number - 1) * per_quarter + 1)
        made.append(data_layout.Quarter(number, applicants, matched=per_quarter))
    return data_layout.write(out, development, made)


def match(data: Path, out: Path) -> dict[str, Any]:
    """Write the real applicants; the quarters hold only those that the first version has not seen.

    :param data: folder with ``hmeq.csv`` and ``HMEQPERF_<n>_Q<n>.csv``.
    :param out: folder to write to.
    :returns: the content of ``summary.json``.
    :raises TrainingError: for a missing file or column, and when the match is not one to one.
    """
    from models.hmeq import data_match

    spec = read_model("hmeq")

    def seen(applicant: str) -> bool:
        return not held_back(applicant, salt=spec.model, share=spec.training.held_back)

    return data_layout.write(out, *data_match.read(data, seen=seen))


def _as_rows(columns: Any, *, first: int) -> list[dict[str, str]]:
    names = list(columns)
    lists = [columns[name].tolist() for name in names]
    return [
        {"APPLICANT": f"A{number:05d}", **{name: _text(value) for name, value in zip(names, values, strict=True)}}
        for number, values in enumerate(zip(*lists, strict=True), first)
    ]


def _text(value: float | int | str) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.10g}"
    return str(value)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("generate", help="seeded, drifting, HMEQ-like applicants")
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--rows", type=int, default=5960, help="development rows")
    made.add_argument("--per-quarter", type=int, default=2000)
    made.add_argument("--quarters", type=int, default=3)
    found = commands.add_parser("match", help="the real files, matched to their applicants")
    found.add_argument("--data", type=Path, required=True, help="folder with hmeq.csv and HMEQPERF_<n>_Q<n>.csv")
    for command in (made, found):
        command.add_argument("--out", type=Path, required=True)
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Run the command line; print one line per quarter.

    :param given: arguments; those of the process when None.
    :returns: exit code, 1 for an error that was explained.
    """
    asked = vars(_arguments(given))
    command = {"generate": generate, "match": match}[asked.pop("command")]
    try:
        summary = command(**asked)
    except ShipwayError as error:
        print(error, file=sys.stderr)
        return 1
    for quarter in summary["quarters"]:
        line = f"{quarter['name']} as of {quarter['as_of']}: {quarter['rows']} rows, bad rate {quarter['bad_rate']:.3f}"
        if quarter["left_out"]:
            line += f"; {quarter['matched']} matched, {quarter['left_out']} left out: version 1 has seen them"
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
