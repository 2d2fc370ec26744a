from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import NotifyError
from shipway.notify.mail import mail
from shipway.notify.message import Message

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
HELLO = Message(
    "promoted", "hmeq <serves>", "All\nis <b>well</b>.", "good", (("KS", "0.6"),), (("Open", "https://a/b?x=1&y=2"),)
)
TRICKS = ["\r\n", "\n", "\r", "\x85", "\u2028", "Bcc: x@y.z", "=?utf-8?q?=0ABcc:_x=40y?=", "a ", "é", "@", "<"]
NASTY = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=120),
    st.lists(st.sampled_from(TRICKS), max_size=12).map("".join),
    st.text(max_size=8).map(lambda text: text * 60),
)


def letter(message, **changes):
    made = mail(message, **{"sender": "shipway@bank", "to": ["risk@bank", "it@bank"], "now": NOW, **changes})
    return message_from_bytes(made.as_bytes(policy=policy.SMTP), policy=policy.default)


@given(title=NASTY, text=NASTY, label=NASTY)
def test_no_text_can_add_a_header_or_a_reader(title, text, label):
    message = replace(HELLO, title=title, text=text, facts=((label, text),), links=((label, "https://x"),), event=title)
    read = letter(message)
    assert sorted(read.keys()) == sorted(
        ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert read["To"] == "risk@bank, it@bank"
    assert "\n" not in str(read["Subject"])
    assert not read.defects


@given(sender=NASTY, to=st.lists(NASTY, min_size=1, max_size=3))
def test_no_address_can_add_a_header(sender, to):
    try:
        made = mail(HELLO, sender=sender, to=to, now=NOW)
    except NotifyError:
        return
    assert len(made.keys()) == 8
    assert not any("\n" in str(made[name]) for name in ("From", "To", "Subject"))


def test_a_mail_says_the_same_as_text_and_as_html():
    read = letter(HELLO)
    text = read.get_body(("plain",)).get_content().replace("\r\n", "\n")
    html = read.get_body(("html",)).get_content()
    assert read["Subject"] == "hmeq <serves>"
    assert "All\nis <b>well</b>." in text
    assert "KS: 0.6" in text
    assert "https://a/b?x=1&y=2" in text
    assert "hmeq &lt;serves&gt;" in html
    assert "is &lt;b&gt;well&lt;/b&gt;" in html
    assert 'href="https://a/b?x=1&amp;y=2"' in html


def test_given_a_time_the_same_message_has_the_same_identity():
    first, second = letter(HELLO), letter(HELLO)
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])
    assert first["Date"].datetime == NOW
    assert letter(replace(HELLO, title="other"))["Message-ID"] != first["Message-ID"]


def test_without_a_time_every_mail_has_its_own_identity():
    assert letter(HELLO, now=None)["Message-ID"] != letter(HELLO, now=None)["Message-ID"]


def test_a_link_that_is_no_web_address_is_left_out():
    read = letter(replace(HELLO, links=(("Bad", "javascript:alert(1)"),)))
    assert "javascript" not in read.as_string()


@pytest.mark.parametrize("address", ["risk@", "", "a@b, <", "no address at all"])
def test_what_is_no_address_is_refused_by_name(address):
    with pytest.raises(NotifyError, match="is not a mail address"):
        mail(HELLO, sender="shipway@bank", to=[address])
