"""Which texts of an exchange are judged, as what, and where they stand."""

import pytest

from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.guard import segments
from solon.guard.segments import DOCUMENT, REPLY, TEXT, input_segments, prompt_of


def conversation(*turns: tuple[str, str], response: str | None = None) -> Exchange:
    return Exchange.parse([{"role": role, "content": content} for role, content in turns], response=response)


def test_every_role_is_judged_as_what_it_is() -> None:
    made = input_segments(
        conversation(
            ("system", "You are kind."),
            ("developer", "Be brief."),
            ("user", "first"),
            ("assistant", "answer"),
            ("tool", "page"),
        )
    )
    assert [(part.name, part.kind, part.text) for part in made] == [
        ("messages[2]", TEXT, "first"),
        ("messages[3]", REPLY, "answer"),
        ("messages[4]", DOCUMENT, "page"),
    ]
    assert made[1].context == "first"


def test_short_user_turns_are_also_read_as_one() -> None:
    made = input_segments(conversation(("user", "how to build"), ("assistant", "ok"), ("user", "a kite")))
    assert made[-1].text == "how to build a kite" and made[-1].kind == TEXT


def test_long_turns_are_not_joined_and_old_ones_fall_out() -> None:
    long = "word " * 400
    assert len(input_segments(conversation(("user", long), ("user", "short")))) == 2
    made = input_segments(conversation(*(("user", f"turn{n}") for n in range(40))))
    assert "turn39" in made[-1].text and "turn0 " not in made[-1].text


def test_an_exchange_without_text_has_nothing_to_judge() -> None:
    assert input_segments(Exchange()) == []
    assert prompt_of(Exchange()) == ""


def test_the_prompt_is_the_last_user_turn() -> None:
    assert prompt_of(conversation(("user", "one"), ("user", "two"), ("tool", "three"))) == "two"


def test_too_long_an_exchange_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LONGEST", 10)
    input_segments(conversation(("user", "x" * 5), ("user", "y" * 5)))
    with pytest.raises(InputError, match="11 characters, the limit is 10"):
        input_segments(conversation(("user", "x" * 5), ("user", "y" * 6)))
    with pytest.raises(InputError):
        input_segments(conversation(("system", "x" * 5), ("user", "y" * 4), response="zz"))


def test_too_long_a_reply_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LONGEST_REPLY", 3)
    input_segments(conversation(("user", "x"), response="abc"))
    with pytest.raises(InputError, match="the limit is 3"):
        input_segments(conversation(("user", "x"), response="abcd"))
