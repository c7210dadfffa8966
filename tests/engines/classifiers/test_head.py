"""Heads fitted to a few examples, and logits of texts that the head has not seen."""

import numpy as np

from solon.engines.classifiers.head import columns, fit_head, unseen_logits


def cloud(centre: float, count: int, *, seed: int, width: int = 12) -> np.ndarray:
    made = np.random.default_rng(seed).normal(0, 1, (count, width))
    made[:, 0] += centre
    return np.column_stack([made, np.ones(count)])


def test_columns_keep_the_order_that_a_served_head_reads():
    read = columns(np.full((2, 3), 0.5, np.float32), np.array([4.0, 8.0], np.float32))
    assert read.tolist() == [[0.5, 0.5, 0.5, 1.0, 1.0], [0.5, 0.5, 0.5, 2.0, 1.0]]


def test_a_group_may_be_empty():
    bad, good = cloud(2, 40, seed=1), cloud(-2, 40, seed=2)
    for allowed, others in ((good, good[:0]), (good[:0], good)):
        head = fit_head(bad, allowed, others)
        assert ((bad @ head > 0).mean() + (good @ head < 0).mean()) / 2 > 0.95


def test_unseen_logits_do_not_remember():
    """Labels without meaning are learned by heart where the head saw the text, and not where it did not."""
    bad, near = cloud(0, 8, seed=3, width=40), cloud(0, 8, seed=4, width=40)
    seen = near @ fit_head(bad, near, near[:0])
    unseen = unseen_logits(bad, near, near[:0], range(len(near)))
    assert (seen < 0).all()
    assert unseen.mean() > seen.mean() + 1


def test_variants_of_one_text_are_left_out_together():
    bad, near = cloud(1, 12, seed=5), cloud(-1, 6, seed=6)
    twice = np.concatenate([near, near])
    apart = unseen_logits(bad, twice, near[:0], [*range(6), *range(6)])
    assert np.allclose(apart[:6], apart[6:])
    mixed = unseen_logits(bad, twice, near[:0], range(12))
    assert mixed.mean() < apart.mean(), "a twin left in the fit makes its text look safer than it is"
