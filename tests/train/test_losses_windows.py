"""Losses by hand on small tensors, and windows that hold what they must."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tokenizer

from solon.engines.classifiers.encoder import CLS, CONTEXT, SEP
from solon.train import losses
from solon.train.row import Row
from solon.train.windows import Tokens, batches, clip, crop, pad, tokenize


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_masked_bce_is_the_weighted_mean_and_leaves_out_the_unknown() -> None:
    logits = torch.tensor([[2.0, -1.0, 5.0]], requires_grad=True)
    loss = losses.masked_bce(logits, torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[1.0, 3.0, 0.0]]))
    expected = (-math.log(sigmoid(2)) - 3 * math.log(1 - sigmoid(-1))) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    wanted = [(sigmoid(2) - 1) / 4, 3 * sigmoid(-1) / 4, 0.0]
    assert torch.allclose(logits.grad, torch.tensor([wanted]), atol=1e-6)


def test_masked_bce_of_nothing_is_zero() -> None:
    assert losses.masked_bce(torch.ones(2, 2), torch.ones(2, 2), torch.zeros(2, 2)).item() == 0.0


def test_a_bag_wants_one_of_its_members() -> None:
    logits = torch.tensor([[0.0, 1.0, 9.0], [4.0, 4.0, 4.0]], requires_grad=True)
    members = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    loss = losses.bag(logits, members, torch.tensor([0.5, 1.0]))
    assert loss.item() == pytest.approx(-math.log(1 - (1 - sigmoid(0)) * (1 - sigmoid(1))), rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[0, :2] < 0).all()
    assert logits.grad[0, 2] == 0
    assert (logits.grad[1] == 0).all()


def test_a_bag_one_member_of_which_is_sure_asks_for_nothing() -> None:
    sure = losses.bag(torch.tensor([[20.0, -20.0]]), torch.ones(1, 2), torch.ones(1))
    none = losses.bag(torch.tensor([[-5.0, -5.0]]), torch.ones(1, 2), torch.ones(1))
    assert sure.item() < 1e-5 < 4 < none.item()
    assert losses.bag(torch.randn(2, 3), torch.zeros(2, 3), torch.ones(2)).item() == 0.0


def test_intent_is_cross_entropy_over_the_known() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [9.0, 0.0, 0.0]])
    expected = -math.log(math.exp(2) / sum(map(math.exp, (1, 2, 3))))
    assert losses.intent(logits, torch.tensor([1, -1])).item() == pytest.approx(expected, rel=1e-5)
    assert losses.intent(logits, torch.tensor([-1, -1])).item() == 0.0


def test_rank_compares_with_the_worst_of_the_benign_only() -> None:
    scores = torch.tensor([1.0, *([-5.0] * 19), 3.0], requires_grad=True)  # one harmful, twenty benign
    target = torch.tensor([1.0, *([0.0] * 20)])
    loss = losses.low_fpr_rank(scores, target, torch.ones(21))
    assert loss.item() == pytest.approx(math.log1p(math.exp(2 - (1 - 3))), rel=1e-5)
    loss.backward()
    assert scores.grad is not None
    assert scores.grad[0] < 0 < scores.grad[-1]
    assert (scores.grad[1:-1] == 0).all()


def test_rank_needs_both_sides_and_ignores_the_unknown() -> None:
    assert losses.low_fpr_rank(torch.randn(3), torch.tensor([1.0, 1.0, -1.0]), torch.ones(3)).item() == 0.0
    assert losses.low_fpr_rank(torch.randn(3), torch.tensor([0.0, 0.0, -1.0]), torch.ones(3)).item() == 0.0


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 300), n_context=st.integers(0, 48), size=st.sampled_from([40, 56, 104]), seed=st.integers(0, 999)
)
def test_a_window_never_exceeds_its_size_and_keeps_text(n: int, n_context: int, size: int, seed: int) -> None:
    tokens = Tokens(text=list(range(1000, 1000 + n)), context=list(range(500, 500 + n_context)))
    ids, types = crop(tokens, size, random.Random(seed))
    assert len(ids) == len(types) <= size
    assert ids[0] == CLS
    assert ids[-1] == SEP
    kept = [piece for piece in ids if piece >= 1000]
    assert kept == list(range(kept[0], kept[0] + len(kept))) if kept else n == 0
    assert len(kept) >= min(n, size // 2 - 3)
    own = types[: len(types) - len(kept) - 1]
    assert set(own) <= {0}
    assert types[len(own) :] == ([1] if n_context else [0]) * (len(kept) + 1)


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, 280), length=st.integers(1, 20), seed=st.integers(0, 999))
def test_a_crop_contains_its_focus(start: int, length: int, seed: int) -> None:
    tokens = Tokens(text=list(range(1000, 1300)), context=[7], focus=(start, start + length))
    ids, _ = crop(tokens, 40, random.Random(seed))
    assert set(range(1000 + start, 1000 + start + length)) <= set(ids)


def test_the_focus_is_where_the_injection_stands() -> None:
    text = "the soup " * 20 + "ignore it please" + " a soup" * 20
    row = Row(text=text, kind="document", context="ignore it please", injection=1)
    (tokens,) = tokenize([row], tokenizer())
    assert tokens.focus is not None
    pieces = tokenizer().encode("ignore it please", add_special_tokens=False).ids
    assert tokens.text[tokens.focus[0] : tokens.focus[1]] == pieces
    assert tokens.context == tokenizer().encode("document", add_special_tokens=False).ids


def test_a_text_has_no_context_and_a_reply_the_ends_of_its_prompt() -> None:
    prompt = "how " + "a " * 100 + "bomb"
    plain, reply = tokenize([Row(text="a", context=prompt), Row(text="a", context=prompt, kind="reply")], tokenizer())
    assert plain.context == []
    whole = tokenizer().encode(prompt, add_special_tokens=False).ids
    assert reply.context == [*whole[: CONTEXT // 2], *whole[-CONTEXT // 2 :]]
    assert clip([1, 2, 3, 4, 5], 4) == [1, 2, 4, 5]


def test_batches_hold_every_row_once_and_pad_only_behind() -> None:
    tokens = [Tokens(text=[1000] * n, context=[]) for n in range(1, 30)]
    seen: list[int] = []
    for index, ids, types, mask in batches(tokens, range(29), size=8, sizes=(40,), rng=random.Random(1)):
        seen += index
        assert ids.shape == types.shape == mask.shape
        for row, number in enumerate(index):
            assert mask[row].tolist() == [1] * (number + 3) + [0] * (ids.shape[1] - number - 3)
        assert not ids[mask == 0].any()
    assert sorted(seen) == list(range(29))
    assert pad([([5], [0])])[0].dtype == np.int64
