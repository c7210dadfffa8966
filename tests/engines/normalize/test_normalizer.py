"""The normalizer: readings, their maps to the original, compositions, budgets, nasty input."""
# ruff: noqa: E501 - sample texts stand in one piece

import base64
import gzip
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codec, codecs
from solon.core.protocols import Run
from solon.engines.normalize import Budget, Normalized, Normalizer, View, blanked

ROOMY = Normalizer(Budget(ms=4000))
TEXT = "explain the difference between weather and climate"
PLAIN = [
    "How do I bake bread at home without an oven?", "Please summarise the attached report in three sentences.",
    "The museum opens at nine and closes at five, except on Mondays when it stays shut all day long.",
    "Write a short story about a lighthouse keeper who learns to paint.",
]  # fmt: skip
BUILT_IN = [part for part in codecs() if isinstance(part, BaseCodec)]


def texts(found: Normalized) -> list[str]:
    return [view.text.lower() for view in found.views]


def squeezed(text: str) -> str:
    return "".join(text.lower().split())


@pytest.mark.parametrize("part", BUILT_IN, ids=lambda part: part.name)
@pytest.mark.parametrize("prefix", ["", "Decode this and do it: ", "Here is a message for you.\n\n"])
def test_every_encoding_is_read(part: BaseCodec, prefix: str) -> None:
    found = ROOMY.views(prefix + part.encode(TEXT))
    assert any(squeezed(part.fold(TEXT)) in squeezed(text) for text in texts(found)), found.views


@pytest.mark.parametrize("text", PLAIN)
def test_plain_prose_has_one_view(text: str) -> None:
    found = ROOMY.views(text)
    assert found.views == (View(text=text),)
    assert found.exhausted is None and found.unscannable == ()


def test_a_view_replaces_the_run_and_a_long_one_also_stands_alone() -> None:
    found = ROOMY.views("Decode this and do it: " + base64.b64encode(TEXT.encode()).decode() + " (thanks)")
    assert texts(found)[1:] == [f"decode this and do it: {TEXT} (thanks)", TEXT]
    assert {view.path for view in found.views[1:]} == {("base64",)}


@pytest.mark.parametrize("shift", [1, 3, 7, 13, 19, 25])
def test_every_shift_inside_prose_is_read(shift: int) -> None:
    low = "abcdefghijklmnopqrstuvwxyz"
    moved = TEXT.translate(str.maketrans(low, low[shift:] + low[:shift]))
    found = ROOMY.views(f"I found this note on my desk yesterday: {moved}\nWhat could it mean?")
    assert any(f"yesterday: {TEXT}\nwhat could" in text for text in texts(found))


@pytest.mark.parametrize(
    "path",
    [
        ("base64", "rot", "reversed"), ("base64", "base64", "base64"), ("rot", "base64"), ("reversed", "base64"),
        ("reversed", "rot"), ("base16", "morse"), ("percent", "html_entities"), ("gzip_base64", "base32"),
        ("tags", "base64"), ("zero_width_insert", "rot"), ("variation_selectors", "base64", "rot"), ("base58", "pig_latin"),
        ("binary", "atbash"), ("string_concat", "base64"), ("word_reversed", "leetspeak"), ("fullwidth", "rot"),
        ("diacritics", "reversed"), ("decimal", "token_split"), ("rot", "nato"), ("escapes", "base16", "rot47"),
    ],
)  # fmt: skip
def test_compositions_are_read(path: tuple[str, ...]) -> None:
    text = TEXT
    for name in reversed(path):
        text = codec(name).encode(text)
    found = ROOMY.views(text)
    assert any(squeezed(TEXT) in squeezed(view) for view in texts(found)), found


def test_random_pairs_of_codecs_are_mostly_read() -> None:
    draw = random.Random(11)
    parts = [part for part in BUILT_IN if part.name not in {"reversed_words", "acrostic_words", "acrostic_lines"}]
    good = tried = 0
    while tried < 60:
        outer, inner = draw.sample(parts, 2)
        coded = outer.encode(inner.encode(TEXT))
        plain = outer.decode(coded)
        plain = inner.decode(plain) if plain else None
        if plain is None or squeezed(TEXT) != squeezed(plain):
            continue
        tried += 1
        good += any(squeezed(TEXT) in squeezed(view) for view in texts(ROOMY.views(coded)))
    assert good >= 0.85 * tried


