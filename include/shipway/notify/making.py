"""Small helpers of the texts: how figures, versions and times are written, the same in every message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from shipway.notify.message import Message, Tone


class Extras(TypedDict, total=False):
    """What every text takes besides its own arguments.

    ``run_id``: the Airflow run; ``url``: the page where a reader looks or acts; ``facts``: further label and value
    pairs, written after the text's own.
    """

    run_id: str
    url: str
    facts: Mapping[str, object]


def make(
    event: str,
    model: str,
    *,
    tone: Tone,
    title: str,
    text: str,
    rows: Mapping[str, object],
    extras: Extras,
    button: str = "Open the run",
) -> Message:
    """Put a message together.

    :param event: the word for programs.
    :param model: name of the model, or empty.
    :param tone: colour of the card.
    :param title: one line.
    :param text: the sentences.
    :param rows: label → value, the most important first; None and empty values are left out.
    :param extras: run, page and further facts of the caller.
    :param button: what the link to ``url`` is called.
    """
    run_id, url = extras.get("run_id", ""), extras.get("url", "")
    facts = {**rows, **extras.get("facts", {}), "Run": run_id}
    return Message(
        event=event,
        title=title,
        text=text,
        tone=tone,
        facts=tuple((label, written(value)) for label, value in facts.items() if value not in (None, "")),
        links=((button, url),) if url else (),
        model=model,
        run_id=run_id,
    )


def written(value: object) -> str:
    """Write a value for people: yes and no, at most four digits after the point, thousands apart, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(written(item) for item in value)
    return str(value)


def figure(value: float | None) -> str:
    """Write a statistic with three digits, a tiny one in powers of ten, a missing one in words."""
    if value is None or value != value:
        return "not available"
    return f"{value:.3g}" if value and abs(value) < 0.0005 else f"{value:.3f}"


def version_name(version: int | None) -> str:
    """Write a version: ``version 4``, or ``no version``."""
    return "no version" if version is None else f"version {version}"


def span(seconds: float) -> str:
    """Write a length of time in the largest unit that fits: ``24 hours``, ``90 seconds``."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _count(int(seconds // size), unit)
    return _count(seconds, "second")


def short(digest: str) -> str:
    """Write the first twelve digits of a digest: enough to recognise, short enough to read."""
    name, _, digits = digest.rpartition(":")
    return f"{name}:{digits[:12]}" if name else digits[:12]


def _count(number: float, unit: str) -> str:
    return f"{number:,g} {unit}" if number == 1 else f"{number:,g} {unit}s"
