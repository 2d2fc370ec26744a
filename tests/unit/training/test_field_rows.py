from typing import Any

import pytest

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.fields import field_table

ROW: dict[str, Any] = {
    "entity": "A1",
    "business_time": "2026-01-02T03:04:05+01:00",
    "features": {"LOAN": 5, "JOB": "Mgr"},
    "bad": True,
}


def test_features_become_columns_and_what_is_absent_is_missing(spec: ModelSpec) -> None:
    rows = [ROW, {**ROW, "features": {"LOAN": float("nan"), "JOB": ""}}, {**ROW, "features": {"OTHER": 1}, "bad": 0}]
    table = field_table(rows, spec)
    assert table["LOAN"].to_pylist() == [5.0, None, None]
    assert table["JOB"].to_pylist() == ["Mgr", None, None]
    assert table["BAD"].to_pylist() == [1, 1, 0]
    assert table["business_time"][0].as_py().isoformat() == "2026-01-02T02:04:05+00:00"


@pytest.mark.parametrize("features", [{"LOAN": "5"}, {"LOAN": True}, {"LOAN": float("inf")}, {"JOB": 5}], ids=str)
def test_a_feature_of_the_wrong_kind_is_named_with_its_entity(spec: ModelSpec, features: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=f"Feature {next(iter(features))} of entity A1: expected a"):
        field_table([{**ROW, "features": features}], spec)


def test_a_time_without_zone_is_refused(spec: ModelSpec) -> None:
    with pytest.raises(TrainingError, match="entity A1 has no zone"):
        field_table([{**ROW, "business_time": "2026-01-02T03:04:05"}], spec)
