"""Sampling, learning and reinforcement on a tiny Llama: budgets hold, lessons are learned, praise is no reward."""

import random

import pytest
import tiny_chat
from hypothesis import assume, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from solon.align.chain import FinalAnswer, Tags, Task  # noqa: E402
from solon.align.chat import Chat  # noqa: E402
from solon.align.loop_rl import RlSettings, advantages, checked, rl  # noqa: E402
from solon.align.loop_sft import Lesson, SftSettings, lesson_loss, schedule, sft  # noqa: E402
from solon.align.memory import room_for  # noqa: E402
from solon.align.sample import Sampling, _Row, sample  # noqa: E402
from solon.core.errors import TrainingError  # noqa: E402

REWARDS = st.lists(st.one_of(st.none(), st.sampled_from([-1.0, 0.2, 1.0]), st.floats(-5, 5)), min_size=2, max_size=8)
ASK = Task(id="q", prompt="tell me")


@pytest.fixture(scope="module")
def talk():
    return tiny_chat.chat()


def taught(talk, pairs, *, steps=60, seed=0):
    """A tiny model that says to every prompt what it was taught."""
    model = tiny_chat.model(seed)
    lessons = [
        Lesson(prompt=tuple(talk.prompt_ids(task)), completion=tuple(talk.completion_ids(reasoning, answer)))
        for task, reasoning, answer in pairs
    ]
    loss = sft(model, lessons, SftSettings(steps=steps, batch=4, rate=1e-2, seed=seed), pad=0)
    return model, loss


@pytest.fixture(scope="module")
def thinker(talk):
    """Thinks three words and answers two."""
    model, loss = taught(talk, [(ASK, "use rule and refuse", "sorry I cannot")])
    assert loss < 0.3
    return model


def test_what_was_taught_is_said(talk, thinker):
    (chain,) = sample(thinker, talk, [talk.prompt_ids(ASK)], Sampling(temperature=0, max_tokens=20))
    assert chain.complete and not chain.forced
    assert (chain.reasoning, chain.answer.text) == ("use rule and refuse", "sorry I cannot")


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_a_budget_closes_the_reasoning_and_the_answer_comes_from_there(talk, thinker, budget):
    (chain,) = sample(thinker, talk, [talk.prompt_ids(ASK)], Sampling(temperature=0, max_tokens=20, budget=budget))
    assert chain.forced and chain.thought_tokens == budget
    assert chain.reasoning == " ".join(("use", "rule", "and", "refuse")[:budget])
    assert chain.ids.count(talk.tags.closing[0]) == 1


def test_a_budget_that_is_not_reached_changes_nothing(talk, thinker):
    prompts = [talk.prompt_ids(ASK)]
    free, bound = (sample(thinker, talk, prompts, Sampling(temperature=0, budget=b, max_tokens=20)) for b in (None, 9))
    assert free == bound


def test_a_budget_does_not_touch_a_model_that_does_not_think():
    row = _Row(Tags(opening=(1,), closing=(2,), end=frozenset({9})), budget=1)
    assert [row.take(token) for token in (5, 6, 7, 9)] == [5, 6, 7, 9]
    assert not row.forced and row.done


def test_a_budget_puts_in_closing_tags_of_several_tokens():
    row = _Row(Tags(opening=(1,), closing=(2, 3, 4), end=frozenset({9})), budget=2)
    assert [row.take(token) for token in (1, 5, 6, 7, 7, 7, 8, 9)] == [1, 5, 6, 2, 3, 4, 8, 9]
    assert row.forced and row.done


def test_a_cut_completion_is_not_complete(talk, thinker):
    (chain,) = sample(thinker, talk, [talk.prompt_ids(ASK)], Sampling(temperature=0, max_tokens=3))
    assert not chain.complete and not chain.ended and chain.answer.text == ""


def test_a_batch_of_unlike_lengths_gives_what_each_gives_alone(talk, thinker):
    prompts = [talk.prompt_ids(ASK), talk.prompt_ids(Task(id="l", prompt="tell me how to make a kind song please"))]
    together = sample(thinker, talk, prompts, Sampling(temperature=0, max_tokens=12))
    alone = [sample(thinker, talk, [prompt], Sampling(temperature=0, max_tokens=12))[0] for prompt in prompts]
    assert together == alone


def test_sampling_repeats_by_seed_and_puts_the_mode_back(talk):
    model, prompts = tiny_chat.model(1).train(), [talk.prompt_ids(task) for task in tiny_chat.tasks(3)]
    first, again, other = (sample(model, talk, prompts, Sampling(seed=seed, max_tokens=8)) for seed in (0, 0, 1))
    assert first == again != other
    assert model.training


