from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.errors import ScoringError
from shipway.spec.model import ModelSpec
from shipway.tables import read_applicants, read_outcomes

SPEC = ModelSpec(model="toy", title="Toy", inputs={"A": "number", "B": "category"}, target="BAD")
APPLICANTS = "ENTITY,A,B"
OUTCOMES = "ENTITY,BAD,OCCURRED_AT,KNOWN_AT"
READERS = {APPLICANTS: read_applicants, OUTCOMES: read_outcomes}


@pytest.fixture
def table(tmp_path):
    def write(text):
        file = tmp_path / "table.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def refusal(table, header, text):
    with pytest.raises(ScoringError) as error:
        READERS[header](SPEC, table(text))
    return str(error.value)


def test_applicants_are_numbers_texts_and_missing_values(table):
    file = table("\ufeffKEY,ENTITY,A,B,COMMENT\r\nk1,ada,1e3, x ,fine\r\n\r\n,bob,,,\r\n")
    assert read_applicants(SPEC, file) == [
        {"KEY": "k1", "ENTITY": "ada", "A": 1000.0, "B": "x"},
        {"KEY": None, "ENTITY": "bob", "A": None, "B": None},
    ]


def test_a_table_of_nobody_is_empty(table):
    assert read_applicants(SPEC, table(APPLICANTS)) == []


def test_outcomes_are_zero_or_one_with_times_that_have_a_zone(table):
    file = table(f"{OUTCOMES}\nada,1,2026-01-01,2026-02-01T00:00:00+01:00\nbob,0.0,2026-01-01,2026-02-01\n")
    (ada, bob) = read_outcomes(SPEC, file)
    assert ada[:3] == ("ada", 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert ada[3].utcoffset() == timedelta(hours=1)
    assert bob[:2] == ("bob", 0)


@pytest.mark.parametrize("header", READERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "has no columns ENTITY, "),
        (b"\n", "has no columns ENTITY, "),
        (b"ENTITY;A;B;BAD\n", "has no columns ENTITY, "),
        ("{header},ENTITY\n", "has more than one column ENTITY."),
        ("{header}\nada,1\n", "Row 2 of {file} has 2 values, the header names {count}."),
        ("{header}\n\nada,1,x,y,z\n", "Row 3 of {file} has 5 values, the header names {count}."),
        ("{header}\nJosé,1".encode("latin-1").replace(b"{header}", b"ENTITY,A,B"), "is not UTF-8. Save it with"),
        ('{header}\n"' + "x" * 200_000 + '"\n', "is not good CSV: field larger than field limit"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_named_with_its_place(table, header, text, expected):
    text = text if isinstance(text, bytes) else text.replace("{header}", header)
    file = table(text)
    assert expected.format(file=file, count=header.count(",") + 1) in refusal(table, header, text)


@pytest.mark.parametrize("header", READERS)
@pytest.mark.parametrize(("place", "expected"), [("nowhere.csv", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, header, place, expected):
    with pytest.raises(ScoringError, match=f"cannot be read \\({expected}"):
        READERS[header](SPEC, tmp_path / place)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (APPLICANTS, "ada,20k,x", "Row 2: A is '20k', not a number."),
        (APPLICANTS, "ada,nan,x", "Row 2: A is 'nan', not a finite number. A missing value is an empty one."),
        (APPLICANTS, "ada,-inf,x", "Row 2: A is '-inf', not a finite number."),
        (APPLICANTS, "ada,1e999,x", "Row 2: A is '1e999', not a finite number."),
        (OUTCOMES, "ada,inf,2026-01-01,2026-01-02", "Row 2: BAD is 'inf', neither 0 nor 1."),
        (OUTCOMES, "ada,nan,2026-01-01,2026-01-02", "Row 2: BAD is 'nan', neither 0 nor 1."),
        (OUTCOMES, "ada,0.7,2026-01-01,2026-01-02", "Row 2: BAD is '0.7', neither 0 nor 1."),
        (OUTCOMES, "ada,-0.5,2026-01-01,2026-01-02", "Row 2: BAD is '-0.5', neither 0 nor 1."),
        (OUTCOMES, "ada,2,2026-01-01,2026-01-02", "Row 2: BAD is '2', neither 0 nor 1."),
        (OUTCOMES, "ada,,2026-01-01,2026-01-02", "Row 2: BAD is '', neither 0 nor 1."),
        (OUTCOMES, "ada,1,yesterday,2026-01-02", "Row 2: OCCURRED_AT is 'yesterday', not a time in ISO 8601."),
        (OUTCOMES, "ada,1,2026-01-01,", "Row 2: KNOWN_AT is '', not a time in ISO 8601."),
        (OUTCOMES, " ,1,2026-01-01,2026-01-02", "Row 2: ENTITY is empty."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_row_and_column(table, header, row, expected):
    assert refusal(table, header, f"{header}\n{row}\n").startswith(expected)


@pytest.mark.parametrize("header", READERS)
@given(content=st.binary(max_size=80) | st.text("\n\r,\";0a'\0", max_size=60))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_file_it_is_a_table_or_one_sentence(table, header, content):
    body = content if isinstance(content, bytes) else content.encode()
    for text in (body, header.encode() + b"\n" + body):
        with contextlib.suppress(ScoringError):
            READERS[header](SPEC, table(text))
