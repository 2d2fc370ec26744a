"""``measure``: the performance of every version with ripe scores, and the champion's verdict."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from shipway.monitoring.window import window
from shipway.records.performance import Performance
from shipway.records.scores import Labelled
from shipway.steps import points
from shipway.steps.aliases import repair
from shipway.steps.rooms import Rooms
from shipway.steps.settle import repair_traffic


def measure(rooms: Rooms, *, as_of: datetime) -> dict[str, Any]:
    """Measure a window of business time with the outcomes known at ``as_of``, and store it.

    The window ends ``ripe_days`` before ``as_of``: younger scores have too few of their outcomes yet.

    Nothing rests on the wall clock: the same ``as_of`` gives the same window, and a second run gets the stored rows.

    :param as_of: aware time, UTC.
    :returns: ``verdict`` of the champion, its figures, and a row for every version.
    :raises RecordsUnavailable: when PostgreSQL does not answer.
    """
    from shipway.records.releases import serving
    from shipway.records.scores import labelled

    rules = rooms.spec.monitoring
    start, end = window(as_of - timedelta(days=rules.ripe_days), rules.window_days)
    found = labelled(
        rooms.records,
        rooms.spec.model,
        start=start,
        end=end,
        as_of=as_of,
        outcome_days=rules.outcome_days,
        stage=rooms.last_stage,
    )
    rows = [_judge(rooms, one, start=start, end=end, as_of=as_of) for one in found]
    champion = serving(rooms.records, rooms.spec.model, rooms.last_stage)
    judged = {row.version: row for row in rows}
    of_champion = judged.get(champion.version) if champion else None
    return {
        "model": rooms.spec.model,
        "as_of": as_of.isoformat(),
        "window": [start.isoformat(), end.isoformat()],
        "champion": champion.version if champion else None,
        "verdict": of_champion.verdict if of_champion else "insufficient",
        "measured": _plain(of_champion) if of_champion else None,
        "versions": [_plain(row) for row in rows],
        "thresholds": of_champion.thresholds if of_champion else _thresholds(rooms),
        "repaired": _repair(rooms),
    }


def _judge(rooms: Rooms, found: Labelled, *, start: datetime, end: datetime, as_of: datetime) -> Performance:
    from shipway.monitoring.ks import measure as measure_ks
    from shipway.monitoring.verdict import verdict
    from shipway.records.performance import save

    measures = measure_ks(found.goods, found.bads)
    rules = rooms.spec.monitoring
    rows = measures.goods + measures.bads
    performance = Performance(
        model=rooms.spec.model,
        version=found.version,
        stage=rooms.last_stage,
        window_start=start,
        window_end=end,
        as_of=as_of,
        scored=found.scored,
        goods=measures.goods,
        bads=measures.bads,
        bad_rate=measures.bads / rows if rows else None,
        ks=measures.ks,
        auc=measures.auc,
        gini=measures.gini,
        verdict=verdict(
            measures.ks,
            measures.goods,
            measures.bads,
            ks_minimum=rules.ks_minimum,
            ks_watch=rules.ks_watch,
            minimum_events=rules.minimum_events,
        ),
        thresholds=_thresholds(rooms),
    )
    stored = save(rooms.records, performance)
    points.passed("measure.saved")
    return stored


def _thresholds(rooms: Rooms) -> dict[str, Any]:
    rules = rooms.spec.monitoring
    return {"ks_minimum": rules.ks_minimum, "ks_watch": rules.ks_watch, "minimum_events": rules.minimum_events}


def _plain(row: Performance) -> dict[str, Any]:
    names = ("version", "scored", "goods", "bads", "bad_rate", "ks", "auc", "gini", "verdict")
    return {name: getattr(row, name) for name in names}


def _repair(rooms: Rooms) -> list[str]:
    """The nightly run also repairs traffic and alias; a target or registry that is away must not cost the verdict."""
    done = []
    for what, work in (("traffic", partial(repair_traffic, stage=rooms.last_stage)), ("alias", repair)):
        try:
            done.append(work(rooms))
        except Exception as error:  # whatever an adapter raises
            done.append(f"the champion's {what} could not be checked ({type(error).__name__})")
    return [one for one in done if one]