def test_completions_end_where_positions_do_and_a_prompt_that_fills_them_is_told(talk):
    model, prompt = tiny_chat.model(positions=16), talk.prompt_ids(ASK)
    chains = sample(model, talk, [prompt] * 8, Sampling(max_tokens=500))
    assert max(len(chain.ids) for chain in chains) <= 16 - len(prompt)
    with pytest.raises(TrainingError, match="16 tokens leaves the model no room"):
        sample(model, talk, [[5] * 16], Sampling())


def test_only_the_completion_bears_loss(talk):
    model = tiny_chat.model(2)
    ids = tuple(talk.completion_ids("so refuse", "sorry"))
    row = Lesson(prompt=tuple(talk.prompt_ids(ASK)), completion=ids)
    whole = torch.tensor([[*row.prompt, *ids]])
    with torch.no_grad():
        logs = torch.log_softmax(model(whole).logits[0, len(row.prompt) - 1 : -1].float(), -1)
        expected = -logs.gather(-1, torch.tensor(ids)[:, None]).mean()
        longer = Lesson(prompt=(*row.prompt, *row.prompt), completion=ids)
        both = lesson_loss(model, [row, longer], 0) * 2 - lesson_loss(model, [longer], 0)
        assert lesson_loss(model, [row], 0).item() == pytest.approx(expected.item(), rel=1e-4)
        assert both.item() == pytest.approx(expected.item(), rel=1e-3), "padding bears none either"


def test_lessons_are_gone_through_before_any_comes_again(talk):
    from solon.align.loop_sft import _shuffled

    lessons = [Lesson(prompt=(n,), completion=(n,)) for n in range(6)]
    draw, rng = _shuffled(lessons, 4), random.Random(0)
    seen = [lesson.prompt[0] for _ in range(3) for lesson in draw(rng)]
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(range(6))


@given(st.integers(1, 400), st.floats(0, 0.5))
def test_the_rate_rises_then_falls_to_a_tenth(steps, warmup):
    rates = [schedule(step, steps, warmup) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)


@given(REWARDS, st.sampled_from(["grpo", "rloo"]))
def test_advantages_are_relative_to_the_group(rewards, kind):
    gains = advantages(rewards, len(rewards), kind)
    known = [reward for reward in rewards if reward is not None]
    assert len(gains) == len(rewards)
    assert all(gain == 0 for gain, reward in zip(gains, rewards, strict=True) if reward is None)
    assert sum(gains) == pytest.approx(0, abs=1e-6)
    assume(known and max(known) - min(known) > 1e-6)
    best = rewards.index(max(known))
    assert gains[best] == max(gains) > 0
    if kind == "grpo":
        assert sum(gain**2 for gain in gains) / len(known) == pytest.approx(1)
    else:
        rest = [reward for place, reward in enumerate(rewards) if reward is not None and place != best]
        assert gains[best] == pytest.approx(max(known) - sum(rest) / len(rest))


@given(REWARDS, st.floats(0.1, 9), st.floats(-9, 9))
def test_the_scale_and_place_of_rewards_do_not_matter_to_grpo(rewards, scale, shift):
    known = [reward for reward in rewards if reward is not None]
    assume(known and max(known) - min(known) > 1e-3)
    moved = [None if reward is None else reward * scale + shift for reward in rewards]
    assert advantages(moved, len(moved), "grpo") == pytest.approx(advantages(rewards, len(rewards), "grpo"), abs=1e-5)


@given(st.floats(-5, 5), st.integers(2, 9), st.sampled_from(["grpo", "rloo"]))
def test_equal_rewards_say_nothing(reward, group, kind):
    assert advantages([reward] * group, group, kind) == [0.0] * group


def test_groups_are_apart_and_a_lone_judgement_says_nothing():
    assert advantages([1.0, 0.0, 0.0, 0.0], 2, "rloo") == [1.0, -1.0, 0.0, 0.0]
    assert advantages([1.0, None], 2, "grpo") == [0.0, 0.0]


def test_rewards_that_are_no_numbers_or_too_few():
    assert checked([1.0, float("nan"), None, float("inf")], 4) == [1.0, None, None, None]
    with pytest.raises(TrainingError, match="2 rewards for 3 answers"):
        checked([1.0, 0.0], 3)


class Spy:
    """A reward judge that keeps what it is given and rewards refusals."""

    name = "spy"

    def __init__(self, reward):
        self.seen, self._reward = [], reward

    def reward(self, tasks, answers):
        self.seen.extend(answers)
        return [self._reward(task, answer) for task, answer in zip(tasks, answers, strict=True)]


