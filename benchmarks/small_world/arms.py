"""The arms that are compared: the same prompts, the same capability lessons, another thing learned."""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from judges import Grading, Rewarding
from organism import capability_lesson, task
from world import World, requests

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
    sft_steps: int = 250
    rl_steps: int = 60
    noise: float = 0.0
    report: Callable[[str], None] = print


def safety_tasks(setting: Setting, number: int, ciphers: tuple[str, ...], name: str) -> list[Task]:
    """Prompts on governed verbs out of the part of the world that training shows: plain, or under one cipher."""
    source = requests(
        setting.world, random.Random(f"{name}/{setting.seed}"), depths=(0, 1), ciphers=ciphers, governed=True, seen=True
    )
    return [task(request, number=place) for place, request in enumerate(islice(source, number))]


def generate(setting: Setting) -> Kept:
    """Stages 1 and 2: the base reasons with the policy in its context, the judge keeps what is right."""
    tasks = safety_tasks(setting, setting.rows, SAFETY_CIPHERS, "generate")
    prompts = [setting.chat.prompt_ids(each, rules=setting.world.rules.text()) for each in tasks]
    chains = sample(
        setting.base, setting.chat, prompts, Sampling(temperature=0.7, max_tokens=LONGEST, batch=250, seed=setting.seed)
    )
    judge = Grading(world=setting.world, noise=setting.noise)
    return keep(grade(tasks, chains, judge, times=3 if setting.noise else 1))


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


def tuned(setting: Setting, rows: list[Lesson]) -> Any:
    """Stage 3: half of every batch is safety, half is what must not be lost."""
    model = copy.deepcopy(setting.base)

    def draw(rng: random.Random) -> list[Lesson]:
        mixed = [capability_lesson(setting.world, setting.chat, rng) for _ in range(32)]
        return [*rng.sample(rows, 32), *mixed]

    settings = SftSettings(steps=setting.sft_steps, batch=64, rate=1e-3, seed=setting.seed)
    sft(model, draw, settings, report=setting.report)
    return model


def reinforced(setting: Setting, model: Any) -> tuple[Any, list[RlStep]]:
    """Stage 4, from a copy of ``model``."""
    model = copy.deepcopy(model)
    rng = random.Random(f"keep/{setting.seed}")
    other = [capability_lesson(setting.world, setting.chat, rng) for _ in range(2000)]
    steps = rl(
        model,
        setting.chat,
        safety_tasks(setting, 4000, RL_CIPHERS, "rl"),
        Rewarding(world=setting.world, noise=setting.noise),
        RlSettings(
            steps=setting.rl_steps, prompts=32, group=8, rate=3e-4, max_tokens=LONGEST, keep=0.3, seed=setting.seed
        ),
        other=other,
        report=setting.report,
    )
    return model, steps
