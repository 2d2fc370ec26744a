from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from shipway.errors import ShipwayError
from shipway.monitoring.window import window


def test_a_window_ends_where_it_is_asked():
    end = datetime(2026, 3, 31, 3, tzinfo=UTC)
    assert window(end, 90) == (datetime(2025, 12, 31, 3, tzinfo=UTC), end)


def test_a_window_is_in_utc_and_has_whole_days_across_a_change_of_clocks():
    start, end = window(datetime(2026, 3, 30, tzinfo=ZoneInfo("Europe/Berlin")), 7)
    assert (start.tzinfo, end.tzinfo) == (UTC, UTC)
    assert end - start == timedelta(days=7)
    assert end == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_the_zone_does_not_move_the_window():
    here = datetime(2026, 3, 31, 5, tzinfo=timezone(timedelta(hours=2)))
    assert window(here, 1) == window(here.astimezone(UTC), 1)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ShipwayError, match="has no time zone"):
        window(datetime(2026, 3, 31), 90)  # noqa: DTZ001 - that is the point


def test_a_window_has_a_length():
    with pytest.raises(ShipwayError, match="has no length"):
        window(datetime(2026, 3, 31, tzinfo=UTC), 0)
