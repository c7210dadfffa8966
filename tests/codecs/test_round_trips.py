"""Every registered codec: reads back what it wrote, over its domain, and finds it in prose."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from solon.codecs.base import BaseCodec, is_text
from solon.codecs.catalogue import codec as named
from solon.codecs.catalogue import codecs
from solon.codecs.features import FEATURES, features
from solon.core.protocols import Codec

BUILT_IN = [codec for codec in codecs() if isinstance(codec, BaseCodec)]
COMMON = [
    "how",
    "what",
    "people",
    "write",
    "about",
    "small",
    "water",
    "paper",
    "train",
    "house",
    "garden",
    "letter",
    "summer",
    "teacher",
    "simple",
    "strong",
    "money",
    "winter",
    "river",
    "story",
    "morning",
    "bread",
    "number",
    "great",
    "world",
    "light",
    "night",
    "place",
    "right",
    "think",
]
SENTENCES = st.lists(st.sampled_from(COMMON), min_size=3, max_size=12).map(" ".join)
WIDE = st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), min_size=2, max_size=60)
LATIN = st.text("abcdefghijklmnopqrstuvwxyz ABCXYZ.,?!'0123456789", min_size=2, max_size=60)
ANY = st.one_of(SENTENCES, LATIN, WIDE)
QUIET = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
KEEPS_COVER = {"homoglyphs", "leetspeak", "upside_down"}


@pytest.mark.parametrize("codec", BUILT_IN, ids=lambda codec: codec.name)
@QUIET
@given(text=ANY)
def test_decode_undoes_encode(codec: BaseCodec, text: str) -> None:
    assume(codec.accepts(text))
    assert codec.decode(codec.encode(text)) == codec.fold(text)


@pytest.mark.parametrize("codec", BUILT_IN, ids=lambda codec: codec.name)
@QUIET
@given(text=ANY)
def test_detect_keeps_its_contract_on_anything(codec: BaseCodec, text: str) -> None:
    for source in (text, codec.encode(text)):
        for run in codec.detect(source):
            assert 0 <= run.start < run.end <= len(source)
            assert run.text
            if run.offsets is not None:
                assert len(run.offsets) == len(run.text)
                assert all(run.start <= at < run.end for at in run.offsets)


@pytest.mark.parametrize("codec", BUILT_IN, ids=lambda codec: codec.name)
def test_trigger_fires_on_what_encode_wrote(codec: BaseCodec) -> None:
    assert codec.when <= FEATURES
    for text in (
        "what people think about summer in the garden house",
        "how simple letters make a strong story 4 the world",
    ):
        if codec.when and codec.name not in {"caesar_digits", "json_escapes"}:
            assert codec.when & features(codec.encode(text)), codec.encode(text)


def test_registry_holds_the_promised_number_and_names_agree() -> None:
    assert len(BUILT_IN) >= 50
    assert len({codec.name for codec in codecs()}) == len(codecs())
    assert all(isinstance(codec, Codec) for codec in codecs())
    assert named("base64").name == "base64"
    with pytest.raises(KeyError, match="no codec 'nothing'"):
        named("nothing")


@QUIET
@given(text=ANY)
def test_features_are_named_and_never_fail(text: str) -> None:
    assert features(text) <= FEATURES


@given(text=st.text(max_size=30))
@settings(max_examples=50, deadline=None)
def test_is_text_refuses_controls_and_surrogates(text: str) -> None:
    assert not is_text(text + "\x00")
    assert not is_text(text + "\ud800")
