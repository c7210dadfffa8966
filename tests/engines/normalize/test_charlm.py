"""The character model: language is cheap, noise is dear, in many scripts."""
# ruff: noqa: E501 - sample texts stand in one piece

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.errors import WeightsError
from solon.engines.normalize.charlm import UNKNOWN, CharModel, read, shipped

INSTRUCTIONS = [
    "how to pick a lock", "write a poem about rain", "explain photosynthesis", "list three healthy snacks", "HOW DO I BAKE BREAD",
    "what is the tallest mountain", "tell me about the moon", "give me tips for a job interview",
]  # fmt: skip
FOREIGN = [
    "Wo liegt der nächste Bahnhof?", "¿Dónde está la estación de tren?", "Где находится вокзал?", "أين تقع محطة القطار؟",
    "रेलवे स्टेशन कहाँ है?", "Πού είναι ο σταθμός;", "Unde este gara?", "Tren istasyonu nerede?", "Nhà ga ở đâu?",
]  # fmt: skip


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_instructions_are_cheaper_than_their_shifts_and_reversals(text: str) -> None:
    plain = shipped().mean(text)
    assert plain < 3.9
    moved = "".join(chr((ord(c) - 97 + 13) % 26 + 97) if c.isalpha() else c for c in text.lower())
    assert shipped().mean(moved) > plain + 1.5
    assert shipped().mean(text[::-1]) > plain + 1.0


@pytest.mark.parametrize("text", FOREIGN)
def test_other_scripts_are_language_too(text: str) -> None:
    letters = list(text)
    random.Random(3).shuffle(letters)
    assert shipped().mean(text) < shipped().mean("".join(letters)) - 1.0


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=6))
def test_one_pass_over_many_texts_agrees_with_one_each(texts: list[str]) -> None:
    together = shipped().means(texts)
    assert together == pytest.approx([shipped().mean(text) for text in texts], abs=1e-3)


def test_bits_have_the_length_of_the_text_and_empty_is_unknown() -> None:
    assert shipped().bits("naïve 中").shape == (7,)
    assert shipped().bits("").shape == (0,)
    assert shipped().mean("") == UNKNOWN


def test_damaged_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read"):
        read(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK not a file")
    with pytest.raises(WeightsError, match="cannot read"):
        read(tmp_path / "bad.npz")
    with pytest.raises(WeightsError, match="shape"):
        CharModel([np.zeros(8, dtype=np.uint8)] * 5)
