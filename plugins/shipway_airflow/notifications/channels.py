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

from shipway.errors import NotifyError, ShipwayError
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
    # Modules are loaded here: one that is half imported in a thread left behind would be broken for everybody.
    sends = [_load(channel) for channel in channels]
    threads = []
    for place, (channel, send) in enumerate(zip(channels, sends, strict=True)):
        # Daemon threads: one that hangs must not keep the process from ending, as those of a pool would.
        work = (_attempt, results, place, channel, send, message, environment, seconds)
        context = contextvars.copy_context()
        threads.append(threading.Thread(target=context.run, args=work, name=f"notify-{channel.kind}", daemon=True))
    _run(threads, seconds)
    late = f"not delivered within {seconds:g} s"
    final = [done or _result(channel, late) for done, channel in zip(list(results), channels, strict=True)]
    for result in final:
        _report(message, result, note)
    return final


def _load(channel: Any) -> Callable[..., None]:
    try:
        send: Callable[..., None] = importlib.import_module(KINDS[channel.kind]).send
    except Exception as error:
        return _unloadable(f"its kind of channel cannot be loaded ({type(error).__name__})")
    return send


def _unloadable(problem: str) -> Callable[..., None]:
    def send(*_: object) -> None:
        raise NotifyError(problem)

    return send


def _run(threads: list[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        with contextlib.suppress(RuntimeError):  # a machine without room for another thread
            thread.start()
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))


def _attempt(
    results: list[dict[str, Any] | None],
    place: int,
    channel: Any,
    send: Callable[..., None],
    message: Message,
    environment: Environment,
    seconds: float,
) -> None:
    try:
        send(channel, message, environment, seconds)
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
