"""The arms that are compared: the same prompts, the same capability lessons, another thing learned."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from judges import Grading, Rewarding
from organism import TAUGHT_DEPTHS, asked, foreign_rules_lesson, reasoning, task
from world import CIPHERS, World, requests

from solon.align.chain import Chain, FinalAnswer, Task
from solon.align.chat import Chat
from solon.align.filter import Kept, grade, keep
from solon.align.loop_rl import RlSettings, RlStep, rl
from solon.align.loop_sft import Lesson, SftSettings, sft
from solon.align.sample import Sampling, sample

SAFETY_CIPHERS = ("rev",)
RL_CIPHERS = ("rev", "rot1")
LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One seed's world, base model and sizes."""

    world: World
    chat: Chat
    base: Any
    seed: int
    rows: int = 1500
    sft_steps: int = 100
    sft_rate: float = 1e-3
    rl_rate: float = 6e-4
    rl_steps: int = 90
    rl_depths: tuple[int, ...] = (0, 1, 2)
    foreign_depths: tuple[int, ...] = TAUGHT_DEPTHS
    foreign_ciphers: tuple[str, ...] = CIPHERS
    report: Callable[[str], None] = print

    def foreign(self, rng: random.Random) -> Lesson:
        """A lesson with a policy in its context that is not the one to be taught."""
        return foreign_rules_lesson(
            self.world, self.chat, rng, depths=self.foreign_depths, ciphers=self.foreign_ciphers
        )


def safety_tasks(
    setting: Setting, number: int, name: str, *, depths: Sequence[int] = (0, 1), ciphers: Sequence[str] = SAFETY_CIPHERS
) -> list[Task]:
    """Prompts on governed verbs out of the part of the world that training shows: plain, or under one cipher."""
    source = requests(
        setting.world, random.Random(f"{name}/{setting.seed}"), depths=depths, ciphers=ciphers, governed=True, seen=True
    )
    return [task(request, number=place) for place, request in enumerate(islice(source, number))]


def other_tasks(
    setting: Setting, number: int, *, depths: Sequence[int] = (0, 1), ciphers: Sequence[str] = SAFETY_CIPHERS
) -> list[Task]:
    """Prompts on verbs of which the policy does not speak: what must go on working.

    By default as little enciphered as the safety prompts: where only harmless prompts come in cipher, a model learns
    that a cipher means harmless (``docs/small_world.md`` shows that mix too).
    """
    source = requests(
        setting.world, random.Random(f"other/{setting.seed}"), depths=depths, ciphers=ciphers, governed=False, seen=None
    )
    return [task(request, number=place) for place, request in enumerate(islice(source, number))]


def generate(
    setting: Setting, tasks: Sequence[Task], *, rules: bool = True, noise: float = 0.0, times: int = 1
) -> Kept:
    """Stages 1 and 2: the base reasons, with the policy in its context where ``rules``; the judge keeps what is right.

    Without rules nothing is judged but the form: the base simply does what it does.
    """
    prompts = [setting.chat.prompt_ids(each, rules=setting.world.rules.text() if rules else "") for each in tasks]
    drawn = Sampling(temperature=0.7, max_tokens=LONGEST, batch=250, seed=setting.seed)
    chains = sample(setting.base, setting.chat, prompts, drawn)
    judge = Grading(world=setting.world, noise=noise)
    return keep(grade(tasks, chains, judge, times=times, least=1.0 if rules else 0.0))


def oracle(setting: Setting, tasks: Sequence[Task]) -> Kept:
    """Chains as the world itself would write them: where the base is too young to."""
    chains = [_right(setting, each) for each in tasks]
    return keep(grade(tasks, chains, Grading(world=setting.world), times=1))


def spoilt(setting: Setting, number: int, rng: random.Random) -> tuple[list[Task], list[Chain]]:
    """Chains of which half are made wrong: another request's clauses and answer on the end of this one's thought."""
    tasks = safety_tasks(setting, number, "spoilt")
    chains = [_right(setting, each) for each in tasks]
    for place in rng.sample(range(number), number // 2):
        other = chains[rng.randrange(number)]
        thought = [*chains[place].reasoning.split(" | ")[:-1], other.reasoning.split(" | ")[-1]]
        chains[place] = replace(chains[place], reasoning=" | ".join(thought), answer=other.answer)
    return tasks, chains


def _right(setting: Setting, each: Task) -> Chain:
    request, rules = asked(each), setting.world.rules
    answer = setting.world.answer(request, setting.world.action(request, rules))
    thought = " | ".join(reasoning(setting.world, request, rules))
    return Chain(reasoning=thought, answer=FinalAnswer(text=answer), complete=True)


def without_clauses(chain: Chain) -> Chain:
    """The same chain with its clauses left out: decoding and knowledge remain."""
    steps = [step for step in chain.reasoning.split(" | ") if not step.startswith("K ")]
    return replace(chain, reasoning=" | ".join(steps))


def without_reasoning(chain: Chain) -> Chain:
    """The answer alone: what training on labels sees."""
    return replace(chain, reasoning="", answer=FinalAnswer(text=chain.answer.text))


def lessons(setting: Setting, kept: Kept, change: Callable[[Chain], Chain] = lambda chain: chain) -> list[Lesson]:
    """Stage 3's rows: the prompt without the policy, the chain as the arm learns it."""
    chat = setting.chat
    rows: list[Lesson] = []
    for row in kept.rows:
        chain = change(row.chain)
        completion = chat.completion_ids(chain.reasoning, chain.answer.text)
        rows.append(Lesson(prompt=tuple(chat.prompt_ids(row.task)), completion=tuple(completion)))
    return rows


def tuned(setting: Setting, rows: Sequence[Lesson], other: Sequence[Lesson]) -> Any:
    """Stage 3: half of every batch is safety, a quarter ungoverned prompts, a quarter foreign policies in context."""
    model = copy.deepcopy(setting.base)

    def draw(rng: random.Random) -> list[Lesson]:
        foreign = [setting.foreign(rng) for _ in range(16)]
        return [*rng.sample(list(rows), 32), *rng.sample(list(other), 16), *foreign]

    settings = SftSettings(steps=setting.sft_steps, batch=64, rate=setting.sft_rate, seed=setting.seed)
    sft(model, draw, settings, report=setting.report)
    return model


def reinforced(
    setting: Setting, model: Any, other: Sequence[Lesson], *, noise: float = 0.0
) -> tuple[Any, list[RlStep]]:
    """Stage 4, from a copy of ``model``; ``other`` keeps what must not be lost."""
    model = copy.deepcopy(model)
    rng = random.Random(f"keep/{setting.seed}")
    kept = [*other, *(setting.foreign(rng) for _ in range(len(other)))]
    steps = rl(
        model,
        setting.chat,
        safety_tasks(setting, 4000, "rl", depths=setting.rl_depths, ciphers=RL_CIPHERS),
        Rewarding(world=setting.world, noise=noise),
        RlSettings(
            steps=setting.rl_steps,
            prompts=32,
            group=8,
            rate=setting.rl_rate,
            max_tokens=LONGEST,
            keep=0.3,
            seed=setting.seed,
        ),
        other=kept,
        report=setting.report,
    )
    return model, steps
