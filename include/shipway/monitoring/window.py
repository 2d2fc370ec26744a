"""Windows of business time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shipway.errors import ShipwayError


def window(as_of: datetime, days: int) -> tuple[datetime, datetime]:
    """Return start and end, both in UTC, of the window that ends at a time; the end itself is not in it.

    :param as_of: a time with a zone.
    :param days: length; each day has 24 hours.
    :raises ShipwayError: for a time without a zone, or a window without length.
    """
    if as_of.tzinfo is None:
        raise ShipwayError(f"{as_of.isoformat()} has no time zone.", hint="Give an aware time, for example in UTC.")
    if days < 1:
        raise ShipwayError(f"A window of {days} days has no length.", hint="Give at least one day.")
    end = as_of.astimezone(UTC)
    return end - timedelta(days=days), end
