"""Where searches work: every question is a recorded attempt, paid from the budget and never asked twice.

A search that was interrupted is simply run again. It draws the same numbers, asks the same questions, is answered
from the store as far as it had come, at no cost, and goes on from there; what its attacker's model wrote is kept the
same way.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from solon.core.attempt import Answer, Goal, Grade, Grader, Prompt, Spent, Target
from solon.core.errors import JudgeError
from solon.core.record import digest
from solon.models.completion import Completion, LanguageModel, Usage
from solon.redteam.attack import Search
from solon.redteam.budget import Budget
from solon.redteam.line import Named, line, read_answer, read_grade
from solon.redteam.store import Store, Technique
from solon.redteam.worker import answered, graded


@runtime_checkable
class _Bounded(Protocol):
    """A target that knows what a question can cost at most."""

    def bound(self, prompt: Prompt) -> Spent: ...


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all searches of a campaign share: the store and the budget, the target and the grader.

    ``campaign`` is the plan's; ``attacker`` writes attacks, ``None`` where no search needs one.
    """

    store: Store
    budget: Budget
    target: Target
    grader: Grader
    campaign: str
    seed: int = 0
    attacker: LanguageModel | None = None


class StoreLab:
    """The lab of one search (see ``attack.Lab``)."""

    def __init__(
        self, bench: Bench, search: Search, *, report: Callable[[str, int], None] = lambda _name, _questions: None
    ) -> None:
        self._bench = bench
        self._report = report
        self._search = search.name
        self._number = bench.store.number_of(Technique(search.name, search.family, search.paper))
        self._goals = {goal.id: number for number, goal in enumerate(bench.store.goals)}
        self._tries: Counter[str] = Counter()
        self._seen: set[str] = set()
        self.rng = random.Random(int(digest([bench.campaign, bench.seed, search.name]), 16))
        self.attacker: LanguageModel | None = None
        if bench.attacker is not None:
            self.attacker = KeptModel(bench.attacker, bench.store, bench.budget, search.name)

    async def ask(self, asked: Sequence[tuple[Goal, Prompt]]) -> list[tuple[Answer, Grade]]:
        """Answers and grades, in order; what was asked before is answered from the store.

        Raises:
            BudgetSpent: before anything is asked that the budget does not cover.
        """
        keys = [self._key(goal, prompt) for goal, prompt in asked]
        fresh: dict[str, tuple[Goal, Prompt]] = {}
        known: dict[str, tuple[Answer, Grade]] = {}
        numbers: dict[str, int] = {}
        for key, (goal, prompt) in zip(keys, asked, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                numbers[key] = self._tries[goal.id]
                self._tries[goal.id] += 1
            if key in known or key in fresh:
                continue
            found = self._bench.store.asked(bytes.fromhex(key))
            if found is None:
                fresh[key] = (goal, prompt)
            else:
                known[key] = (read_answer(found), read_grade(found))
        if fresh:
            known |= await self._made(fresh, numbers)
        self._report(self._search, len(self._seen))
        return [known[key] for key in keys]

    def _key(self, goal: Goal, prompt: Prompt) -> str:
        return digest([self._bench.campaign, self._search, goal.id, goal.text, prompt.digest])[:32]

    async def _made(
        self, fresh: Mapping[str, tuple[Goal, Prompt]], numbers: Mapping[str, int]
    ) -> dict[str, tuple[Answer, Grade]]:
        bench = self._bench
        goals, prompts = [goal for goal, _ in fresh.values()], [prompt for _, prompt in fresh.values()]
        held = bench.budget.hold(len(prompts), each=self._dearest(prompts))
        answers: list[Answer] = []
        try:
            answers = await answered(bench.target, prompts)
        finally:
            bench.budget.settle(held, [answer.spent for answer in answers])
        grades = await graded(bench.grader, list(zip(goals, prompts, answers, strict=True)))
        first = bench.store.next_asked()
        lines = [
            line(
                Named(first + place, bytes.fromhex(key), self._number, self._goal(goal), numbers.get(key, 0)),
                prompt,
                answer,
                grade,
                whole=bool(answer.text or answer.reasoning or answer.tool_calls),
            )
            for place, (key, goal, prompt, answer, grade) in enumerate(
                zip(fresh, goals, prompts, answers, grades, strict=True)
            )
        ]
        bench.store.write(lines)
        # What a later run will read, so that this run sees the very same: risks and scores are rounded there.
        return {key: (read_answer(one), read_grade(one)) for key, one in zip(fresh, lines, strict=True)}

    def _dearest(self, prompts: Sequence[Prompt]) -> Spent | None:
        """The highest bound of all prompts, where the target knows one."""
        target = self._bench.target
        if not isinstance(target, _Bounded):
            return None
        bounds = [target.bound(prompt) for prompt in prompts]
        return Spent(
            calls=1,
            prompt_tokens=max(bound.prompt_tokens for bound in bounds),
            completion_tokens=max(bound.completion_tokens for bound in bounds),
            usd=max(bound.usd for bound in bounds),
        )

    def _goal(self, goal: Goal) -> int:
        """The number of a goal; searches may make goals of their own, which are kept from then on."""
        if goal.id not in self._goals:
            self._goals[goal.id] = self._bench.store.add_goal(goal)
        return self._goals[goal.id]


class KeptModel:
    """An attacker's model whose every word is kept: the same question again, in its turn, gets the same answer.

    Args:
        model: what writes.
        store: where it is kept.
        budget: what it is paid from; a call counts like a question to the target.
        scope: the search; each has answers of its own.
    """

    def __init__(self, model: LanguageModel, store: Store, budget: Budget, scope: str) -> None:
        self._model = model
        self._store = store
        self._budget = budget
        self._scope = scope
        self._turn: Counter[str] = Counter()
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        max_tokens: int = 1024,
    ) -> Completion:
        """What the model writes, or wrote when it was asked this for the same time before; without log-probabilities.

        Raises:
            BudgetSpent: before it is asked what the budget does not cover.
            JudgeError: where it gives no complete answer.
        """
        said = [dict(message) for message in messages]
        asked = digest([self._scope, self._model.name, said, dict(schema or {}), max_tokens])
        with self._counting:
            turn = self._turn[asked]
            self._turn[asked] += 1
        key = bytes.fromhex(digest([asked, turn])[:32])
        kept = self._store.written(key)
        if kept is None:
            kept = self._asked(said, schema, max_tokens)
            self._store.keep_written(key, kept)
        if "error" in kept:
            raise JudgeError(kept["error"])
        spent = Spent(**kept["spent"])
        usage = Usage(prompt_tokens=spent.prompt_tokens, completion_tokens=spent.completion_tokens)
        return Completion(text=kept["text"], usage=usage)

    def _asked(
        self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None, max_tokens: int
    ) -> dict[str, Any]:
        """What the model writes now, or why it does not: a failure is kept too, or the next run would be another."""
        length = sum(len(part.encode("utf-8", "replace")) + 16 for message in messages for part in message.values())
        held = self._budget.hold(1, each=Spent(calls=1, prompt_tokens=length, completion_tokens=max_tokens))
        spent = Spent(calls=1)
        try:
            written = self._model.complete(messages, schema=schema, max_tokens=max_tokens)
        except JudgeError as error:
            return {"error": str(error), "spent": asdict(spent)}
        else:
            usage = written.usage
            spent = Spent(calls=1, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
            return {"text": written.text, "spent": asdict(spent)}
        finally:
            self._budget.settle(held, [spent])
