import pytest

from shipway.monitoring.verdict import verdict

RULES = {"ks_minimum": 0.45, "ks_watch": 0.50, "minimum_events": 30}


@pytest.mark.parametrize(
    ("ks", "goods", "bads", "expected"),
    [
        (0.50, 30, 30, "healthy"),
        (0.4999, 30, 30, "watch"),
        (0.45, 30, 30, "watch"),
        (0.4499, 30, 30, "underperforming"),
        (0.0, 30, 30, "underperforming"),
        (0.9, 29, 30, "insufficient"),
        (0.9, 30, 29, "insufficient"),
        (0.1, 29, 30, "insufficient"),
        (None, 30, 30, "insufficient"),
        (None, 0, 0, "insufficient"),
    ],
)
def test_the_verdict_at_its_edges(ks, goods, bads, expected):
    assert verdict(ks, goods, bads, **RULES) == expected


def test_without_room_to_watch_a_model_is_healthy_or_not():
    rules = {"ks_minimum": 0.45, "ks_watch": 0.45, "minimum_events": 1}
    assert [verdict(ks, 9, 9, **rules) for ks in (0.44, 0.45)] == ["underperforming", "healthy"]
