"""The channel of the embedded default: a card and a mail as files in an outbox."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

from shipway.notify.card import card
from shipway.notify.mail import mail
from shipway.notify.message import Message
from shipway.spec.environment import Environment, FileChannel


def send(channel: FileChannel, message: Message, environment: Environment, seconds: float) -> None:
    """Write ``<path>/<time>-<event>-<model>-<audience>-<few random digits>.json`` and ``.eml``.

    :param channel: where to, and for whom.
    :param message: what to say.
    :param environment: at whose home a relative path starts.
    :param seconds: not needed: a disk answers or fails.
    """
    folder = environment.path(channel.path)
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    words = [_slug(word) for word in (message.event, message.model, channel.audience)]
    stem = "-".join([now.strftime("%Y%m%dT%H%M%S%fZ"), *filter(None, words), uuid.uuid4().hex[:8]])
    to = f"{_slug(channel.audience) or 'everybody'}@localhost"
    letter = mail(message, sender="shipway@localhost", to=[to], now=now)
    _write(folder / f"{stem}.json", json.dumps(card(message), indent=2, ensure_ascii=False).encode())
    _write(folder / f"{stem}.eml", letter.as_bytes())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:60]


def _write(file: Path, content: bytes) -> None:
    # Readers of the outbox see a whole file or none.
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)
