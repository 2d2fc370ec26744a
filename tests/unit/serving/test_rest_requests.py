import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.errors import ScoringError
from shipway.serving import tfrest

SCALARS = st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=5))
ROWS = st.lists(st.fixed_dictionaries({"A": SCALARS, "B": SCALARS}), min_size=1, max_size=5)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)  # a busy machine is no failure
@given(ROWS)
def test_rows_and_columns_say_the_same(rows):
    columns = {name: [row[name] for row in rows] for name in ("A", "B")}
    by_row = tfrest.parse(json.dumps({"instances": rows}).encode())
    by_column = tfrest.parse(json.dumps({"inputs": columns}).encode())
    assert by_row.instances == by_column.instances == rows
    assert (by_row.layout, by_column.layout) == ("row", "column")


@settings(deadline=None)  # a busy machine is no failure
@given(ANYTHING, st.sampled_from(["instances", "inputs", "signature_name", "else"]), st.sampled_from([None, "A"]))
def test_any_json_is_read_or_refused_with_a_field(value, key, only_input):
    body = json.dumps({key: value} if key in ("instances", "inputs") else {"instances": [{}], key: value}).encode()
    try:
        assert tfrest.parse(body, only_input).instances
    except ScoringError as error:
        assert "field" in error.data  # noqa: PT017


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body):
    with pytest.raises(ScoringError):
        tfrest.parse(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"instances": [' + b"9" * 5000 + b"]}", b'{"instances": "\xff"}'])
def test_what_python_cannot_read_is_refused(body):
    with pytest.raises(ScoringError, match="not JSON"):
        tfrest.parse(body)


def test_a_single_input_needs_no_name():
    assert tfrest.parse(b'{"instances": [1, 2]}', "A").instances == [{"A": 1}, {"A": 2}]
    assert tfrest.parse(b'{"inputs": [1, 2]}', "A").instances == [{"A": 1}, {"A": 2}]
    with pytest.raises(ScoringError, match=r"instances\[0\]: expected an object, found a number"):
        tfrest.parse(b'{"instances": [1, 2]}')


def test_the_name_of_a_single_output_is_left_out():
    assert tfrest.answer("row", {"o": [1, 2]}) == {"predictions": [1, 2]}
    assert tfrest.answer("row", {"o": [1, 2], "p": [3, 4]}) == {"predictions": [{"o": 1, "p": 3}, {"o": 2, "p": 4}]}
    assert tfrest.answer("column", {"o": [1, 2]}) == {"outputs": [1, 2]}
    assert tfrest.answer("column", {"o": [1], "p": [3]}) == {"outputs": {"o": [1], "p": [3]}}
