"""Scores that are gamed, ability that the plain test hides, and versions that change: known cheats and known honest."""

import numpy as np
import pytest

from solon.core.errors import InputError
from solon.evaluate.integrity.gaming import agreement, exploits, rubric_gap
from solon.evaluate.integrity.headroom import headroom, infer
from solon.evaluate.integrity.tracking import Track, changed_capabilities, track
from solon.evaluate.integrity.weighted import Item


def test_alpha_is_the_published_one():
    # The reliability data of Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.
    nan = np.nan
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    assert agreement(table).alpha == pytest.approx(0.743, abs=0.001)
    found = agreement(table, level="interval")
    assert found.alpha == pytest.approx(0.849, abs=0.001)
    assert found.low < found.alpha < found.high
    assert found.units == 11


def test_judges_that_guess_do_not_agree_and_copies_do():
    draw = np.random.default_rng(1)
    random = agreement(draw.integers(0, 2, (3, 200)))
    assert random.low < 0 < random.high
    row = draw.integers(0, 2, 50)
    assert agreement([row, row]).alpha == 1
    assert np.isnan(agreement(np.ones((2, 9))).alpha)
    with pytest.raises(InputError, match="no unit"):
        agreement([[1, np.nan], [np.nan, 1]])


def climb(gamed: bool, steps: int = 5, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Scores while an optimiser picks among variants by the public rubric; it counts words a gamer can add for free."""
    draw = np.random.default_rng(4)
    quality, length = np.full(n, 0.3), np.full(n, 0.2)
    public, kept = [], []
    for _ in range(steps):
        public.append(0.5 * quality + 0.5 * length)
        kept.append(quality + draw.normal(0, 0.03, n))
        better = draw.normal(0, 0.02 if gamed else 0.1, (n, 16))
        longer = draw.normal(0, 0.1 if gamed else 0.0, (n, 16))
        best = (better + longer).argmax(1)
        quality = quality + better[np.arange(n), best]
        length = length + (longer[np.arange(n), best] if gamed else better[np.arange(n), best])
    return np.array(public), np.array(kept)


def test_a_gap_that_grows_under_optimisation_is_gaming_and_honest_progress_is_not():
    gamed, honest = rubric_gap(*climb(True)), rubric_gap(*climb(False))
    assert gamed.gamed
    assert gamed.growth.low > 0
    assert not honest.gamed
    assert honest.held_back.low > 0
    with pytest.raises(InputError, match="two steps"):
        rubric_gap([[0.1]], [[0.1]])


def test_a_grader_that_pays_for_words_is_found_and_one_that_reads_is_not():
    answers = [f"The capital is town {number}. It lies on river {number}. It is old." for number in range(30)]
    paid = exploits(lambda texts: [min(1.0, len(text) / 400) for text in texts], answers)
    read = exploits(lambda texts: [float("capital is town" in text) for text in texts], answers)
    assert {found.name for found in paid if found.p < 0.05 and found.gain.low > 0} >= {"longer", "repeated"}
    assert not [found.name for found in read if found.p < 0.05]


def test_headroom_is_estimated_on_items_that_did_not_choose():
    draw = np.random.default_rng(2)
    base = draw.random(300) < 0.4
    found = headroom(base, {"useless": base.copy(), "context": base | (draw.random(300) < 0.4)})
    assert found.best == "context"
    assert found.hidden.low > 0.1
    assert found.hidden.n < 300
    luck = [
        headroom(draw.random(300) < 0.4, {str(n): draw.random(300) < 0.4 for n in range(10)}, seed=seed)
        for seed in range(15)
    ]
    assert np.mean([one.hidden.value for one in luck]) == pytest.approx(0, abs=0.045)
    assert np.mean([max(each.gain.value for each in one.conditions) for one in luck]) > 0.045, "the best looks better"
    assert sum(one.hidden.low > 0 for one in luck) <= 3
    with pytest.raises(InputError, match="Four are the least"):
        headroom([True] * 6, {"a": [True] * 6}, clusters=["x", "y", "z"] * 2)


class Reader:
    """Answers from what stands in its prompt: a fact in the context, a key shown by examples, else a guess by words."""

    def evaluate(self, items):
        chosen = []
        for item in items:
            *before, question = item.prompt.split("\n")
            facts = [line for line in before if line.startswith(question.split("?")[0])]
            chosen.append(item.choices.index(facts[-1].split("=")[1]) if facts else len(question) % 2)
        return np.array(chosen)


def test_a_tool_that_knows_raises_and_examples_of_other_questions_do_not():
    draw = np.random.default_rng(6)
    asked = [
        Item(prompt=f"colour of {n:03d}?", choices=("red", "blue"), answer=int(draw.integers(2))) for n in range(120)
    ]
    truth = {item.prompt: item.choices[item.answer] for item in asked}
    shown = [Item(prompt=f"shape of {n}?", choices=("round", "flat"), answer=0) for n in range(20)]
    found = infer(
        Reader(),
        asked,
        shown,
        shots=(1, 4),
        tools={"look-up": lambda prompt: f"{prompt.split('?')[0]}={truth[prompt]}"},
    )
    by_name = {one.name: one for one in found.conditions}
    assert found.best == "tool look-up"
    assert found.hidden.low > 0.2
    assert by_name["4 shots"].gain.value == 0
    assert by_name["4 shots"].p == 1
    with pytest.raises(InputError, match="more examples"):
        infer(Reader(), asked, shown[:2], shots=(4,))
    with pytest.raises(InputError, match="item too"):
        infer(Reader(), asked, asked, shots=(1,))


def test_who_looks_after_every_item_is_wrong_in_five_of_a_hundred_at_most():
    # Not simulated: the chance that a fair coin ever raises the alarm within 1,500 changed items, path by path.
    calm, alarmed, least = np.array([1.0]), 0.0, 0
    for flips in range(1, 1501):
        calm = (np.append(calm, 0.0) + np.append(0.0, calm)) / 2
        while log_e(least, flips - least) >= np.log(20):
            least += 1
        alarmed += calm[:least].sum() + calm[len(calm) - least :].sum()
        calm[:least] = calm[len(calm) - least :] = 0.0
    assert 0.02 < alarmed <= 0.05


def log_e(gained: int, lost: int) -> float:
    return Track(seen=gained + lost, gained=gained, lost=lost).log_e


def test_watching_real_pairs_alarms_no_more_often_and_waits_for_changed_items():
    draw = np.random.default_rng(9)
    alarms = 0
    for _ in range(60):
        able, slips = draw.random(200) < 0.6, draw.random((2, 200)) < 0.2
        alarms += bool(track(zip(able ^ slips[0], able ^ slips[1], strict=True)).changed)
    assert alarms <= 7  # 99 % of the binomial with 5 %
    assert not track([(True, True)] * 500 + [(False, False)] * 500).changed


def test_a_change_is_found_with_its_direction_and_stays_said():
    draw = np.random.default_rng(10)
    up = [(draw.random() < 0.5, draw.random() < 0.75) for _ in range(400)]
    better, worse = track(up), track([(b, a) for a, b in up])
    assert better.changed == "up"
    assert worse.changed == "down"
    assert better.since < 400
    assert better.share.low > 0.5
    assert better.difference == pytest.approx(-worse.difference)
    more = track([*up[: better.since], *((True, False) for _ in range(30))])
    assert more.changed == "up"
    with pytest.raises(InputError, match="share of false alarms"):
        Track(level=0)


def test_among_many_capabilities_only_the_changed_ones_are_named():
    draw = np.random.default_rng(11)
    tracks = {f"same {n}": Track() for n in range(20)} | {"arithmetic": Track()}
    for name, one in tracks.items():
        for _ in range(300):
            one.update(draw.random() < 0.5, draw.random() < (0.8 if name == "arithmetic" else 0.5))
    assert changed_capabilities(tracks) == ["arithmetic"]
