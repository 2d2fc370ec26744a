"""What a message is, whichever channel carries it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

#: The colours that an Adaptive Card knows; what each means is the same in every channel.
Tone = Literal["good", "warning", "attention", "accent", "default"]

# No title, label or value is read further than this.
_LINE = 2_000


@dataclass(frozen=True)
class Message:
    """One thing that people should know or do, as one card and one mail.

    :param event: what happened, as a word for programs: ``promoted``, ``measured_watch``, …
    :param title: one line that says it all.
    :param text: one to three short sentences: what it means, and what to do.
    :param tone: good, warning, attention (somebody must act), accent (a question), default (for information).
    :param facts: label and value pairs, the most important first.
    :param links: label and URL pairs.
    :param model: name of the model; empty where no model is concerned.
    :param run_id: the Airflow run that says so, empty where there is none.
    :param audiences: audiences of the environment that it is for; empty: all of them.
    """

    event: str
    title: str
    text: str
    tone: Tone = "default"
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    model: str = ""
    run_id: str = ""
    audiences: tuple[str, ...] = ()

    def concerns(self, audience: str) -> bool:
        """Say whether an audience gets this message."""
        return not self.audiences or audience in self.audiences


def plain(text: str) -> str:
    """Return text without control characters and broken halves of characters; line breaks stay."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(sign for sign in whole if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Zl", "Zp"))


def one_line(text: str) -> str:
    """Return text as one line with single blanks: for titles, headers and labels."""
    return " ".join(plain(" ".join(text[:_LINE].split())).split())


def web_links(message: Message) -> list[tuple[str, str]]:
    """Return the links that a reader can follow: http and https only, without blanks and control characters."""
    return [
        (one_line(label), url)
        for label, url in message.links
        if url.startswith(("http://", "https://")) and url.isprintable() and " " not in url
    ]
