import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.errors import ScoringError
from shipway.serving import values

INPUTS = {
    "F": {"dtype": "float32", "shape": [None]},
    "D": {"dtype": "float64", "shape": [None, 1]},
    "S": {"dtype": "string", "shape": [None]},
}
WHOLE = {"I": {"dtype": "int64", "shape": [None]}}


@settings(deadline=None)  # a busy machine is no failure
@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(-(2**1000), 2**1000))
def test_finite_numbers_come_through(single, whole):
    cleaned = values.clean({"F": single, "D": [whole]}, INPUTS, 0)
    assert cleaned == {"F": single, "D": float(whole), "S": ""}


@pytest.mark.parametrize("missing", [{}, {"F": None, "D": None, "S": None}, {"F": math.nan, "D": [math.nan]}])
def test_all_spellings_of_missing_are_one(missing):
    assert values.clean(missing, INPUTS, 0) == {"F": None, "D": None, "S": ""}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("F", "12", "expected a number, found text"),
        ("F", True, "expected a number, found true or false"),
        ("F", [1], "expected a number, found a list"),
        ("F", 1e39, "too large for a float32"),
        ("F", math.inf, "too large"),
        ("D", 10**400, "too large for a float64"),
        ("D", [1, 2], "expected a number, found a list"),
        ("S", 3, "expected text, found a number"),
        ("S", "a\0", "NUL"),
        ("S", "\ud800", "surrogate"),
        ("f", 3, "Did you mean 'F'"),
        ("ZZZ", 3, "Known: F, D, S"),
    ],
)
def test_a_bad_value_is_named_with_its_instance(field, value, said):
    with pytest.raises(ScoringError, match=said) as caught:
        values.columns([{}, {field: value}], INPUTS)
    assert caught.value.data == {"field": field, "instance": 1}


@pytest.mark.parametrize("value", [None, 1.5, 2**63, True, "1", math.nan, math.inf])
def test_whole_numbers_cannot_be_missing_or_broken(value):
    with pytest.raises(ScoringError, match="field 'I'"):
        values.clean({"I": value}, WHOLE, 0)


def test_whole_numbers_may_be_written_with_a_point():
    assert values.clean({"I": 3.0}, WHOLE, 0) == {"I": 3}
