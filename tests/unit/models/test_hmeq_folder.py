import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.hmeq.data_layout import CATEGORIES, INPUTS, TARGET
from shipway.spec.reading import read_model

PROJECT = Path(__file__).resolve().parents[3]


def test_the_spec_reads_and_says_what_the_data_have() -> None:
    spec = read_model("hmeq")
    kinds = {name: "category" if name in CATEGORIES else "number" for name in INPUTS}
    assert (dict(spec.inputs), spec.target) == (kinds, TARGET)
    assert list(spec.inputs) == list(INPUTS)
    scoring = spec.scoring
    assert (scoring.entity, scoring.key, scoring.business_time) == ("APPLICANT", "REQUEST", "BUSINESS_TIME")


@pytest.mark.parametrize("script", ["train.py", "train_keras.py"])
def test_the_other_script_is_one_line_away(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = read_model("hmeq").folder
    copy = tmp_path / "hmeq"
    copy.mkdir()
    for name in ("golden.json", "train.py", "train_keras.py"):
        (copy / name).write_bytes((folder / name).read_bytes())
    text = (folder / "model.yaml").read_text()
    assert text.count("script: train.py ") == 1
    (copy / "model.yaml").write_text(text.replace("script: train.py ", f"script: {script} "))
    monkeypatch.setenv("SHIPWAY_MODELS", str(tmp_path))
    assert read_model("hmeq").training.script == script


def test_golden_requests_cover_missing_values_and_an_unseen_category() -> None:
    spec = read_model("hmeq")
    golden = json.loads((spec.folder / spec.golden.requests).read_text())
    assert 15 <= len(golden) <= 30
    assert all(list(one) == list(spec.inputs) for one in golden)
    jobs = {one["JOB"] for one in golden} - {None}
    assert not jobs <= {"Mgr", "Office", "Other", "ProfExe", "Sales", "Self"}
    assert all(any(one[name] is None for one in golden) for name in spec.inputs)
    assert any(None not in one.values() for one in golden)
    for one in golden:
        for name, kind in spec.inputs.items():
            assert one[name] is None or isinstance(one[name], str if kind == "category" else int | float)


def test_the_command_runs_from_anywhere_without_a_path(tmp_path: Path) -> None:
    script = PROJECT / "include" / "models" / "hmeq" / "data.py"
    command = [sys.executable, str(script), "generate", "--out", "made", "--rows", "50", "--per-quarter", "20"]
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(command, cwd=tmp_path, env=without, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0].startswith("Q1 as of 2026-04-01: 20 rows")
    assert (tmp_path / "made" / "quarters" / "Q3.csv").exists()
