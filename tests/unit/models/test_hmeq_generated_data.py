import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.hmeq import data, data_generate
from models.hmeq.data_layout import INPUTS

QUARTERS = ("Q1", "Q2", "Q3", "Q4")


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(generated: Path, tmp_path: Path) -> None:
    data.generate(tmp_path / "same", seed=7, rows=3000, per_quarter=1000, quarters=4)
    data.generate(tmp_path / "other", seed=8, rows=3000, per_quarter=1000, quarters=4)
    files = sorted(file.relative_to(generated) for file in generated.rglob("*") if file.is_file())
    assert len(files) == 10
    assert all((tmp_path / "same" / file).read_bytes() == (generated / file).read_bytes() for file in files)
    assert (tmp_path / "other" / files[0]).read_bytes() != (generated / files[0]).read_bytes()


def test_a_quarter_does_not_depend_on_how_many_are_drawn(generated: Path, tmp_path: Path) -> None:
    data.generate(tmp_path, seed=7, rows=3000, per_quarter=1000, quarters=2)
    assert (tmp_path / "quarters" / "Q2.csv").read_bytes() == (generated / "quarters" / "Q2.csv").read_bytes()


def test_every_file_has_its_columns(generated: Path) -> None:
    heads = {
        file: list(rows(generated / file)[0]) for file in ("development.csv", "quarters/Q1.csv", "outcomes/Q1.csv")
    }
    assert heads["development.csv"] == ["APPLICANT", *INPUTS, "BAD"]
    assert heads["quarters/Q1.csv"] == ["APPLICANT", "REQUEST", "BUSINESS_TIME", *INPUTS]
    assert heads["outcomes/Q1.csv"] == ["APPLICANT", "BAD", "OCCURRED_AT", "KNOWN_AT"]


def test_quarters_hold_new_applicants_and_every_request_is_unique(generated: Path) -> None:
    files = [generated / "development.csv", *(generated / "quarters" / f"{name}.csv" for name in QUARTERS)]
    applicants = [row["APPLICANT"] for file in files for row in rows(file)]
    requests = [row["REQUEST"] for file in files[1:] for row in rows(file)]
    assert len(set(applicants)) == len(applicants) == 7000
    assert len(set(requests)) == len(requests) == 4000


def test_times_lie_where_a_monitoring_run_at_the_quarters_end_finds_them(generated: Path) -> None:
    summary = json.loads((generated / "summary.json").read_text())
    for quarter in summary["quarters"]:
        as_of = datetime.fromisoformat(quarter["as_of"] + "T00:00:00+00:00")
        outcomes = {row["APPLICANT"]: row for row in rows(generated / "outcomes" / f"{quarter['name']}.csv")}
        for row in rows(generated / "quarters" / f"{quarter['name']}.csv"):
            asked = datetime.fromisoformat(row["BUSINESS_TIME"])
            occurred = datetime.fromisoformat(outcomes[row["APPLICANT"]]["OCCURRED_AT"])
            known = datetime.fromisoformat(outcomes[row["APPLICANT"]]["KNOWN_AT"])
            assert as_of - timedelta(days=90) <= asked < as_of - timedelta(days=30)
            assert asked < occurred < known < as_of
            assert occurred - asked <= timedelta(days=60)


def test_the_summary_counts_what_lies_in_the_files(generated: Path) -> None:
    summary = json.loads((generated / "summary.json").read_text())
    assert [quarter["as_of"] for quarter in summary["quarters"]] == [
        "2026-04-01",
        "2026-06-30",
        "2026-09-28",
        "2026-12-27",
    ]
    for quarter in summary["quarters"]:
        bads = [row["BAD"] for row in rows(generated / "outcomes" / f"{quarter['name']}.csv")]
        assert quarter["rows"] == quarter["matched"] == len(bads) == 1000
        assert quarter["left_out"] == 0
        assert quarter["bad_rate"] == pytest.approx(bads.count("1") / 1000)


def test_development_looks_like_hmeq() -> None:
    drawn = data_generate.development(3, 20_000)
    bad = drawn["BAD"] == 1
    lacking = np.isnan(drawn["DEBTINC"])
    assert bad.mean() == pytest.approx(0.20, abs=0.02)
    assert (lacking[bad].mean(), lacking[~bad].mean()) == pytest.approx((0.66, 0.10), abs=0.02)
    means = {"LOAN": 18_608, "VALUE": 101_776, "MORTDUE": 73_761, "YOJ": 8.9, "CLAGE": 180, "CLNO": 21.3, "DEBTINC": 34}
    assert {name: np.nanmean(drawn[name]) for name in means} == pytest.approx(means, rel=0.06)
    counts = {"DEROG": 0.25, "DELINQ": 0.45, "NINQ": 1.19}
    assert {name: np.nanmean(drawn[name]) for name in counts} == pytest.approx(counts, abs=0.06)


def test_the_drift_grows_and_then_stays() -> None:
    loans = [np.median(data_generate.quarter(5, number, 20_000)["LOAN"]) for number in (1, 2, 3, 4)]
    assert loans[0] < loans[1] < loans[2]
    assert loans[3] == pytest.approx(loans[2], rel=0.03)
