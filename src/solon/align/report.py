"""The report: what each stage did, on both axes, with exact limits.

Harmful requests should be refused and legitimate ones answered; neither figure means anything alone. Answers that no
grader could read, and answers cut off, are counted by themselves and are in neither figure.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from solon.align.chain import Chain, Task
from solon.align.memory import room_for
from solon.align.spec import spec_for
from solon.align.stage import Stage, apart, append_rows, chain_json, read_chains, read_rows, task_of, write_whole
from solon.align.stages import Run
from solon.core.attempt import Answer, Goal, Grader, Outcome, Prompt
from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.core.record import digest
from solon.core.stats import clopper_pearson

if TYPE_CHECKING:
    from solon.align.chat import Chat

_TOGETHER = 64
_RIGHT = {True: Outcome.FAILURE, False: Outcome.SUCCESS}
"""How an attempt ends that went as it should: a harmful one (true) fails, a legitimate one succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A prompt to measure on. ``harmful`` where the policy asks for a refusal or a safe completion."""

    task: Task
    harmful: bool


class Arm(Protocol):
    """One version of the model, as it answers the report's prompts."""

    def answer(self, tasks: Sequence[Task]) -> list[Chain]:
        """One chain a task, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class LocalArm:
    """A local model that takes the likeliest token; ``rules`` puts a policy into its context (no training needed)."""

    model: Any
    chat: "Chat"
    rules: Policy | None = None
    max_tokens: int = 1024
    batch: int = 16

    def answer(self, tasks: Sequence[Task]) -> list[Chain]:
        """One chain a task, in order."""
        from solon.align.sample import Sampling, sample

        prompts = [
            self.chat.prompt_ids(task, rules=spec_for(self.rules, task.category) if self.rules else "")
            for task in tasks
        ]
        with room_for("report", self.batch):
            settings = Sampling(temperature=0, max_tokens=self.max_tokens, batch=self.batch)
            return sample(self.model, self.chat, prompts, settings)


def read_cases(path: Path) -> list[Case]:
    """Prompts to measure on from JSONL: ``{"prompt": …, "category": …, "harmful": true}`` a line.

    Raises:
        TrainingError: naming the line that is not of that form, or the side that has no prompts.
    """
    found: list[Case] = []
    for place, number, fields in read_rows(path):
        harmful = fields.pop("harmful", None)
        if not isinstance(harmful, bool):
            raise TrainingError(
                "expected harmful to be true or false",
                place=place,
                repair="Say of each prompt whether the policy asks for anything but a full answer.",
            )
        found.append(Case(task=task_of(fields, place, number), harmful=harmful))
    apart([case.task for case in found], path)
    for harmful in (True, False):
        if not any(case.harmful == harmful for case in found):
            side = "harmful" if harmful else "legitimate"
            raise TrainingError(
                f"no {side} prompts", place=str(path), repair="Both sides are needed: one figure alone says nothing."
            )
    return found


def report(
    run: Run,
    arms: Mapping[str, tuple[str, Callable[[], Arm]]],
    cases: Sequence[Case],
    grader: Grader,
    *,
    sampling: Mapping[str, Any],
) -> dict[str, Any]:
    """Ask every arm every prompt, grade the answers, and write a folder of ``report/`` with the table.

    Reports over other arms or prompts stand beside each other; answers that an earlier one got are not asked for again.

    Args:
        run: where the stages are; prompts that were learned from are refused.
        arms: name to what names its weights and how to load it, the one before training first.
        cases: what is asked, of both sides.
        grader: who says how each answer ended; it sees the answer, never the reasoning.
        sampling: how the arms answer (recorded).

    Returns:
        The record; ``report.md`` and ``outcomes.jsonl`` stand in ``folder_of`` it.
    """
    _apart(run, cases)
    inputs: dict[str, Any] = {
        "policy": run.policy.digest,
        "cases": digest([asdict(case) for case in cases]),
        "grader": grader.name,
        "sampling": dict(sampling),
        "arms": {name: weights for name, (weights, _) in arms.items()},
        "sees": "request, answer",
    }
    stage = Stage(folder=run.out / "report" / digest(inputs)[:12], name="report", inputs=inputs)
    if stage.begin():
        return stage.read()
    ended: dict[str, list[Outcome]] = {}
    thought: dict[str, float] = {}
    for name, (weights, load) in arms.items():
        kept = digest([name, weights, run.policy.digest, inputs["cases"], inputs["sampling"]])[:12]
        path = run.out / "report" / f"{name}-{kept}.jsonl"
        chains = _answers(run, path, load, [case.task for case in cases], name)
        ended[name] = asyncio.run(_outcomes(grader, cases, chains))
        thought[name] = round(sum(chain.thought_tokens for chain in chains) / len(chains), 1)
    first = next(iter(arms))
    rows = {
        name: {**counts(cases, outcomes, ended[first]), "thought_tokens": thought[name]}
        for name, outcomes in ended.items()
    }
    told = [
        {"arm": name, "id": case.task.id, "harmful": case.harmful, "outcome": outcome.value}
        for name, outcomes in ended.items()
        for case, outcome in zip(cases, outcomes, strict=True)
    ]
    (stage.folder / "outcomes.jsonl").unlink(missing_ok=True)
    append_rows(stage.folder / "outcomes.jsonl", told)
    write_whole(stage.folder / "report.md", table(rows, grader.name))
    return stage.finish(rows, files=["report.md", "outcomes.jsonl"])


def folder_of(run: Run, record: Mapping[str, Any]) -> Path:
    """Where a finished report stands."""
    return run.out / "report" / digest(record["inputs"])[:12]


def counts(cases: Sequence[Case], outcomes: Sequence[Outcome], first: Sequence[Outcome]) -> dict[str, Any]:
    """Both axes of one arm with exact 95 % limits, and in how many cases it went better or worse than the first arm."""
    row: dict[str, Any] = {}
    for axis, harmful in (("refused", True), ("answered", False)):
        ends = [outcome for case, outcome in zip(cases, outcomes, strict=True) if case.harmful == harmful]
        scored = [end for end in ends if end in (Outcome.SUCCESS, Outcome.FAILURE)]
        limits = clopper_pearson(sum(end is _RIGHT[harmful] for end in scored), len(scored))
        row[axis] = {
            "k": limits.k,
            "n": limits.n,
            "share": round(limits.value, 4) if limits.n else None,
            "low": round(limits.low, 4),
            "high": round(limits.high, 4),
            "unscored": ends.count(Outcome.UNSCORED),
            "cut": ends.count(Outcome.ERROR),
        }
    triples = list(zip(cases, first, outcomes, strict=True))
    row["better"] = sum(now is _RIGHT[case.harmful] and was is _RIGHT[not case.harmful] for case, was, now in triples)
    row["worse"] = sum(was is _RIGHT[case.harmful] and now is _RIGHT[not case.harmful] for case, was, now in triples)
    return row


def table(rows: Mapping[str, Mapping[str, Any]], grader: str) -> str:
    """The report as Markdown."""
    lines = [
        "| arm | harmful refused | legitimate answered | not scored | cut off | better / worse | thought tokens |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        unscored = row["refused"]["unscored"] + row["answered"]["unscored"]
        cut = row["refused"]["cut"] + row["answered"]["cut"]
        lines.append(
            f"| {name} | {_limits(row['refused'])} | {_limits(row['answered'])} | {unscored} | {cut}"
            f" | {row['better']} / {row['worse']} | {row['thought_tokens']} |"
        )
    first = next(iter(rows))
    note = f"Exact 95 % limits (Clopper-Pearson) over what {grader} could score; better and worse than {first}."
    return "\n".join([*lines, "", note, ""])


def _limits(axis: Mapping[str, Any]) -> str:
    if not axis["n"]:
        return "nothing scored"
    return f"{axis['share']:.3f} [{axis['low']:.3f}, {axis['high']:.3f}] n={axis['n']}"


def _apart(run: Run, cases: Sequence[Case]) -> None:
    """What is measured on must not have been learned from."""
    learned = {_plain(task.prompt) for task, _, _ in read_chains(run.out / "generate" / "chains.jsonl")}
    shared = [case.task.id for case in cases if _plain(case.task.prompt) in learned]
    if shared:
        raise TrainingError(
            f"{len(shared)} prompts were learned from",
            place=f"prompt {shared[0]}",
            repair="Measure on prompts that generate never saw.",
        )


def _plain(prompt: str) -> str:
    return " ".join(prompt.casefold().split())


def _answers(run: Run, path: Path, load: Callable[[], Arm], tasks: Sequence[Task], name: str) -> list[Chain]:
    """An arm's answers; those that an interrupted report left are not asked for again."""
    kept = {task.id: chain for task, chain, _ in read_chains(path)}
    waiting = [task for task in tasks if task.id not in kept]
    arm = load() if waiting else None
    for start in range(0, len(waiting), _TOGETHER):
        some = waiting[start : start + _TOGETHER]
        chains = arm.answer(some) if arm else []
        append_rows(path, [chain_json(task, chain) for task, chain in zip(some, chains, strict=True)])
        kept.update(zip([task.id for task in some], chains, strict=True))
        run.report(f"report {name} {len(kept)}/{len(tasks)}")
    return [kept[task.id] for task in tasks]


async def _outcomes(grader: Grader, cases: Sequence[Case], chains: Sequence[Chain]) -> list[Outcome]:
    asked = [
        (
            Goal(id=case.task.id, text=case.task.prompt, rule=case.task.category, benign=not case.harmful),
            Prompt.of(case.task.prompt, system=case.task.system or None),
            Answer(text=chain.answer.text, error="" if chain.ended else "cut off"),
        )
        for case, chain in zip(cases, chains, strict=True)
    ]
    return [grade.outcome for grade in await grader.grade(asked)]
