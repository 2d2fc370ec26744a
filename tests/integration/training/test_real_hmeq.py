import json
from pathlib import Path

import pytest

from shipway.training.snapshot import held_back_entities

from .conftest import Scored, Trained, read_quarter

#: KS on applicants that training has not seen, measured independently of this project's code.
MEASURED = {"Q1": 0.60, "Q2": 0.42, "Q3": 0.35}


def test_all_complete_cases_are_matched_one_to_one(real: Path) -> None:
    summary = json.loads((real / "summary.json").read_text())
    assert summary["development"]["rows"] == 5960
    assert [quarter["matched"] for quarter in summary["quarters"]] == [3364] * 3
    assert all(quarter["rows"] + quarter["left_out"] == 3364 for quarter in summary["quarters"])
    names = {row["entity"] for row in read_quarter(real, "Q1")}
    assert len(names) == summary["quarters"][0]["rows"] > 900


@pytest.mark.slow
def test_quarters_hold_nobody_that_the_first_version_has_seen(real: Path, real_champion: Trained) -> None:
    snapshot = real_champion.snapshot
    unseen = held_back_entities(snapshot.path.parent, snapshot.digest)
    for name in MEASURED:
        assert {row["entity"] for row in read_quarter(real, name)} <= unseen


@pytest.mark.slow
def test_the_first_version_is_good_on_held_back_applicants(real_scored: Scored) -> None:
    assert real_scored.ks("held_back") >= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURED)
def test_it_decays_by_the_quarter_as_measured(name: str, real_scored: Scored) -> None:
    assert real_scored.ks(name) == pytest.approx(MEASURED[name], abs=0.06)
