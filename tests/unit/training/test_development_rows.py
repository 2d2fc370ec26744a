from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.rows import read_development

HEADER = "APPLICANT,LOAN,JOB,BAD\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "rows.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_columns_are_typed_by_the_spec_and_empty_is_missing(spec: ModelSpec, tmp_path: Path) -> None:
    table = read_development(written(tmp_path, HEADER + "A1,12.5,Mgr,1\nA2,,,0\nA3,nan,7,0\n"), spec)
    assert table.to_pylist() == [
        {"entity": "A1", "LOAN": 12.5, "JOB": "Mgr", "BAD": 1},
        {"entity": "A2", "LOAN": None, "JOB": None, "BAD": 0},
        {"entity": "A3", "LOAN": None, "JOB": "7", "BAD": 0},
    ]
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "string", "int8"]


def test_a_byte_order_mark_quotes_blanks_and_other_columns_do_no_harm(spec: ModelSpec, tmp_path: Path) -> None:
    text = '\ufeff"BAD","OTHER","JOB","LOAN","APPLICANT"\n"   1","x","Mgr ","   7","A1"\n'
    assert read_development(written(tmp_path, text), spec).to_pylist() == [
        {"entity": "A1", "LOAN": 7.0, "JOB": "Mgr", "BAD": 1}
    ]


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [
        ("A2,abc,Mgr,0", "LOAN", "'abc'"),
        ("A2,inf,Mgr,0", "LOAN", "'inf'"),
        ("A2,1,Mgr,2", "BAD", "'2'"),
        ("A2,1,Mgr,", "BAD", "''"),
        (",1,Mgr,0", "APPLICANT", "''"),
    ],
)
def test_a_wrong_value_is_named_with_line_and_column(
    spec: ModelSpec, tmp_path: Path, line: str, column: str, found: str
) -> None:
    with pytest.raises(TrainingError, match=f"line 3, column {column}: .* found {found}") as caught:
        read_development(written(tmp_path, f"{HEADER}A1,1,Mgr,0\n{line}\nA3,1,Mgr,0\n"), spec)
    assert caught.value.data["line"] == 3


def test_missing_columns_are_named(spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has no column LOAN, BAD"):
        read_development(written(tmp_path, "APPLICANT,JOB\nA1,Mgr\n"), spec)


def test_a_missing_file_is_named(spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing\.csv cannot be read"):
        read_development(tmp_path / "nothing.csv", spec)


def test_a_ragged_file_is_refused(spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is not a table"):
        read_development(written(tmp_path, HEADER + "A1,1\n"), spec)


def test_no_file_is_no_rows(spec: ModelSpec) -> None:
    table = read_development(None, spec)
    assert (len(table), table.column_names) == (0, ["entity", "LOAN", "JOB", "BAD"])


def test_an_input_cannot_have_the_name_of_a_snapshot_column(spec: ModelSpec, tmp_path: Path) -> None:
    clashing = spec.model_copy(update={"inputs": {"origin": "number"}})
    with pytest.raises(TrainingError, match="'origin' cannot be an input"):
        read_development(written(tmp_path, "APPLICANT,origin,BAD\nA1,1,0\n"), clashing)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read_as_it_was_written(
    value: float, spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = written(tmp_path_factory.getbasetemp(), f"{HEADER}A1,{value!r},Mgr,0\n")
    assert read_development(file, spec)["LOAN"].to_pylist() == [value]
