"""Which sampled chains are good enough to learn from: the least of several gradings decides.

Any single grading may overlook an issue, hence the minimum over ``times`` (arXiv 2412.16339, section 2.3.2).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from solon.align.chain import Chain, Task
from solon.align.judge import FilterJudge

_DANGLING = re.compile(
    r"\b(?:polic(?:y|ies)|rules?|guidelines?|spec(?:ification)?)\s+(?:given|provided|shown|quoted|listed|stated)?\s*above\b"
    r"|\b(?:provided|given|above|attached)\s+(?:polic(?:y|ies)|rules?|guidelines?|spec(?:ification)?)\b",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A chain with every grading it got, those that failed among them."""

    task: Task
    chain: Chain
    scores: tuple[float | None, ...] = ()
    dropped: str = ""
    """Why it is not kept: ``malformed``, ``dangling``, ``unjudged``, ``low``; empty where it is."""


@dataclass(slots=True)
class Kept:
    """What a filter kept, and how many it left out for which reason."""

    rows: list[Graded] = field(default_factory=list[Graded])
    counts: Counter[str] = field(default_factory=Counter[str])


def grade(
    tasks: Sequence[Task],
    chains: Sequence[Chain],
    judge: FilterJudge,
    *,
    times: int = 3,
    least: float = 1.0,
    first: int = 0,
) -> Iterator[Graded]:
    """Grade each chain ``times`` times; kept where none of the gradings is below ``least``.

    ``first`` is the number of the first chain: seeds follow from numbers, so that a filter which was interrupted gives
    what it would have given.

    A chain that speaks of a policy *given above* is dropped, for there will be none above it once it is learned. One
    of which no grading came back is dropped too, as ``unjudged``: a judge's failure is no praise.
    """
    for number, (task, chain) in enumerate(zip(tasks, chains, strict=True), first):
        if not chain.complete or not chain.answer.text:
            yield Graded(task=task, chain=chain, dropped="malformed")
        elif _DANGLING.search(f"{chain.reasoning} {chain.answer.text}"):
            yield Graded(task=task, chain=chain, dropped="dangling")
        else:
            scores = tuple(judge.score(task, chain, seed=number * times + turn) for turn in range(times))
            known = [score for score in scores if score is not None]
            dropped = "unjudged" if len(known) < times else "low" if min(known) < least else ""
            yield Graded(task=task, chain=chain, scores=scores, dropped=dropped)


def keep(graded: Iterator[Graded]) -> Kept:
    """Those worth learning from, with the counts of all."""
    kept = Kept()
    for row in graded:
        kept.counts[row.dropped or "kept"] += 1
        if not row.dropped:
            kept.rows.append(row)
    return kept
