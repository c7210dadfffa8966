"""Elicitation by teaching: a few right answers bring back what is hidden, and teach hardly what was never known.

Greenblatt et al. 2024, *Stress-Testing Capability Elicitation With Password-Locked Models*, arXiv 2405.19550; Taylor
et al. 2025, *Auditing Games for Sandbagging*, arXiv 2512.07810, where one demonstration brought back full performance
and also raised benign models: a gain means something only beside the gains of control models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solon.core.errors import InputError
from solon.evaluate.integrity.noise import share_of_missing
from solon.evaluate.integrity.weighted import Item, Weighted, right
from solon.evaluate.metrics.paired import Difference, paired


@dataclass(frozen=True, slots=True, kw_only=True)
class Elicited:
    """Accuracy before and after ``examples`` demonstrations, on items that were not among them."""

    plain: float
    taught: float
    examples: int
    gain: Difference
    share: float
    """The share of the errors that teaching took away, 0 to 1."""


def elicited(model: Weighted, items: Sequence[Item], examples: Sequence[Item]) -> Elicited:
    """Teach a copy of ``model`` the ``examples`` (1 is one-shot) and ask it ``items`` again.

    Raises:
        InputError: when an example is also an item, for that would measure memory.
    """
    asked = {item.prompt for item in items}
    known = [example.prompt for example in examples if example.prompt in asked]
    if known:
        raise InputError(
            f"{len(known)} examples are items too, the first {known[0][:40]!r}", place="examples",
            repair="Teach other questions than those that are asked.",
        )  # fmt: skip
    before = right(model, items)
    after = right(model.fine_tuned(examples), items)
    gain = paired(int((before & ~after).sum()), int((after & ~before).sum()), len(items))
    return Elicited(
        plain=float(before.mean()),
        taught=float(after.mean()),
        examples=len(examples),
        gain=gain,
        share=share_of_missing(float(before.mean()), gain.value),
    )
