import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.training.split import held_back


@pytest.mark.parametrize(
    ("entity", "salt", "at"),
    [
        ("A00001", "hmeq", 0.0525686),
        ("A00002", "hmeq", 0.4436003),
        ("A00001", "hmeq/retrain", 0.6357617),
        ("Müller", "", 0.5595579),
    ],
)
def test_the_place_of_an_entity_is_the_same_on_every_machine(entity: str, salt: str, at: float) -> None:
    assert not held_back(entity, salt=salt, share=at - 1e-6)
    assert held_back(entity, salt=salt, share=at + 1e-6)


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_back_everybody_that_a_smaller_one_does(
    entity: str, salt: str, a: float, b: float
) -> None:
    if held_back(entity, salt=salt, share=min(a, b)):
        assert held_back(entity, salt=salt, share=max(a, b))


def test_the_share_is_met_and_another_salt_holds_back_others() -> None:
    one, other = ({n for n in range(20_000) if held_back(f"E{n}", salt=salt, share=0.3)} for salt in ("a", "b"))
    assert len(one) / 20_000 == pytest.approx(0.3, abs=0.015)
    assert len(one & other) / len(one) == pytest.approx(0.3, abs=0.03)


def test_nobody_and_everybody() -> None:
    assert not held_back("A", salt="", share=0.0)
    assert held_back("A", salt="", share=1.0)


def test_salt_and_entity_cannot_be_confused() -> None:
    places = (("a", "bc"), ("ab", "c"))
    assert len({tuple(held_back(e, salt=s, share=k / 64) for k in range(65)) for s, e in places}) == 2
