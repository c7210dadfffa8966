"""Actions are ordered by strictness, and read and written in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.core.action import Action


def test_order():
    assert Action.PERMIT < Action.REFINE < Action.BLOCK
    assert max(Action.REFINE, Action.BLOCK, Action.PERMIT) is Action.BLOCK


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("form", [str.lower, str.upper, str.title, " {} \n".format])
def test_words_round_trip(action, form):
    assert Action.parse(form(str(action))) is action


@given(st.text().filter(lambda t: t.strip().upper() not in Action.__members__))
def test_other_words_are_refused_with_the_known_ones(text):
    with pytest.raises(ValueError, match="permit, refine, block") as caught:
        Action.parse(text)
    assert repr(text) in str(caught.value)