@pytest.mark.parametrize(
    ("name", "exact"), [("base64", 4), ("base16", 2), ("percent", 2), ("tags", 0), ("reversed", 0), ("rot", 0), ("morse", 6), ("fullwidth", 0)]
)  # fmt: skip
def test_locate_points_to_the_original(name: str, exact: int) -> None:
    before = "Here is a note that I got: "
    text = before + codec(name).encode(TEXT) + "\nWhat is it?"
    end = len(text) - len("\nWhat is it?")
    found = ROOMY.views(text)
    view = next(view for view in found.views if squeezed(TEXT) in squeezed(view.text))
    start = view.text.lower().index("explain")
    low, high = view.locate(start, start + len(TEXT))
    assert abs(low - len(before)) <= exact and abs(high - end) <= exact
    assert view.text[:4] != "Here" or view.locate(0, 4) == (0, 4)
    middle = view.text.lower().index("weather")
    one, two = view.locate(middle, middle + 7)
    assert low < one < two <= high and two - one <= (high - low) // 3 + exact


def test_locate_inside_a_reversed_run_is_exact() -> None:
    text = "Say it backwards: " + TEXT[::-1]
    view = next(view for view in ROOMY.views(text).views if TEXT in view.text)
    at = view.text.index("climate")
    low, high = view.locate(at, at + 7)
    assert text[low:high] == "climate"[::-1]


def test_locate_in_the_plain_view_steps_over_what_was_stripped() -> None:
    text = "a\u200bb\u200b\u200bcd 𝐞𝐟 ﬁne"
    view = ROOMY.views(text).views[0]
    assert view.text == "abcd ef fine"
    for at, character in enumerate("abcd"):
        low, high = view.locate(at, at + 1)
        assert text[low:high] == character
    assert text[slice(*view.locate(5, 7))] == "𝐞𝐟"
    assert text[slice(*view.locate(8, 12))] == "ﬁne"


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=200), ends=st.tuples(st.integers(-5, 250), st.integers(-5, 250)))
def test_fuzz_any_text(text: str, ends: tuple[int, int]) -> None:
    found = Normalizer().views(text)
    assert found.views[0].path == ()
    assert len(found.views) <= 7
    for view in found.views:
        view.text.encode()  # no lone surrogates come out
        low, high = view.locate(min(ends), max(ends))
        assert 0 <= low <= high <= len(text)


ALPHABET = st.sampled_from(
    [*"abc ABC123=+/%&;:\\\"'().,-_\n", "\u200b", "\u202e", "\u202c", "\ufe0f", "\U000e0041", "👍", "🇩", "א", "中", "é", "\x00", "\ud800",
     "\\x41", "%41", "&#65;", "=41", "key: abc\n", "aGVsbG8gd29ybGQ=", "0x41 ", "01000001 ", ".... . ", "⠓", "ｗ", "alfa ", "chr(65)+"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(text=st.lists(ALPHABET, max_size=120).map("".join))
def test_fuzz_pieces_of_encodings(text: str) -> None:
    found = Normalizer().views(text)
    for view in found.views:
        low, high = view.locate(0, len(view.text))
        assert 0 <= low <= high <= len(text)
    for low, high in found.unscannable:
        assert 0 <= low < high <= len(text)


@settings(max_examples=30, deadline=None)
@given(text=st.text(min_size=1, max_size=80))
def test_the_answer_does_not_change(text: str) -> None:
    assert ROOMY.views(text).views == ROOMY.views(text).views


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\x00" * 1000, "\ud800\udfff" * 500, "\u200b" * 1_000_000, "a" * 300_000, "A" * 300_000 + "=", "=" * 100_000,
        "%" * 100_000, "\\" * 100_000, "&" * 100_000, "(" * 50_000, '"' * 50_000, "1 " * 100_000, "01" * 100_000, "." * 100_000,
        ". " * 100_000, "a." * 100_000, "\u0301" * 100_000, "e\u0301" * 50_000, "\U000e0041" * 100_000, "\ufe0f" * 100_000,
        "\u202e" * 100_000, "🇩" * 50_000, "👍🏽" * 30_000, "\n" * 200_000, "ab\n" * 60_000, "key: a " * 20_000, "'a'+" * 50_000,
        "chr(1)+" * 30_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000, "eJ" * 50_000, "H4sI" * 40_000, "ay " * 60_000,
        "alfa " * 40_000, "%41" + "a" * 200_000, "=41=41=41=41" + "ab" * 100_000, "\\n" + "a" * 200_000, "\u200b" + "a" * 200_000, "x" * 17 + "\n", "9" * 200_000, "0x" * 90_000, "ﷺ" * 20_000, "\u1100\u1161" * 40_000,
    ],
    ids=range(45),
)  # fmt: skip
def test_nasty_texts_are_bounded(text: str) -> None:
    found = Normalizer().views(text)
    assert len(found.views) <= 7
    assert sum(len(view.text) for view in found.views[1:]) <= 2 * Budget().bytes_out


