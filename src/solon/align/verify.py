"""The verify stage: a verifier is fitted on what the filter graded, and measured on tasks it never saw.

Right chains are those the filter kept. Wrong ones are those it graded low, and kept ones in which one clause was
swapped for another: of the same category (``near``, hard to tell) and of another (``far``).
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.align.chain import Task
from solon.align.clauses import swapped
from solon.align.spec import spec_for
from solon.align.stage import read_rows, task_of
from solon.align.stages import Run, graded_chains
from solon.core.errors import TrainingError
from solon.core.record import digest
from solon.core.stats import clopper_pearson

if TYPE_CHECKING:
    from solon.align.chat import Chat

CUT = 0.5
_HELD_OUT = 4
"""One task in so many is kept for measuring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Reasoning over a task, and whether it names the deciding rule rightly. ``kind`` says where it comes from."""

    task: Task
    reasoning: str
    right: bool
    kind: str


def cases(run: Run, *, seed: int = 0) -> list[Case]:
    """Right and wrong reasoning from the filter's rows and from swapped clauses."""
    rng = random.Random(seed)
    found: list[Case] = []
    for task, chain, row in graded_chains(run):
        if row["dropped"] == "low":
            found.append(Case(task=task, reasoning=chain.reasoning, right=False, kind="low"))
        if row["dropped"]:
            continue
        found.append(Case(task=task, reasoning=chain.reasoning, right=True, kind="kept"))
        for distance in ("near", "far"):
            wrong = swapped(run.policy, chain.reasoning, distance, rng)
            if wrong is not None:
                found.append(Case(task=task, reasoning=wrong, right=False, kind=f"swap {distance}"))
    return found


def read_edge_cases(path: Path, run: Run) -> list[Case]:
    """Edge cases from JSONL: ``{"prompt": …, "category": …, "reasoning": …, "right": true}`` a line.

    Raises:
        TrainingError: naming the line that is not of that form, or whose category the policy lacks.
    """
    found: list[Case] = []
    for place, number, fields in read_rows(path):
        reasoning, right = fields.pop("reasoning", None), fields.pop("right", None)
        if not isinstance(reasoning, str) or not isinstance(right, bool):
            raise TrainingError(
                "expected reasoning (a text) and right (true or false)",
                place=place,
                repair='Write {"prompt": "…", "category": "…", "reasoning": "…", "right": true}.',
            )
        task = task_of({"id": f"edge/{number}", **fields}, place, number)
        spec_for(run.policy, task.category)
        found.append(Case(task=task, reasoning=reasoning, right=right, kind="edge"))
    return found


def verify(
    run: Run,
    model: Any,
    chat: "Chat",
    *,
    checkpoint: str,
    edges: Sequence[Case] = (),
    batch: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the verifier on three tasks in four, measure it on the rest and on ``edges``; kept in ``verify/head.json``.

    ``checkpoint`` names the model whose states are read. The record holds, for each kind of case, how many were told
    rightly at one half, with exact limits.
    """
    from solon.align.verifier import features, fit, fits, save_head

    source = run.finished("filter")
    stage = run.stage(
        "verify", chains=source["digest"], model=checkpoint, edges=digest([asdict(case) for case in edges]), seed=seed
    )
    if stage.begin():
        return stage.read()
    made = [*cases(run, seed=seed), *edges]
    known = [case for case in made if fits(model, chat, run.policy, case.task, case.reasoning)]
    held = _held_out([case.task.id for case in known if case.kind != "edge"], seed)
    taught = [case for case in known if case.kind != "edge" and case.task.id not in held]
    asked = [case for case in known if case.kind == "edge" or case.task.id in held]
    if not taught or not asked:
        raise TrainingError(
            f"{len(taught)} cases to learn from and {len(asked)} to measure on", place="verify",
            repair="Give more prompts to generate: one in four is kept for measuring.",
        )  # fmt: skip

    def seen(some: Sequence[Case]) -> Any:
        run.report(f"verify: reading {len(some)} chains")
        return features(model, chat, run.policy, [(case.task, case.reasoning) for case in some], batch=batch)

    head = fit(seen(taught), [case.right for case in taught])
    chances = head.chances(seen(asked))
    measured = measure(asked, chances)
    name = digest([stage.inputs["chains"], checkpoint, run.policy.digest, seed])
    save_head(stage.folder / "head.json", head, model=checkpoint, policy=run.policy.digest, digest=name)
    return stage.finish(
        {
            "taught": dict(Counter(case.kind for case in taught)),
            "too_long": len(made) - len(known),
            **measured,
        },
        files=["head.json"],
    )


def measure(asked: Sequence[Case], chances: Sequence[float]) -> dict[str, Any]:
    """For each kind how many were told rightly at one half, with exact 95 % limits, and the area under the curve."""
    rows: dict[str, Any] = {}
    for kind in sorted({case.kind for case in asked}):
        told = [(chance >= CUT) == case.right for case, chance in zip(asked, chances, strict=True) if case.kind == kind]
        limits = clopper_pearson(sum(told), len(told))
        rows[kind] = {
            "k": limits.k, "n": limits.n, "share": round(limits.value, 4), "low": round(limits.low, 4),
            "high": round(limits.high, 4),
        }  # fmt: skip
    return {"told_rightly": rows, "auc": area(asked, chances)}


def area(asked: Sequence[Case], chances: Sequence[float]) -> float | None:
    """How often a right chain is held likelier than a wrong one, ties half; ``None`` where one kind is missing."""
    right = [chance for case, chance in zip(asked, chances, strict=True) if case.right]
    wrong = [chance for case, chance in zip(asked, chances, strict=True) if not case.right]
    if not right or not wrong:
        return None
    wins = sum((good > bad) + 0.5 * (good == bad) for good in right for bad in wrong)
    return round(wins / len(right) / len(wrong), 4)


def _held_out(tasks: Sequence[str], seed: int) -> set[str]:
    """A quarter of the tasks, chosen by their ids: chains of one task never stand on both sides."""
    order = sorted(set(tasks), key=lambda task: digest([seed, task]))
    return set(order[: max(1, len(order) // _HELD_OUT)])
