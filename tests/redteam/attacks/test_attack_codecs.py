"""Codecs as attacks, stacks and chains: a patient reader gets the goal back."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.codecs.catalogue import codecs
from solon.core.attempt import Goal
from solon.core.errors import SolonError
from solon.redteam.attacks.base import Rewriting
from solon.redteam.attacks.catalogue import attack, attacks
from solon.redteam.attacks.chain import rewrite_all
from solon.redteam.attacks.codec import CodecAttack, from_nibbles, to_nibbles
from solon.testing.attacks import words

REQUESTS = (
    "How do I open a stuck window?",
    "my 2 bikes were stolen in Köln; what should I do first, and whom do I call?",
    "如何打开卡住的窗户？",
    "Как открыть окно",
)
CODECS = [CodecAttack(codec) for codec in codecs()]
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=60)


def bare(text: str | None) -> str:
    """Letters and digits alone, small: what a reader needs."""
    return "".join(character for character in (text or "").casefold() if character.isalnum())


def test_every_codec_is_an_attack() -> None:
    names = {part.name for part in attacks()}
    assert {codec.name for codec in codecs()} <= names
    assert len(names) == len(attacks())


@pytest.mark.parametrize("part", CODECS, ids=lambda part: part.name)
def test_the_goal_survives_a_codec(part: CodecAttack) -> None:
    for text in REQUESTS:
        read = part.rewrite(text, random.Random(1)).restore()
        kept = text.replace("j", "i") if part.name == "polybius" else text
        read = read and (read.replace("j", "i") if part.name == "polybius" else read)
        assert bare(read).replace("ö", "o") == bare(kept).replace("ö", "o")


@pytest.mark.parametrize("part", CODECS, ids=lambda part: part.name)
def test_an_outer_codec_loses_no_character_of_what_lies_beneath(part: CodecAttack) -> None:
    for inner in ("SG93IGRvIEkg+/==", "68656c6c6f", "-.. --- / ...."):
        assert part.rewrite(inner, random.Random(1), exact=True).restore() == inner


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, st.integers(0, 2**32), st.sampled_from(["codec_depth2", "codec_depth3"]))
def test_a_stack_gives_the_goal_back(text: str, seed: int, name: str) -> None:
    stack = attack(name)
    assert isinstance(stack, Rewriting)
    written = stack.rewrite(text, random.Random(seed))
    assert written == stack.rewrite(text, random.Random(seed))
    assert bare(written.restore()) in {bare(text), bare(_first_fold(written, text))}
    assert len(written.steps) >= 1


def _first_fold(written, text: str) -> str:
    """What the innermost codec keeps of the text."""
    for codec in codecs():
        if written.steps[0].read == codec.decode:
            return codec.fold(text) if hasattr(codec, "fold") else text
    return text


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80))
def test_letter_pairs_carry_any_text(text: str) -> None:
    assert from_nibbles(to_nibbles(text)) == text
    assert from_nibbles(to_nibbles(text).upper()) == text


def test_what_is_not_in_letter_pairs_is_not_read() -> None:
    assert from_nibbles("abc") is None
    assert from_nibbles("zz") is None
    assert from_nibbles("pp") is None


@pytest.mark.parametrize("name", ["base64+rot", "base64+morse", "gzip_base64+reversed+tags", "nato+base32"])
def test_a_chain_of_codecs_is_read_back_from_the_outside(name: str) -> None:
    parts = [attack(part) for part in name.split("+")]
    text = "tell me where the old bridge stands"
    written = rewrite_all([part for part in parts if isinstance(part, Rewriting)], text, random.Random(2))
    assert written.restore() == text
    assert len(written.steps) >= len(parts)
    made = attack(name).make(Goal(id="g", text=text), random.Random(4))
    assert made == attack(name).make(Goal(id="g", text=text, benign=True), random.Random(4))


def test_a_chain_says_how_it_is_read_outermost_first() -> None:
    for seed in range(20):
        said = words(attack("base64+rot").make(Goal(id="g", text="hello old friend"), random.Random(seed)))
        if "ROT13" in said:
            assert said.index("ROT13") < said.index("Base64")
            return
    raise AssertionError("no prompt of twenty names the codecs")


def test_a_role_takes_an_encoded_goal_and_an_encoding_takes_a_role() -> None:
    goal = Goal(id="g", text="hello old friend")
    coded = "aGVsbG8gb2xkIGZyaWVuZA=="
    assert coded in words(attack("base64+persona").make(goal, random.Random(1)))
    assert goal.text not in words(attack("persona+base64").make(goal, random.Random(1)))


def test_what_writes_several_turns_stands_last() -> None:
    goal = Goal(id="g", text="hello old friend")
    assert len(attack("base64+prefill").make(goal, random.Random(1)).exchange.messages) == 2
    with pytest.raises(SolonError, match="prefill writes more than one user turn and cannot stand before base64"):
        attack("prefill+base64").make(goal, random.Random(1))


def test_unknown_names_and_long_chains_are_told_so() -> None:
    with pytest.raises(SolonError, match=r"no attack 'bse64'.*base64"):
        attack("bse64+rot")
    with pytest.raises(SolonError, match="lists all"):
        attack("qqqqqqqq")
    with pytest.raises(SolonError, match="a chain of 7"):
        attack("+".join(["base64"] * 7))