def test_a_long_text_is_read_at_both_ends_and_says_so() -> None:
    coded = base64.b64encode(TEXT.encode()).decode()
    middle = "The sun was warm and the road was long. " * 15_000
    for text in (f"{coded} {middle}", f"{middle} {coded}"):
        found = Normalizer(Budget(ms=5000)).views(text)
        assert found.exhausted == "bytes_in"
        assert found.views[0].text == text
        view = next(view for view in found.views[1:] if TEXT in view.text)
        at = view.text.index("climate")
        low, high = view.locate(at, at + 7)
        assert text.index(coded) <= low < high <= text.index(coded) + len(coded)


def test_a_bomb_gives_a_bounded_text() -> None:
    bomb = base64.b64encode(gzip.compress(b"bread and butter " * 4_000_000)).decode()
    found = ROOMY.views(bomb)
    assert sum(len(view.text) for view in found.views[1:]) <= Budget().bytes_out


def test_depth_is_kept_and_time_is_said() -> None:
    text = TEXT
    for _ in range(6):
        text = base64.b64encode(text.encode()).decode()
    found = ROOMY.views(text)
    assert all(len(view.path) <= 3 for view in found.views)
    assert all(TEXT not in view.text for view in found.views)
    assert found.exhausted == "depth"
    assert Normalizer(Budget(ms=0)).views(text).exhausted == "ms"


class _Shout:
    """A codec of somebody else: only the protocol."""

    name = "shout"

    def encode(self, text: str) -> str:
        return "!".join(text)

    def decode(self, text: str) -> str | None:
        return text.replace("!", "")

    def detect(self, text: str) -> list[Run]:
        return [Run(start=0, end=len(text), text=text.replace("!", ""))] if text.count("!") > 10 else []


def test_a_plug_in_needs_only_the_protocol() -> None:
    found = Normalizer(codecs=[_Shout()]).views(_Shout().encode(TEXT))
    assert [view.path for view in found.views] == [(), ("shout",)]
    assert found.views[1].text == TEXT


def test_bidi_right_to_left_prose_is_left_alone() -> None:
    text = "שלום עולם, מה שלומך היום?"
    assert ROOMY.views(text).views[0].text == text


def test_emoji_sequences_and_flags_stay_whole() -> None:
    text = "👩‍🚀 ❤️ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 1️⃣ ok"
    assert ROOMY.views(text).views[0].text == text


def test_persian_and_hindi_joiners_stay() -> None:
    text = "می‌خواهم क्‍ष"
    assert ROOMY.views(text).views[0].text == text


@pytest.mark.parametrize("hidden", ["\ud800", "\udfff", "\x00", "\u200b", "\u2060\u200b"])
def test_what_shows_nothing_splits_no_word(hidden: str) -> None:
    found = ROOMY.views(hidden.join(TEXT) + hidden)
    assert found.views[0].text == TEXT
    low, high = found.views[0].locate(0, 7)
    assert (low, high) == (0, 6 * (1 + len(hidden)) + 1)


def test_a_wrapper_is_blank_where_a_view_reads_it_and_words_left_in_it_stay() -> None:
    turned = codec("interleave").encode(TEXT)
    found = ROOMY.views(turned)
    assert any(view.text == TEXT for view in found.views[1:])
    assert not blanked(found.views[0].text, found.decoded).strip()
    cover = codec("acrostic_lines").encode("bake bread at home")
    found = ROOMY.views(cover)
    assert len(found.views) > 1 and found.decoded == ()
    mixed = f"{codec('rot').encode(TEXT)} and tell me everything about the weather {codec('rot').encode(TEXT)}"
    found = ROOMY.views(mixed)
    assert "tell me everything about the weather" in blanked(found.views[0].text, found.decoded)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("reversed", "octal"), ("rot47", "percent"), ("rot47", "escapes"), ("rail_fence", "polybius"), ("rail_fence", "base32"),
     ("interleave", "polybius"), ("interleave", "percent_base64"), ("atbash", "dummy_chars"), ("rot", "base85")],
)  # fmt: skip
def test_codes_behind_ciphers_are_told_by_their_form(outer: str, inner: str) -> None:
    text = codec(outer).encode(codec(inner).encode(TEXT))
    for frame in ("{}", "Decode this and do it: {}"):
        found = ROOMY.views(frame.format(text))
        assert any(squeezed(TEXT) in squeezed(view) for view in texts(found)), found
