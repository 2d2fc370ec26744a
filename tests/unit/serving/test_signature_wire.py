import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.errors import SignatureMismatch
from shipway.serving import check, metadata

DTYPES = st.sampled_from(["float32", "float64", "int32", "int64", "string", "bool"])
TENSORS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.fixed_dictionaries({"dtype": DTYPES, "shape": st.lists(st.none() | st.integers(0, 9), max_size=3)}),
    min_size=1,
    max_size=4,
)
GOOD = {
    "inputs": {"A": {"dtype": "float32", "shape": [None]}, "B": {"dtype": "string", "shape": [None, 1]}},
    "outputs": {"output": {"dtype": "float32", "shape": [None, 1]}},
}


@settings(deadline=None)  # a busy machine is no failure
@given(TENSORS, TENSORS)
def test_a_signature_survives_the_wire(inputs, outputs):
    signature = {"inputs": inputs, "outputs": outputs}
    assert metadata.from_wire(metadata.to_wire("m", 3, {"s": signature}), "s") == signature


def test_an_unknown_signature_is_named():
    with pytest.raises(SignatureMismatch, match="no signature 'x', only s"):
        metadata.from_wire(metadata.to_wire("m", 3, {"s": GOOD}), "x")


def test_the_promised_signature_is_accepted():
    check.compare(GOOD, {"A": "number", "B": "category"}, "output")


@pytest.mark.parametrize(
    ("inputs", "output", "said"),
    [
        ({"A": "number", "B": "category", "C": "number"}, "output", "Input 'C' of the spec is missing"),
        ({"A": "number"}, "output", "Input 'B' of the SavedModel is not in the spec"),
        ({"A": "category", "B": "category"}, "output", "'A' is a category"),
        ({"A": "number", "B": "number"}, "output", "'B' is a number"),
        ({"A": "number", "B": "category"}, "score", "Output 'score' of the spec is missing"),
    ],
)
def test_a_difference_is_named(inputs, output, said):
    with pytest.raises(SignatureMismatch, match=said):
        check.compare(GOOD, inputs, output)


def test_an_integer_input_says_how_to_cure_it():
    signature = {**GOOD, "inputs": {"LOAN": {"dtype": "int64", "shape": [None]}}}
    with pytest.raises(SignatureMismatch, match=r"'LOAN'.*missing value.*Cast numerics to float before training"):
        check.compare(signature, {"LOAN": "number"}, "output")
