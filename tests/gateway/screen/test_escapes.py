"""JSON escapes are read through as they come, and what is released is what was written."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from solon.gateway.escapes import Unescaped

texts = st.text(st.sampled_from([*'ab"\\/ {}:,\n\té日🙂', "\x00", "\ud800"]), max_size=40)
written = st.one_of(
    texts.map(json.dumps),
    texts,
    st.text(st.sampled_from([*'\\u00dD8Ecx"n']), max_size=30),
)


def read(text: str, cuts: list[int], steps: list[int]) -> tuple[str, str]:
    """Read a text cut at places, releasing what was read in steps; what was read and what was released."""
    reader = Unescaped()
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    made, out, free, sent = "", "", 0, 0
    for number, (low, high) in enumerate(pairwise(places)):
        made += reader.read(text[low:high])
        step = min(len(made) - free, steps[number % len(steps)] if steps else 0)
        taken = reader.written(step)
        out, free, sent = out + text[sent : sent + taken], free + step, sent + taken
    made += reader.read("", final=True)
    out += text[sent : sent + reader.written(len(made) - free)]
    return made, out


@given(written, st.lists(st.integers(0, 200), max_size=8), st.lists(st.integers(0, 9), max_size=4))
def test_any_cut_reads_alike_and_releases_everything(text: str, cuts: list[int], steps: list[int]) -> None:
    whole, _ = read(text, [], [])
    made, out = read(text, cuts, steps)
    assert made == whole
    assert out == text


@given(texts)
def test_a_json_string_is_read_as_its_value(text: str) -> None:
    made, _ = read(json.dumps(text), [], [])
    value = json.loads(json.dumps(text))
    assert made == f'"{value}"'


def test_half_an_escape_waits_for_its_rest_and_is_text_at_the_end() -> None:
    reader = Unescaped()
    assert reader.read("a\\u00") == "a"
    assert reader.read("62c") == "bc"
    assert reader.written(2) == 7
    assert reader.read("\\ud83d") == ""
    assert reader.read("\\ude42") == "🙂"
    assert reader.read("\\u1") == "" and reader.read("", final=True) == "\\u1"