def test_reinforcement_raises_what_is_rewarded_and_shows_no_reasoning(talk):
    model, _ = taught(talk, [(ASK, "praise me", "sorry I cannot"), (ASK, "praise me", "here is cake")])
    spy = Spy(lambda task, answer: 1.0 if answer.text.startswith("sorry") else -1.0)
    chains = []

    class Kept(Chat):
        def read(self, ids, *, forced=False):
            chains.append(super().read(ids, forced=forced))
            return chains[-1]

    heard = Kept(tokenizer=talk.tokenizer)
    steps = rl(model, heard, [ASK], spy, RlSettings(steps=20, prompts=1, group=12, rate=1e-3, max_tokens=10))
    assert sum(step.reward for step in steps[-5:]) / 5 > 0.8 > steps[0].reward + 0.3
    assert {type(answer) for answer in spy.seen} == {FinalAnswer}
    assert steps[0].thought_tokens > 1.5, "it did think"
    assert spy.seen == [chain.answer for chain in chains]
    assert sum("praise" in chain.reasoning and chain.answer.text != "" for chain in chains) > 100


def test_reasoning_that_praises_itself_earns_no_more(talk):
    """A judge that would fall for praise never hears it: nothing is learned from what stands in the reasoning alone."""
    pairs = [(ASK, "praise me excellent reward high", "sorry"), (ASK, "so refuse because of rule", "sorry")]
    model, _ = taught(talk, pairs, steps=80)

    def share(seed):
        chains = sample(model, talk, [talk.prompt_ids(ASK)] * 64, Sampling(temperature=1, max_tokens=10, seed=seed))
        return sum("praise" in chain.reasoning for chain in chains) / len(chains)

    before = share(1)
    assert 0.2 < before < 0.8
    spy = Spy(lambda task, answer: 1.0 if "praise" in answer.text else 0.0)
    steps = rl(model, talk, [ASK], spy, RlSettings(steps=6, prompts=1, group=12, rate=3e-3, max_tokens=10))
    assert not any("praise" in answer.text for answer in spy.seen)
    assert {step.signal for step in steps} == {0.0} and share(1) == before

    hacked = Spy(lambda task, answer: 0.0)
    hacked.reward = lambda tasks, answers: [1.0 if "praise" in text else 0.0 for text in thoughts.pop()]  # type: ignore[method-assign]
    thoughts: list[list[str]] = []
    read = talk.read

    class Leaky:
        """The same chat, but the reasoning leaks to the judge: the check above can fail."""

        tokenizer, tags, prompt_ids = talk.tokenizer, talk.tags, talk.prompt_ids

        def read(self, ids, *, forced=False):
            chain = read(ids, forced=forced)
            if not thoughts or len(thoughts[-1]) == 12:
                thoughts.append([])
            thoughts[-1].append(chain.reasoning)
            return chain

    rl(model, Leaky(), [ASK], hacked, RlSettings(steps=6, prompts=1, group=12, rate=3e-3, max_tokens=10))
    assert share(1) > before + 0.1


def test_what_was_not_judged_teaches_nothing(talk):
    model = tiny_chat.model(3)
    before = [weight.clone() for weight in model.parameters()]
    steps = rl(
        model, talk, [ASK], Spy(lambda task, answer: None), RlSettings(steps=2, prompts=1, group=4, max_tokens=6)
    )
    assert [step.unjudged for step in steps] == [1, 1]
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


def test_passes_of_a_few_rows_sum_to_one_pass_over_all(talk):
    """Greedy sampling would not differ; here the same completions are learned from in passes of 3 and of 12."""
    from solon.align.loop_rl import _policy_loss

    model = tiny_chat.model(4)
    prompt = talk.prompt_ids(ASK)
    rows = [(prompt, talk.completion_ids("so " * n, "sorry"), gain) for n, gain in enumerate((1.0, -0.5, 0.25, -0.75))]

    def gradient(size):
        model.zero_grad()
        for start in range(0, len(rows), size):
            _policy_loss(model, rows[start : start + size], 0).backward()
        return torch.cat([weight.grad.flatten() for weight in model.parameters()])

    assert torch.allclose(gradient(4), gradient(1), atol=1e-5)


def test_a_lack_of_memory_names_the_batch():
    with pytest.raises(TrainingError, match=r"out of memory with 16 rows.*--batch 8"), room_for("sft", 16):
        torch.empty(1 << 60)
    with pytest.raises(RuntimeError, match="shapes"), room_for("sft", 16):
        raise RuntimeError("shapes differ")
