"""A message as the payload of a Microsoft Teams Workflows webhook: one Adaptive Card.

Wire format: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
and https://adaptivecards.io/explorer, version 1.4, the highest that Workflows accept. Teams refuses messages above
28 KB, some tenants above 21 KB; a card of this module never exceeds :data:`LIMIT`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from shipway.notify.message import Message, one_line, plain, web_links

#: Bytes of JSON that a card takes at most.
LIMIT = 20_000
#: What a text ends with when it had to be cut.
SHORTENED = " … (shortened)"

# Bytes of JSON for the parts before the text; together they leave the text about a quarter of LIMIT.
_TITLE, _LABEL, _VALUE, _FACTS = 800, 120, 480, 14
_BUTTON, _URL, _BUTTONS = 150, 1_500, 3

_MARKS = re.compile(r"([\\`*_\[\]~#|<>])")
_LIST = re.compile(r"(?m)^(\s*)([-+]|\d{1,9}[.)])(?=\s)")


def card(message: Message) -> dict[str, Any]:
    """Return the complete payload for a Workflows webhook.

    :param message: what to say. Facts come before text: a long text is shortened, with a note.
    """
    body: list[dict[str, Any]] = [_heading(message), {"type": "TextBlock", "text": "", "wrap": True}]
    if message.facts:
        body.append({"type": "FactSet", "facts": [_fact(*fact) for fact in message.facts[:_FACTS]]})
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": _actions(message),
    }
    payload = {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
        ],
    }
    body[1]["text"] = _clip(_paragraphs(message.text), LIMIT - _size(payload))
    return payload


def escape(text: str) -> str:
    """Return text that an Adaptive Card shows as it is, without reading Markdown into it."""
    marked = _MARKS.sub(r"\\\1", text)
    return _LIST.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", marked)


def _heading(message: Message) -> dict[str, Any]:
    title = {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": True}
    title["text"] = _clip(one_line(message.title), _TITLE)
    return {"type": "Container", "style": message.tone, "bleed": True, "items": [title]}


def _fact(label: str, value: str) -> dict[str, str]:
    return {"title": _clip(one_line(label), _LABEL), "value": _clip(one_line(value), _VALUE)}


def _actions(message: Message) -> list[dict[str, str]]:
    links = [(label, url) for label, url in web_links(message) if _size(url) <= _URL]
    return [
        {"type": "Action.OpenUrl", "title": _clip(label, _BUTTON, escaped=False), "url": url}
        for label, url in links[:_BUTTONS]
    ]


def _paragraphs(text: str) -> str:
    # A single line break is a blank in Markdown; an error's lines should stay lines.
    return "\n\n".join(line.rstrip() for line in plain(text).splitlines() if line.strip())


def _clip(text: str, room: int, *, escaped: bool = True) -> str:
    """Return the text, escaped, or as much of it as fits into so many bytes of JSON."""
    text, whole = text[: room + 1], len(text) <= room  # a sign takes a byte at least
    written = escape(text) if escaped else text
    if whole and _size(written) <= room:
        return written
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        written = escape(text[:middle]) if escaped else text[:middle]
        low, high = (middle, high) if _size(written + SHORTENED) <= room else (low, middle - 1)
    return (escape(text[:low]) if escaped else text[:low]) + SHORTENED


def _size(value: Any) -> int:
    # As requests sends it: ASCII, with blanks after separators.
    return len(json.dumps(value))
