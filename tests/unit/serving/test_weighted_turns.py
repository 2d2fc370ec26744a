from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.serving.balance import Balance

WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100), min_size=1).filter(
    lambda one: any(one.values())
)


@settings(deadline=None)  # a busy machine is no failure
@given(WEIGHTS, st.integers(0, 300))
def test_any_full_run_gives_each_release_exactly_its_weight(weights, skipped):
    balance = Balance(weights)
    for _ in range(skipped):
        balance.pick()
    picks = Counter(balance.pick() for _ in range(sum(weights.values())))
    assert picks == Counter({name: weight for name, weight in weights.items() if weight})


def test_turns_are_spread_evenly():
    balance = Balance({"old": 90, "new": 10})
    turns = [balance.pick() for _ in range(100)]
    assert all(turns[start : start + 10].count("new") == 1 for start in range(0, 100, 10))


def test_nobody_is_picked_twice_for_one_request():
    balance = Balance({"a": 99, "b": 1, "idle": 0})
    assert balance.pick({"a"}) == "b"
    assert balance.pick({"a", "b"}) is None
    assert Balance({"idle": 0}).pick() is None
