from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.notify.card import LIMIT, SHORTENED, card, escape
from shipway.notify.message import Message

ANY_TEXT = st.one_of(st.text(st.characters(exclude_categories=[]), max_size=30), st.text("\\*_[]`~#|<>", max_size=30))
PAIRS = st.lists(st.tuples(ANY_TEXT, st.one_of(ANY_TEXT, ANY_TEXT.map("https://".__add__))), max_size=20).map(tuple)
MESSAGES = st.builds(
    Message,
    event=ANY_TEXT,
    title=ANY_TEXT,
    text=ANY_TEXT,
    tone=st.sampled_from(["good", "warning", "attention", "accent", "default"]),
    facts=PAIRS,
    links=PAIRS,
)
HELLO = Message("promoted", "hmeq serves", "All is well.", "good", (("KS", "0.6"),), (("Open", "https://a/b"),))


def content(message):
    return card(message)["attachments"][0]["content"]


def unescape(text):
    return re.sub(r"\\([^a-z0-9\s])", r"\1", text)


def blown_up(message, times):
    pairs = tuple((label * times, value * times) for label, value in message.facts)
    links = tuple((label * times, url * (1 + times % 50)) for label, url in message.links)
    return replace(message, title=message.title * times, text=message.text * times, facts=pairs, links=links)


@given(MESSAGES, st.sampled_from([1, 20, 3000]))
@settings(max_examples=60, deadline=None)
def test_any_message_becomes_valid_json_that_teams_takes(message, times):
    made = card(blown_up(message, times))
    sent = json.dumps(made).encode()
    assert len(sent) <= LIMIT
    assert json.loads(sent) == made
    json.dumps(made, ensure_ascii=False).encode()


@given(st.text(max_size=300))
def test_escaping_loses_nothing_but_a_reader_of_markdown_sees_no_mark(text):
    escaped = escape(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]~#|<>]", escaped.replace("\\\\", ""))
    assert len(escaped) >= len(text)


@pytest.mark.parametrize("text", ["a*b*", "snake_case_name", "[x](https://evil)", "# head", "- item", "12. item", "\\"])
def test_marks_of_markdown_are_escaped_and_come_back(text):
    assert escape(text) != text
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", ["0.45", "2026-01-01", "a - b", "v1.2"])
def test_plain_figures_and_dates_are_left_alone(text):
    assert escape(text) == text


def test_the_card_has_the_shape_that_workflows_want():
    payload = card(HELLO)
    assert payload["type"] == "message"
    assert payload["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    inner = payload["attachments"][0]["content"]
    assert (inner["type"], inner["version"]) == ("AdaptiveCard", "1.4")
    assert inner["body"][0]["style"] == "good"
    assert inner["body"][0]["items"][0]["text"] == "hmeq serves"
    assert inner["body"][2]["facts"] == [{"title": "KS", "value": "0.6"}]
    assert inner["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://a/b"}]


def test_a_long_text_is_shortened_and_the_facts_stay():
    inner = content(replace(HELLO, text="log line\n" * 10_000))
    assert inner["body"][1]["text"].endswith(SHORTENED)
    assert len(inner["body"][1]["text"]) > 10_000
    assert inner["body"][2]["facts"] == [{"title": "KS", "value": "0.6"}]


def test_a_cut_never_splits_an_escaped_sign():
    text = content(replace(HELLO, text="_" * 30_000))["body"][1]["text"].removesuffix(SHORTENED)
    assert set(re.findall(r"..", text)) == {"\\_"}


def test_only_links_to_the_web_become_buttons():
    links = (("a", "javascript:alert(1)"), ("b", "/dags/x"), ("c", "https://ok/x y"), ("d", "http://ok"))
    assert [action["title"] for action in content(replace(HELLO, links=links))["actions"]] == ["d"]


def test_lines_of_an_error_stay_lines():
    assert content(replace(HELLO, text="one\ntwo"))["body"][1]["text"] == "one\n\ntwo"
