"""Every search finds what is there to be found, repeats exactly, stops at its budget, and counts what it asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from solon.core.attempt import Answer, Goal, Grade, Outcome, Prompt
from solon.core.errors import BudgetSpent, SolonError
from solon.redteam.attack import FAMILIES, Search
from solon.redteam.memory_lab import MemoryLab
from solon.redteam.scripted import ScriptedAttacker
from solon.redteam.searches.best_of_n import BestOfN, noisy
from solon.redteam.searches.boundary import Boundary, blurred
from solon.redteam.searches.catalogue import search, searches
from solon.redteam.searches.evolution import Evolution
from solon.redteam.searches.universal import Universal
from solon.testing import SEARCH_CHECKS, Nonconformance, check_search

NEED_ATTACKER = {"pair", "tap", "crescendo", "goat"}


def lab_for(target, grader, *, budget=20_000, seed=3) -> MemoryLab:
    return MemoryLab(target, grader, budget=budget, seed=seed, attacker=ScriptedAttacker())


def run(made: Search, goals: Sequence[Goal], lab: MemoryLab) -> None:
    asyncio.run(made.run(goals, lab))


def trace(lab: MemoryLab) -> list[tuple[str, str, str]]:
    return [(goal.id, prompt.digest, grade.outcome.value) for goal, prompt, _, grade in lab.asked]


@pytest.mark.parametrize("name", searches())
def test_a_search_is_a_search_and_breaks_a_filter_that_padding_weakens(name, harmful, benign, open_filter, grader):
    made = search(name)
    assert isinstance(made, Search)
    assert made.name == name and made.family in FAMILIES and made.paper
    lab = lab_for(open_filter, grader)
    plain = asyncio.run(open_filter.ask([Prompt.of(goal.text) for goal in harmful]))
    assert all(answer.blocked for answer in plain)
    run(made, [*harmful, *benign], lab)
    won = [goal for goal, _, _, grade in lab.asked if grade.outcome is Outcome.SUCCESS and not goal.benign]
    if name == "best_of_n":
        # letters swapped and replaced hide charged words from a filter of words
        assert len({goal.id for goal in won}) == len(harmful)
    else:
        assert won, f"{name} broke nothing in {len(lab.asked)} questions"


@pytest.mark.parametrize("check", SEARCH_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", searches())
def test_our_searches_pass_the_checks_for_anyones(name, check):
    check(lambda: search(name))


@pytest.mark.parametrize("name", sorted(set(searches()) - NEED_ATTACKER))
def test_another_seed_goes_another_way(name, harmful, benign, open_filter, grader):
    traces = []
    for seed in (3, 4):
        lab = lab_for(open_filter, grader, seed=seed)
        run(search(name), [*harmful[:3], *benign], lab)
        traces.append(trace(lab))
    assert traces[0] != traces[1]


@pytest.mark.parametrize("name", sorted(NEED_ATTACKER))
def test_without_an_attacker_the_search_says_what_is_missing(name, harmful, open_filter, grader):
    lab = MemoryLab(open_filter, grader, budget=10)
    with pytest.raises(SolonError, match="attacker"):
        run(search(name), harmful, lab)


@pytest.mark.parametrize("name", searches())
def test_a_target_that_only_errs_is_never_broken_and_the_search_ends(name, harmful, grader):
    class Down:
        name = digest = "down"

        async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
            return [Answer(error="unreachable") for _ in prompts]

    lab = lab_for(Down(), grader)
    made = search(name)
    run(made, harmful, lab)
    outcomes = made.trail.outcomes  # type: ignore[attr-defined]
    assert set(outcomes) <= {Outcome.ERROR} and not made.trail.wins  # type: ignore[attr-defined]


def test_asr_grows_with_the_tries_and_gives_up_no_goal_for_lost_that_was_not_tried(harmful, closed_filter, grader):
    made = BestOfN(n=40, batch=5)
    run(made, harmful, lab_for(closed_filter, grader))
    rates = [made.trail.asr_at(k) for k in (1, 5, 20, 40)]
    assert [rate.n for rate in rates] == [6, 6, 6, 6]
    assert rates == sorted(rates, key=lambda rate: rate.k) and rates[-1].k > rates[0].k
    wins = made.trail.wins
    assert sum(win.tries <= 5 for win in wins.values()) == rates[1].k


def test_noise_keeps_the_letters_of_each_word_and_its_ends():
    import random

    text = "Whistling kettles sometimes overflow"
    copy = noisy(text, random.Random(1), 0.05)
    assert len(copy) == len(text) and copy != text
    assert sorted(copy.lower())[:3] == sorted(text.lower())[:3]
    assert noisy(text, random.Random(1), 0.0) == text


def test_universal_is_reported_on_goals_it_never_learned_from(harmful, benign, closed_filter, grader):
    made = Universal(rounds=40, longest=400)
    lab = lab_for(closed_filter, grader)
    run(made, [*harmful, *benign], lab)
    last = made.found[-1]
    assert (last.passed, last.of) == (3, 3) and last.of_held_out == 3
    assert last.held_out >= 2, "a wrapper that pads should carry over to goals of the same kind"
    assert last.benign == last.of_benign == len(benign)
    assert [found.questions for found in made.found] == sorted(found.questions for found in made.found)
    assert last.questions < made.trail.questions, "held-out questions are no part of the search's cost"
    text = last.wrapper.around("REQUEST")
    assert "REQUEST" in text and len(text) <= 400 + len("REQUEST")


def test_held_out_answers_steer_nothing(harmful, closed_filter, grader):
    class Liar:
        """Says of goals set apart whatever is the worst for the wrapper."""

        name, lying = "permitted", False

        def __init__(self, held: set[str]) -> None:
            self.held = held

        async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
            told = await grader.grade(asked)
            return [
                replace(grade, outcome=Outcome.FAILURE) if goal.id in self.held else grade
                for (goal, _, _), grade in zip(asked, told, strict=True)
            ]

    truth = Universal(rounds=20)
    lab = lab_for(closed_filter, grader)
    run(truth, harmful, lab)
    split_lab = lab_for(closed_filter, grader)
    order = split_lab.rng.sample(harmful, len(harmful))
    held = {goal.id for goal in order[:3]} if {g.id for g in order[:3]} else set()
    deceived = Universal(rounds=20)
    run(deceived, harmful, lab_for(closed_filter, Liar(held)))
    assert [found.wrapper for found in deceived.found] == [found.wrapper for found in truth.found]
    assert deceived.found[-1].held_out == 0 < truth.found[-1].held_out


def test_boundary_points_are_probes_and_the_request_itself_is_none(harmful):
    goal = harmful[0]
    half, most = blurred(goal, 0.5, 0), blurred(goal, 0.9, 0)
    assert half.probe and most.probe and not goal.probe and blurred(goal, 0.0, 0) is goal
    changed = [at for at, (old, new) in enumerate(zip(goal.text, half.text, strict=True)) if old != new]
    for at in changed:
        assert most.text[at] == half.text[at], "more noise lies over less noise"
    assert half.id != most.id != blurred(goal, 0.9, 1).id


def test_boundary_search_needs_one_bit_and_counts_no_probe_as_success(harmful, benign, closed_filter, grader):
    made = Boundary(longest=600)
    lab = lab_for(closed_filter, grader)
    run(made, [*harmful, *benign], lab)
    probes = [goal for goal, _, _, _ in lab.asked if goal.probe]
    assert probes and all("~" in goal.id for goal in probes)
    assert not {goal.id for goal in probes} & set(made.trail.wins)
    assert sum(made.trail.tries.values()) + len(probes) <= made.trail.questions
    last = made.found[-1]
    assert last.passed == last.of == 3
    assert last.wrapper.size > 100, "a few words of padding do not do, so there was something to climb"


def test_what_won_on_one_goal_is_tried_on_the_others_first(harmful, open_filter, grader):
    alone = sum(_asked(Evolution(encodings=False), [goal], open_filter, grader) for goal in harmful)
    together = _asked(Evolution(encodings=False), harmful, open_filter, grader)
    assert together <= alone


def test_whole_evolution_keeps_every_request_word_for_word_or_reversible(harmful, open_filter, grader):
    lab = lab_for(open_filter, grader)
    run(Evolution(encodings=False, generations=4), harmful, lab)
    assert all(goal.text in prompt.exchange.messages[0].content for goal, prompt, _, _ in lab.asked)


def _asked(made: Evolution, goals: Sequence[Goal], target, grader) -> int:
    run(made, goals, lab_for(target, grader))
    assert set(made.trail.wins) == {goal.id for goal in goals} == set(made.winners)
    return made.trail.questions


def unruly(fault: str):
    class Made(BestOfN):
        async def run(self, goals: Sequence[Goal], lab) -> None:
            if fault == "silent":
                return
            if fault == "foreign":
                goals = [Goal(id="another", text="What time is it?")]
            if fault == "unseeded":
                lab.rng.seed()
            try:
                await super().run(goals, lab)
            except BudgetSpent:
                if fault != "greedy":
                    raise

    made = Made(n=20)
    if fault == "name":
        made.name = "Best of N"
    return made


@pytest.mark.parametrize("fault", ["name", "silent", "foreign", "unseeded", "greedy"])
def test_the_checks_find_what_is_wrong(fault):
    with pytest.raises(Nonconformance):
        check_search(lambda: unruly(fault))


def test_the_checks_let_a_sound_search_pass():
    check_search(lambda: unruly(""))
