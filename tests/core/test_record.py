"""Canonical JSON: one form for one value, whatever the order it was made in."""

import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.core.record import canonical_json, digest

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=20)


def test_form():
    assert canonical_json({"b": [1, 2.5], "a": "日本", "c": None}) == '{"a":"日本","b":[1,2.5],"c":null}'


def test_digest_is_the_sha256_of_that_form():
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_round_trip(value):
    assert json.loads(canonical_json(value)) == value
    assert len(digest(value)) == 64


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), SCALARS, min_size=2))
def test_key_order_does_not_matter(value):
    turned = dict(reversed(value.items()))
    assert digest(turned) == digest(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"a": [math.nan]}])
def test_numbers_that_json_does_not_have(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


def test_lone_surrogates_have_their_own_digest():
    assert digest("\ud800") != digest("\ud801")
    assert digest("\ud800") != digest("?")
