"""The stages of deliberative alignment on a policy and a model, each resumable and each with its record.

``generate`` (rules in context) → ``filter`` (judge with the rules, least of several) → ``sft`` (rules taken out) →
``rl`` (judge that sees answers only). The loops themselves are in ``loop_sft`` and ``loop_rl``.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.align.chain import Task
from solon.align.filter import grade
from solon.align.judge import FilterJudge, RewardJudge
from solon.align.reasoner import Reasoner
from solon.align.spec import prompt_digest, spec_for
from solon.align.stage import Stage, append_rows, chain_json, read_chains
from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.core.record import digest

if TYPE_CHECKING:
    from solon.align.chat import Chat
    from solon.align.loop_rl import RlSettings
    from solon.align.loop_sft import SftSettings

_TOGETHER = 64
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a run keeps its stages, and the policy that it teaches."""

    out: Path
    policy: Policy
    report: Report = print

    def stage(self, name: str, **inputs: Any) -> Stage:
        """The stage's folder with what its results depend on; the policy always does."""
        return Stage(folder=self.out / name, name=name, inputs={"policy": self.policy.digest, **inputs})


def generate(run: Run, tasks: Sequence[Task], reasoner: Reasoner, *, samples: int = 4, seed: int = 0) -> dict[str, Any]:
    """Stage 1: ``samples`` chains for each prompt, reasoned with the rules of its category in the context."""
    stage = run.stage(
        "generate",
        model=reasoner.name,
        tasks=digest([asdict(task) for task in tasks]),
        samples=samples,
        seed=seed,
        prompt=prompt_digest("generate_v1"),
    )
    if stage.begin():
        return stage.read()
    path = stage.folder / "chains.jsonl"
    done = {(task.id, int(row["sample"])) for task, _, row in read_chains(path)}
    waiting = [(task, number) for task in tasks for number in range(samples) if (task.id, number) not in done]
    for start in range(0, len(waiting), _TOGETHER):
        some = waiting[start : start + _TOGETHER]
        chosen = [task for task, _ in some]
        specs = [spec_for(run.policy, task.category) for task in chosen]
        chains = reasoner.write(chosen, specs, seed=seed + len(done) + start)
        rows = [chain_json(task, chain, sample=number) for (task, number), chain in zip(some, chains, strict=True)]
        append_rows(path, rows)
        run.report(f"generate {len(done) + start + len(some)}/{len(done) + len(waiting)}")
    counts = Counter("complete" if chain.complete else "incomplete" for _, chain, _ in read_chains(path))
    if not counts["complete"]:
        raise TrainingError(
            "no chain is complete",
            place=str(path),
            repair="Raise the token limit, or use a model that closes its reasoning; see --think.",
        )
    return stage.finish(counts)


def filter_chains(run: Run, judge: FilterJudge, *, times: int = 3, least: float = 1.0) -> dict[str, Any]:
    """Stage 2: keep the chains of which none of ``times`` gradings is below ``least``."""
    made = run.stage("generate")
    source = Stage(folder=made.folder, name="generate", inputs={}).read()
    stage = run.stage(
        "filter", chains=source["digest"], judge=judge.name, times=times, least=least,
        sees="request, reasoning, answer", prompt=prompt_digest("filter_v1"),
    )  # fmt: skip
    if stage.begin():
        return stage.read()
    path = stage.folder / "graded.jsonl"
    done = {(task.id, int(row["sample"])) for task, _, row in read_chains(path)}
    rows = [
        (task, chain, row)
        for task, chain, row in read_chains(made.folder / "chains.jsonl")
        if (task.id, int(row["sample"])) not in done
    ]
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        graded = grade([row[0] for row in some], [row[1] for row in some], judge, times=times, least=least)
        append_rows(
            path,
            [
                chain_json(each.task, each.chain, sample=row[2]["sample"], scores=each.scores, dropped=each.dropped)
                for each, row in zip(graded, some, strict=True)
            ],
        )
        run.report(f"filter {len(done) + start + len(some)}/{len(done) + len(rows)}")
    counts = Counter(str(row["dropped"]) or "kept" for _, _, row in read_chains(path))
    if not counts["kept"]:
        raise TrainingError(
            f"nothing was kept: {dict(counts)}",
            place=str(path),
            repair="'unjudged' means the judge gave nothing readable; 'low' that a better generator or a lower --least"
            " is needed.",
        )
    return stage.finish(counts)


def kept_chains(run: Run) -> list[tuple[Task, Any]]:
    """What the filter kept."""
    path = run.out / "filter" / "graded.jsonl"
    return [(task, chain) for task, chain, row in read_chains(path) if not row["dropped"]]


def learn(
    run: Run, model: Any, chat: "Chat", settings: "SftSettings", *, start: str, longest: int = 4096
) -> dict[str, Any]:
    """Stage 3: reasoning and answer are learned for the bare prompt. The model is left in ``sft/model``.

    A row that is longer than ``longest`` tokens is left out and counted, never cut: what is cut is the answer.
    """
    from solon.align.loop_sft import Lesson, sft

    source = Stage(folder=run.out / "filter", name="filter", inputs={}).read()
    stage = run.stage("sft", chains=source["digest"], start=start, settings=asdict(settings), longest=longest)
    if stage.begin():
        return stage.read()
    lessons = [
        Lesson(
            prompt=tuple(chat.prompt_ids(task)),
            completion=tuple(chat.completion_ids(chain.reasoning, chain.answer.text)),
        )
        for task, chain in kept_chains(run)
    ]
    short = [lesson for lesson in lessons if len(lesson.prompt) + len(lesson.completion) <= longest]
    if not short:
        raise TrainingError(f"every row is longer than {longest} tokens", place="sft", repair="Raise --longest.")
    loss = sft(model, short, settings, pad=min(chat.tags.end), report=run.report)
    _save(model, chat, stage.folder / "model")
    return stage.finish({"rows": len(short), "too_long": len(lessons) - len(short), "loss": round(loss, 4)})


def reinforce(
    run: Run, model: Any, chat: "Chat", tasks: Sequence[Task], judge: RewardJudge, settings: "RlSettings", *, start: str
) -> dict[str, Any]:
    """Stage 4: from the judge's view of answers alone. The model is left in ``rl/model``."""
    from solon.align.loop_rl import rl

    stage = run.stage(
        "rl", start=start, judge=judge.name, settings=asdict(settings), sees="request, answer",
        tasks=digest([asdict(task) for task in tasks]), prompt=prompt_digest("reward_v1"),
    )  # fmt: skip
    if stage.begin():
        return stage.read()
    steps = rl(model, chat, tasks, judge, settings, report=run.report)
    if all(step.unjudged == 1 for step in steps):
        raise TrainingError("the judge said nothing in any step", place="rl", repair="Check the judge's endpoint.")
    append_rows(stage.folder / "steps.jsonl", [asdict(step) for step in steps])
    _save(model, chat, stage.folder / "model")
    last = steps[-max(1, len(steps) // 10) :]
    return stage.finish(
        {
            "steps": len(steps),
            "reward": round(sum(step.reward for step in last) / len(last), 4),
            "unjudged": round(sum(step.unjudged for step in steps) / len(steps), 4),
        }
    )


def _save(model: Any, chat: "Chat", folder: Path) -> None:
    model.save_pretrained(folder)
    chat.tokenizer.save_pretrained(folder)
