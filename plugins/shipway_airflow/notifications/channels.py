"""Carry a message to every channel of the environment, and never hold up or fail the task that says it.

A kind of channel is one sibling module with ``send(channel, message, environment, seconds)`` and one line in
:data:`KINDS`; its settings are one model in :mod:`shipway.spec.environment`.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from shipway.errors import ShipwayError
from shipway.notify.message import Message
from shipway.spec.environment import Environment

#: Kind of channel → the module that sends to it; loaded when the first message goes there.
KINDS = {
    "file": "shipway_airflow.notifications.file",
    "teams": "shipway_airflow.notifications.teams",
    "mail": "shipway_airflow.notifications.mail",
}

#: Seconds after which a task goes on, whatever has become of its message.
DEADLINE = 8.0

_log = logging.getLogger(__name__)


def deliver(
    message: Message,
    environment: Environment,
    *,
    note: Callable[[dict[str, Any]], None],
    seconds: float = DEADLINE,
) -> list[dict[str, Any]]:
    """Send a message to all its channels at once. It raises nothing and returns in time, whatever happens.

    :param message: what to say.
    :param environment: whose channels; those of audiences that the message does not concern are left out.
    :param note: is given every result, for example to record it.
    :param seconds: time for all channels together.
    :returns: one result per channel: ``{"channel": kind, "audience": …, "ok": bool, "error": "" or what was wrong}``;
        never a secret.
    """
    channels = [channel for channel in environment.channels if message.concerns(channel.audience)]
    results: list[dict[str, Any] | None] = [None] * len(channels)
    threads = []
    for place, channel in enumerate(channels):
        # Daemon threads: one that hangs must not keep the process from ending, as those of a pool would.
        context = contextvars.copy_context()
        work = (_attempt, results, place, channel, message, environment, seconds)
        threads.append(threading.Thread(target=context.run, args=work, name=f"notify-{channel.kind}", daemon=True))
    deadline = time.monotonic() + seconds
    for thread in threads:
        with contextlib.suppress(RuntimeError):  # a machine without room for another thread
            thread.start()
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
    late = f"not delivered within {seconds:g} s"
    final = [done or _result(channel, late) for done, channel in zip(list(results), channels, strict=True)]
    for result in final:
        _report(message, result, note)
    return final


def _attempt(
    results: list[dict[str, Any] | None],
    place: int,
    channel: Any,
    message: Message,
    environment: Environment,
    seconds: float,
) -> None:
    try:
        importlib.import_module(KINDS[channel.kind]).send(channel, message, environment, seconds)
    except ShipwayError as error:
        results[place] = _result(channel, str(error))
    except Exception as error:  # its text may hold anything, also an address with a secret
        results[place] = _result(channel, type(error).__name__)
    else:
        results[place] = _result(channel)


def _result(channel: Any, error: str = "") -> dict[str, Any]:
    return {"channel": channel.kind, "audience": channel.audience, "ok": not error, "error": error}


def _report(message: Message, result: dict[str, Any], note: Callable[[dict[str, Any]], None]) -> None:
    level = logging.INFO if result["ok"] else logging.WARNING
    outcome = "delivered" if result["ok"] else f"not delivered: {result['error']}"
    _log.log(level, "%s to %s by %s: %s", message.event, result["audience"], result["channel"], outcome)
    try:
        note(result)
    except Exception as error:
        _log.warning("The result of a message could not be noted (%s).", type(error).__name__)
