from typing import Any

import pyarrow as pa
import pytest

from shipway.errors import EntityOverlap, TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.composition import HELD_BACK, TRAIN, check_apart, compose, entities, only
from shipway.training.split import held_back


def rows_of(table: pa.Table, split: str) -> list[dict[str, Any]]:
    return only(table, split).to_pylist()


def test_a_first_training_holds_back_a_share_of_all_entities(spec: ModelSpec, development: pa.Table) -> None:
    table = compose(development, [], spec, seen_by_champion=None)
    expected = {f"A{n}" for n in range(100) if held_back(f"A{n}", salt="loans", share=0.3)}
    assert entities(only(table, HELD_BACK)) == expected
    assert len(table) == 100
    assert table.column_names == ["entity", "origin", "business_time", "split", "LOAN", "JOB", "BAD"]


def test_a_retrain_compares_on_field_rows_of_entities_that_the_champion_never_saw(
    spec: ModelSpec, development: pa.Table, fields: list[dict[str, Any]]
) -> None:
    seen = {f"A{n}" for n in range(30)} | {"B0", "B1", "B2", "B3", "B4", "B5"}
    table = compose(development, fields, spec, seen_by_champion=seen)
    compared = rows_of(table, HELD_BACK)
    names = {row["entity"] for row in compared}
    unseen = {row["entity"] for row in fields} - seen
    assert names == {name for name in unseen if held_back(name, salt="loans/retrain", share=0.3)}
    assert names & {f"A{n}" for n in range(30, 50)}, "the sample must have applicants of both origins"
    assert {row["origin"] for row in compared} == {"field"}


def test_no_entity_stands_on_both_sides_of_a_retrain(
    spec: ModelSpec, development: pa.Table, fields: list[dict[str, Any]]
) -> None:
    table = compose(development, fields, spec, seen_by_champion=set())
    train, compared = entities(only(table, TRAIN)), entities(only(table, HELD_BACK))
    assert not train & compared
    dropped = len(development) + len(fields) - len(table)
    assert dropped == len([name for name in compared if name.startswith("A")]) > 0


def test_everything_else_trains(spec: ModelSpec, development: pa.Table, fields: list[dict[str, Any]]) -> None:
    everybody = {row["entity"] for row in fields}
    table = compose(development, fields, spec, seen_by_champion=everybody)
    assert len(rows_of(table, TRAIN)) == len(table) == 300


def test_nothing_to_train_with_is_an_error(spec: ModelSpec, development: pa.Table) -> None:
    with pytest.raises(TrainingError, match="no row to train loans with"):
        compose(development.slice(0, 0), [], spec, seen_by_champion=None)


@pytest.mark.parametrize("who", ["challenger", "champion"])
def test_a_planted_entity_is_refused_and_named(who: str) -> None:
    trained = {"challenger": set(), "champion": set(), who: {"A9", "A1", "A7", "A5", "C1"}}
    with pytest.raises(EntityOverlap, match=f"The {who} was trained with A1, A5, A7 and 1 more"):
        check_apart(trained["challenger"], {"A1", "A5", "A7", "A9", "B1"}, trained["champion"])


def test_entities_that_are_apart_pass() -> None:
    check_apart({"A1"}, {"B1"}, {"A1", "A2"})
