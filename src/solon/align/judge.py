"""Who judges what: a filter sees the reasoning, a reward by its type cannot.

Judges of the world outside are language models that have the rules (arXiv 2412.16339, sections 2.3.2 and 2.3.3).
A judge that fails says ``None``, which is no score and is left out (TRL: a row of ``None`` has no advantage).
"""

from collections.abc import Sequence
from typing import Protocol

from solon.align.chain import Chain, FinalAnswer, Task


class FilterJudge(Protocol):
    """Scores whole chains with the rules at hand, for choosing what to learn from."""

    @property
    def name(self) -> str:
        """What names this judge in records."""
        ...

    def score(self, task: Task, chain: Chain, *, seed: int) -> float | None:
        """0 (breaks the rules, or reasons wrongly) to 1; ``None`` where this judge could not say."""
        ...


class RewardJudge(Protocol):
    """Scores final answers. Reasoning is not among its arguments, so no pressure ever reaches it (section 2.3.3)."""

    @property
    def name(self) -> str:
        """What names this judge in records."""
        ...

    def reward(self, tasks: Sequence[Task], answers: Sequence[FinalAnswer]) -> list[float | None]:
        """One reward an answer, higher is better; ``None`` where this judge could not say."""
        ...
