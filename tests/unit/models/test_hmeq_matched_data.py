import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from models.hmeq import data, data_match
from models.hmeq.data_layout import CATEGORIES, INPUTS
from shipway.errors import TrainingError
from shipway.training.split import held_back

NOISE = {"LOAN", "MORTDUE", "VALUE", "YOJ"}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def perturbed(row: dict[str, str], generator: random.Random) -> dict[str, str]:
    noisy = {
        name: f"{float(row[name]) * generator.uniform(0.7, 1.3):.11g}" for name in NOISE if generator.random() < 0.4
    }
    return {"BAD": row["BAD"], **{name: row[name] for name in INPUTS}, **noisy}


def write_vendor_file(file: Path, found: list[dict[str, str]]) -> None:
    """As the vendor writes: a byte order mark, every value quoted, numbers padded with blanks."""
    lines = [",".join(f'"{name}"' for name in found[0])]
    lines += [
        ",".join(f'"{value}"' if name in CATEGORIES else f'"{value:>12}"' for name, value in row.items())
        for row in found
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")


@pytest.fixture(scope="session")
def vendor(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as the vendor's: the complete cases, shuffled, with noise, in three quarters."""
    folder = tmp_path_factory.mktemp("vendor")
    generator = random.Random(5)
    development = rows(generated / "development.csv")
    write = [{"BAD": row["BAD"], **{name: row[name] for name in INPUTS}} for row in development]
    with (folder / "hmeq.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(write[0]))
        writer.writeheader()
        writer.writerows(write)
    complete = [row for row in development if all(row.values())]
    generator.shuffle(complete)
    for number in (1, 2, 3):
        write_vendor_file(folder / f"HMEQPERF_{number}_Q{number}.csv", [perturbed(row, generator) for row in complete])
    (folder / "order.json").write_text(json.dumps([row["APPLICANT"] for row in complete]))
    return folder


@pytest.fixture
def vendor_copy(vendor: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of the vendor's folder with one line of one file changed, or the file removed."""

    def make(name: str, at: int, line: str | None) -> Path:
        for file in vendor.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        lines = (tmp_path / name).read_text().splitlines()
        lines[at : at + 1] = [] if line is None else [line]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path

    return make


def test_every_noisy_copy_finds_its_own_applicant(vendor: Path) -> None:
    _, quarters = data_match.read(vendor, seen=lambda applicant: False)
    order = json.loads((vendor / "order.json").read_text())
    assert [quarter.name for quarter in quarters] == ["Q1", "Q2", "Q3"]
    assert [[row["APPLICANT"] for row in quarter.rows] for quarter in quarters] == [order] * 3


def test_quarters_hold_only_applicants_that_the_first_version_has_not_seen(vendor: Path, tmp_path: Path) -> None:
    summary = data.match(vendor, tmp_path)
    order = json.loads((vendor / "order.json").read_text())
    fresh = [name for name in order if held_back(name, salt="hmeq", share=0.3)]
    assert 0 < len(fresh) < len(order)
    for quarter in summary["quarters"]:
        assert [row["APPLICANT"] for row in rows(tmp_path / "quarters" / f"{quarter['name']}.csv")] == fresh
        assert (quarter["rows"], quarter["matched"], quarter["left_out"]) == (
            len(fresh),
            len(order),
            len(order) - len(fresh),
        )


def test_development_keeps_all_rows_and_numbers_them(vendor: Path, tmp_path: Path) -> None:
    data.match(vendor, tmp_path)
    found = rows(tmp_path / "development.csv")
    assert [row["APPLICANT"] for row in found][:2] == ["A00001", "A00002"]
    assert [{name: row[name] for name in INPUTS} for row in found] == [
        {name: row[name] for name in INPUTS} for row in rows(vendor / "hmeq.csv")
    ]


def test_a_row_of_somebody_else_is_an_error(vendor_copy: Callable[..., Path]) -> None:
    stranger = '"0","1","2","3","HomeImp","Sales","40","0","0","7.77","0","77","7.77"'
    folder = vendor_copy("HMEQPERF_1_Q1.csv", 1, stranger)
    for number in (2, 3):
        lines = (folder / f"HMEQPERF_{number}_Q{number}.csv").read_text().splitlines()
        (folder / f"HMEQPERF_{number}_Q{number}.csv").write_text("\n".join([lines[0], stranger, *lines[2:]]))
    with pytest.raises(TrainingError, match=r"Row 1 of the quarterly files matches no row of hmeq\.csv"):
        data_match.read(folder, seen=lambda applicant: False)


def test_an_applicant_found_twice_is_an_error(vendor_copy: Callable[..., Path]) -> None:
    folder = vendor_copy("hmeq.csv", 0, "BAD,LOAN,MORTDUE,VALUE,REASON,JOB,YOJ,DEROG,DELINQ,CLAGE,NINQ,CLNO,DEBTINC")
    for number in (1, 2, 3):
        file = folder / f"HMEQPERF_{number}_Q{number}.csv"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], lines[2], *lines[2:]]))
    with pytest.raises(TrainingError, match=r"1 of \d+ quarterly applicants match a row .* that another one matches"):
        data_match.read(folder, seen=lambda applicant: False)


def test_a_quarter_with_a_row_too_few_is_an_error(vendor_copy: Callable[..., Path]) -> None:
    with pytest.raises(TrainingError, match="complete cases, but the quarters have"):
        data_match.read(vendor_copy("HMEQPERF_2_Q2.csv", 5, None), seen=lambda applicant: False)


def test_a_missing_column_is_named_with_its_file(vendor_copy: Callable[..., Path]) -> None:
    folder = vendor_copy("HMEQPERF_3_Q3.csv", 0, "BAD,LOAN,MORTDUE,VALUE,REASON,JOB,YOJ,DEROG,DELINQ,X,NINQ,CLNO,Y")
    with pytest.raises(TrainingError, match=r"HMEQPERF_3_Q3\.csv has no column CLAGE, DEBTINC"):
        data_match.read(folder, seen=lambda applicant: False)


def test_missing_files_are_named_on_the_command_line(
    vendor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["match", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert f"{tmp_path / 'hmeq.csv'} is missing" in capsys.readouterr().err
    (tmp_path / "hmeq.csv").write_bytes((vendor / "hmeq.csv").read_bytes())
    assert data.main(["match", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "HMEQPERF_1_Q1.csv is missing" in capsys.readouterr().err
