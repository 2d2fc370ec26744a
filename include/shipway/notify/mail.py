"""A message as a mail: plain text, and the same as simple HTML."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from shipway.errors import NotifyError
from shipway.notify.message import Message, one_line, plain, web_links

_COLOURS = {"good": "#2e7d32", "warning": "#b26a00", "attention": "#b3261e", "accent": "#0b57d0", "default": "#444746"}


def mail(message: Message, *, sender: str, to: Sequence[str], now: datetime | None = None) -> EmailMessage:
    """Return the mail for a message.

    :param message: what to say.
    :param sender: address that it comes from.
    :param to: addresses of the readers.
    :param now: an aware time; with it Date and Message-ID are the same for the same message. None: the present.
    :raises NotifyError: when an address is not one.
    """
    letter = EmailMessage()
    letter["Subject"] = _header(message.title)
    _address(letter, "From", [sender])
    _address(letter, "To", to)
    letter["Date"] = format_datetime(now or datetime.now(UTC))
    letter["Message-ID"] = f"<{_identity(message, to, now)}@shipway>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in return
    letter.set_content(_text(message))
    letter.add_alternative(_html(message), subtype="html")
    return letter


def _header(value: str) -> str:
    # Python decodes "=?…?=" in what it is given, so that an encoded line break would become a header of its own.
    return one_line(value).replace("=?", "= ?")


def _address(letter: EmailMessage, name: str, addresses: Sequence[str]) -> None:
    try:
        letter[name] = ", ".join(_header(address) for address in addresses)
    except (ValueError, IndexError, MessageError):  # Python's parser of addresses stumbles over half ones
        known = False
    else:
        known = len(letter[name].addresses) == len(addresses) and not letter[name].defects
    if not known:
        raise NotifyError(
            f"'{', '.join(addresses)}' is not a mail address.", hint="Correct the channel in environment.yaml."
        )


def _identity(message: Message, to: Sequence[str], now: datetime | None) -> str:
    if now is None:
        return uuid.uuid4().hex
    return hashlib.sha256(repr((message, tuple(to), now.isoformat())).encode("utf-8", "replace")).hexdigest()[:32]


def _text(message: Message) -> str:
    facts = [f"{one_line(label)}: {one_line(value)}" for label, value in message.facts]
    links = [f"{label}: {url}" for label, url in web_links(message)]
    blocks = [one_line(message.title), plain(message.text), "\n".join(facts), "\n".join(links)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _html(message: Message) -> str:
    rows = "".join(
        f'<tr><td style="padding-right:1em;color:#5f6368">{_safe(label)}</td><td>{_safe(value)}</td></tr>'
        for label, value in message.facts
    )
    links = "".join(f'<p><a href="{escape(url)}">{_safe(label)}</a></p>' for label, url in web_links(message))
    text = "<br>".join(escape(line) for line in plain(message.text).splitlines())
    return (
        '<!doctype html><html><body style="font-family:sans-serif">'
        f'<h2 style="color:{_COLOURS[message.tone]}">{_safe(message.title)}</h2>'
        f"<p>{text}</p><table>{rows}</table>{links}</body></html>\n"
    )


def _safe(text: str) -> str:
    return escape(one_line(text))
