"""Words on a page: marked where rules point, nothing invisible, nothing alive."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from solon.ledger import ContentState, Stored
from solon.web.words import LONGEST, Mark, breakable, last_words, marked, visible, words_of


def stored(content, body=None, **more) -> Stored:
    return Stored(
        number=1, id="x", at=datetime.now(UTC), writer="w", seq=1, kind="exchange", body=body or {}, digest="",
        content=content, **more,
    )  # fmt: skip


def test_marks_lie_where_rules_point():
    assert str(marked("abcdef", [Mark(2, 4, ("a.b",), ())])) == 'ab<mark title="a.b">cd</mark>ef'
    overlapping = marked("abcdef", [Mark(0, 4, ("a.b",), ()), Mark(2, 6, ("c.d",), ("base64",))])
    assert str(overlapping).count("<mark") == 3
    assert "a.b, c.d · read through base64" in str(overlapping)


@given(st.text(), st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50))))
def test_no_character_of_a_text_is_alive_or_lost(text, ranges):
    html = str(marked(text, [Mark(a, b, ("r.r",), ()) for a, b in ranges]))
    inside = html.replace('<mark title="r.r">', "").replace("</mark>", "")
    assert inside == str(visible(text)) or 'class="ghost"' in inside
    assert "<script" not in html
    html.encode()


def test_scripts_are_words():
    html = str(visible("<script>alert(1)</script><img src=x onerror=alert(2)>"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_invisible_characters_are_named():
    assert "U+202E" in visible("a\u202eb")
    assert "U+0000" in visible("\0")
    assert "U+D800" in visible("\ud800")
    assert "1,000 of them" in visible("\u200b" * 1000)
    assert str(visible("plain\nline\ttab ä 漢 🙂")) == "plain\nline\ttab ä 漢 🙂"


def test_long_texts_end_with_how_much_is_missing():
    assert "… 7 more characters" in marked("x" * (LONGEST + 7), [])


def test_turns_reply_and_what_was_withheld():
    span = {"segment": "response", "start": 8, "end": 14, "path": []}
    rules = [{"rule": "a.b", "risk": 0.9, "status": "complete", "asked": True, "spans": [span]}]
    content = {
        "messages": json.dumps([{"role": "user", "content": "ask"}]),
        "response": "delivered ",
        "withheld": "secret",
    }
    words = words_of(stored(content, {"output": {"rules": rules}}))
    assert [(block.name, block.withheld) for block in words.blocks] == [
        ("messages[0]", False), ("response", False), ("withheld", True),
    ]  # fmt: skip
    assert '<mark title="a.b">d </mark>' in words.blocks[1].html
    assert '<mark title="a.b">secr</mark>et' in words.blocks[2].html
    assert words.exchange.response == "delivered secret"


def test_turns_read_together_are_shown_together():
    span = {"segment": "messages[*]", "start": 0, "end": 3, "path": []}
    rules = [{"rule": "a.b", "risk": 0.9, "status": "complete", "asked": True, "spans": [span]}]
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "two"},
    ]
    words = words_of(stored({"messages": turns}, {"input": {"rules": rules}}))
    assert words.blocks[-1].name == "messages[*]"
    assert words.blocks[-1].html == '<mark title="a.b">one</mark> two'


def test_what_was_not_kept_says_why():
    words = words_of(stored(None, content_state=ContentState.ERASED, content_note="It was erased."))
    assert words.note == "It was erased."
    assert words.blocks == []
    assert last_words(stored(None)) == ""


def test_odd_contents_are_shown_all_the_same():
    for content in (
        {"messages": "no json"},
        {"messages": [1, "two", {"role": "robot"}]},
        {"response": 7},
        {"messages": 3},
    ):
        words = words_of(stored(content))
        assert words.blocks
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]}]
    assert "a\n\nb" in words_of(stored({"messages": parts})).blocks[0].html


def test_names_may_break_behind_dots():
    assert str(breakable("a_b.<c>")) == "a_<wbr>b.<wbr>&lt;c&gt;"
