"""TAP: a tree of refinements, pruned of what left the topic, then to the best (Mehrotra et al., arXiv 2312.02119)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from solon.core.attempt import Goal, Outcome, Prompt
from solon.redteam.attack import Lab
from solon.redteam.searches.attacker import Attacker, attacker_of, shown
from solon.redteam.searches.trail import Trail, merit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    goal: Goal
    attempts: tuple[dict[str, Any], ...] = ()
    score: float = 0.0


@dataclass(slots=True, kw_only=True)
class Tap:
    """``branches`` new prompts from each leaf, the ``width`` best leaves of a goal kept, ``depth`` times."""

    name: str = "tap"
    family: str = "attacker_model"
    paper: str = "2312.02119"
    branches: int = 3
    width: int = 4
    depth: int = 4
    trail: Trail = field(default_factory=Trail)

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Grow the trees of all goals in step until each goal is reached or its tree is full grown.

        Raises:
            BudgetSpent: where the lab's budget ends.
            SolonError: where the lab has no attacker.
        """
        self.trail = Trail()
        model = attacker_of(lab, self.name)
        writer = Attacker(model, "pair_v1", self.trail.attacker)
        judge = Attacker(model, "on_topic_v1", self.trail.attacker, text="on_topic")
        leaves = [_Leaf(goal=goal) for goal in goals]
        for _ in range(self.depth):
            grown = await self._grow([leaf for leaf in leaves if not self.trail.won(leaf.goal)], writer)
            kept = await self._on_topic(grown, judge)
            leaves = self._best(await self._ask(kept, lab))
            if not leaves:
                return

    async def _grow(self, leaves: Sequence[_Leaf], writer: Attacker) -> list[tuple[_Leaf, str]]:
        places = [(leaf, variant) for leaf in leaves for variant in range(self.branches)]
        requests = [{"goal": x.goal.text, "variant": variant, "attempts": list(x.attempts)} for x, variant in places]
        written = await writer.write(requests)
        return [(leaf, str(answer["prompt"])) for (leaf, _), answer in zip(places, written, strict=True) if answer]

    async def _on_topic(self, grown: Sequence[tuple[_Leaf, str]], judge: Attacker) -> list[tuple[_Leaf, str]]:
        """Prompts on topic, each once a goal. One on which the attacker gave no usable word is kept: it costs one
        question, and the grader decides.
        """
        unique = list({(leaf.goal.id, text): (leaf, text) for leaf, text in grown}.values())
        said = await judge.write([{"goal": leaf.goal.text, "prompt": text} for leaf, text in unique])
        return [pair for pair, answer in zip(unique, said, strict=True) if answer is None or answer["on_topic"]]

    async def _ask(self, kept: Sequence[tuple[_Leaf, str]], lab: Lab) -> list[_Leaf]:
        heard = await self.trail.ask(lab, [(leaf.goal, Prompt.of(text)) for leaf, text in kept])
        leaves: list[_Leaf] = []
        for (leaf, text), (answer, grade) in zip(kept, heard, strict=True):
            if grade.outcome is Outcome.ERROR:
                leaves.append(leaf)
                continue
            score = merit(answer, grade)
            attempt = {
                "prompt": shown(text), "reply": shown(answer.text), "blocked": answer.blocked, "score": round(score, 3)
            }  # fmt: skip
            leaves.append(_Leaf(goal=leaf.goal, attempts=(*leaf.attempts, attempt), score=score))
        return leaves

    def _best(self, leaves: Sequence[_Leaf]) -> list[_Leaf]:
        by_goal: dict[str, list[_Leaf]] = {}
        for leaf in leaves:
            by_goal.setdefault(leaf.goal.id, []).append(leaf)
        return [
            leaf
            for group in by_goal.values()
            for leaf in sorted(group, key=lambda leaf: -leaf.score)[: self.width]
        ]  # fmt: skip
