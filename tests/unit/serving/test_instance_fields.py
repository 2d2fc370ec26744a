import pytest

from shipway.errors import ScoringError
from shipway.serving.instances import Fields, judge, judge_golden, with_headers

FIELDS = Fields("ENTITY", "KEY", "BUSINESS_TIME")
INPUTS = {"A": {"dtype": "float32", "shape": [None]}}


def one(**instance):
    return judge([{"ENTITY": "e", **instance}], INPUTS, FIELDS)[0]


def test_fields_of_the_log_are_kept_from_the_model():
    scored = one(KEY="k", BUSINESS_TIME="2026-01-01T00:00:00Z", A=1)
    assert (scored.entity, scored.key, scored.business_time) == ("e", "k", "2026-01-01T00:00:00+00:00")
    assert scored.features == {"A": 1.0}


def test_a_request_without_key_gets_one_of_its_own():
    assert one().key != one().key
    assert one(KEY=None).key


@pytest.mark.parametrize("entity", [7, "7", " 7 "])
def test_an_entity_may_be_a_number(entity):
    assert one(ENTITY=entity).entity == "7"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ENTITY", None, "is missing"),
        ("ENTITY", "", "is empty"),
        ("ENTITY", 1.5, "a number"),
        ("ENTITY", True, "true or false"),
        ("ENTITY", "x" * 201, "longer"),
        ("ENTITY", "a\0", "NUL"),
        ("KEY", "  ", "is empty"),
        ("KEY", ["k"], "a list"),
        ("BUSINESS_TIME", "yesterday", "ISO 8601"),
        ("BUSINESS_TIME", 20260101, "ISO 8601"),
        ("BUSINESS_TIME", "0001-01-01", "year"),
    ],
)
def test_a_bad_field_is_named(field, value, said):
    with pytest.raises(ScoringError, match=said) as caught:
        one(**{field: value})
    assert caught.value.data == {"field": field, "instance": 0}


def test_headers_are_for_one_instance_only():
    headers = {"Idempotency-Key": "k"}
    assert with_headers([{"A": 1}], headers, FIELDS) == [{"A": 1, "KEY": "k"}]
    assert with_headers([{"KEY": "own"}], headers, FIELDS) == [{"KEY": "own"}]
    with pytest.raises(ScoringError, match="Idempotency-Key: is only for requests with one instance, found 2"):
        with_headers([{}, {}], headers, FIELDS)


def test_golden_is_only_what_stands_in_the_file():
    golden = [{"A": 1}, {"A": None}]
    scored = judge_golden([{}, {"A": 1.0, "ENTITY": "ignored"}], INPUTS, FIELDS, golden)
    assert [each.entity for each in scored] == ["golden-2", "golden-1"]
    assert judge_golden([{"A": 1}, {"A": 2}], INPUTS, FIELDS, golden) is None


def test_a_golden_request_of_a_version_with_other_inputs_is_none_here():
    assert judge_golden([{"B": 1}], INPUTS, FIELDS, [{"A": 1}]) is None
