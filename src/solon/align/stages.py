"""The stages of a run, in order: generate, filter, sft, rl. Each is a function, each can be stopped and gone on with.

What a judge saw is part of a stage's inputs: the filter ``request, reasoning, answer``, the reward
``request, answer``. Arms that leave something out have folders of their own: ``label-only`` learns answers without
reasoning, ``rl-only`` goes on from a model that learned no chains.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from solon.align.chain import Chain, Task
from solon.align.filter import grade
from solon.align.judge import FilterJudge, RewardJudge
from solon.align.memory import room_for
from solon.align.reasoner import Reasoner
from solon.align.spec import prompt_digest, spec_for
from solon.align.stage import Stage, append_rows, chain_json, read_chains
from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.core.record import digest

if TYPE_CHECKING:
    from solon.align.chat import Chat
    from solon.align.loop_rl import RlSettings
    from solon.align.loop_sft import Lesson, SftSettings

_TOGETHER = 64
Report = Callable[[str], None]
BackEnd = Literal["loop", "trl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a run keeps its stages, and the policy that it teaches."""

    out: Path
    policy: Policy
    report: Report = print

    def stage(self, name: str, **inputs: Any) -> Stage:
        """The stage's folder with what its results depend on; the policy always does."""
        return Stage(folder=self.out / name, name=name, inputs={"policy": self.policy.digest, **inputs})

    def finished(self, name: str) -> dict[str, Any]:
        """The record of a stage that must be finished before another.

        Raises:
            TrainingError: where it is not, or rests on another policy than this run's.
        """
        record = self.stage(name).read()
        if record["inputs"]["policy"] != self.policy.digest:
            raise TrainingError(
                f"stage {name} rests on another version of the policy",
                place=str(self.out / name),
                repair="Give the policy as it was, or begin anew with another --out: what is taught is what was read.",
            )
        return record


def generate(run: Run, tasks: Sequence[Task], reasoner: Reasoner, *, samples: int = 4, seed: int = 0) -> dict[str, Any]:
    """Stage 1: ``samples`` chains for each prompt, reasoned with the rules of its category in the context."""
    specs = {category: spec_for(run.policy, category) for category in sorted({task.category for task in tasks})}
    stage = run.stage(
        "generate",
        model=reasoner.name,
        sampling=dict(reasoner.settings),
        tasks=digest([asdict(task) for task in tasks]),
        samples=samples,
        seed=seed,
        prompt=prompt_digest("generate_v1"),
    )
    if stage.begin():
        return stage.read()
    if "" not in specs and (bare := [chapter.id for chapter in run.policy.categories if chapter.id not in specs]):
        run.report(f"generate: no prompts for {', '.join(bare)}; their rules will not be learned")
    path = stage.folder / "chains.jsonl"
    done = {(task.id, int(row["sample"])) for task, _, row in read_chains(path)}
    waiting = [(task, number) for task in tasks for number in range(samples) if (task.id, number) not in done]
    for start in range(0, len(waiting), _TOGETHER):
        some = waiting[start : start + _TOGETHER]
        chosen = [task for task, _ in some]
        chains = reasoner.write(chosen, [specs[task.category] for task in chosen], seed=seed + len(done) + start)
        rows = [chain_json(task, chain, sample=number) for (task, number), chain in zip(some, chains, strict=True)]
        append_rows(path, rows)
        run.report(f"generate {len(done) + start + len(some)}/{len(done) + len(waiting)}")
    counts = Counter("complete" if chain.complete else "incomplete" for _, chain, _ in read_chains(path))
    if not counts["complete"]:
        raise TrainingError(
            "no chain is complete",
            place=str(path),
            repair="Raise --max-tokens, or use a model that closes its reasoning; see --think. To try again, remove"
            f" {stage.folder}.",
        )
    return stage.finish(counts, files=["chains.jsonl"])


def filter_chains(run: Run, judge: FilterJudge, *, times: int = 3, least: float = 1.0) -> dict[str, Any]:
    """Stage 2: keep the chains of which none of ``times`` gradings is below ``least``."""
    source = run.finished("generate")
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
        for task, chain, row in read_chains(run.out / "generate" / "chains.jsonl")
        if (task.id, int(row["sample"])) not in done
    ]
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        graded = grade(
            [row[0] for row in some], [row[1] for row in some], judge,
            times=times, least=least, first=len(done) + start,
        )  # fmt: skip
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
            f" is needed. To grade again, remove {stage.folder}.",
        )
    return stage.finish(counts, files=["graded.jsonl"])


def graded_chains(run: Run) -> list[tuple[Task, Chain, dict[str, Any]]]:
    """What the filter graded, the dropped ones among them; ``dropped`` and ``scores`` stand in the row."""
    run.finished("filter")
    return list(read_chains(run.out / "filter" / "graded.jsonl"))


def kept_chains(run: Run) -> list[tuple[Task, Chain]]:
    """What the filter kept."""
    return [(task, chain) for task, chain, row in graded_chains(run) if not row["dropped"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Rows to learn, and how many were left out: too long, or with reasoning tags inside their text."""

    rows: "list[Lesson]"
    too_long: int
    tagged: int


def lessons_of(chains: Sequence[tuple[Task, Chain]], chat: "Chat", *, longest: int, label_only: bool) -> Lessons:
    """The chains as token ids for the bare prompts, the rules left out; ``label_only`` leaves reasoning out too.

    A row that is longer than ``longest`` tokens is left out and counted, never cut: what is cut is the answer.
    """
    from solon.align.chain import split
    from solon.align.loop_sft import Lesson

    rows: list[Lesson] = []
    too_long = tagged = 0
    for task, chain in chains:
        reasoning = "" if label_only else chain.reasoning
        prompt, completion = chat.prompt_ids(task), chat.completion_ids(reasoning, chain.answer.text)
        found = split(completion, chat.tags)
        said = tuple(chat.tokenizer.encode(chain.answer.text, add_special_tokens=False))
        if len(prompt) + len(completion) > longest:
            too_long += 1
        elif not (found.closed and found.ended and found.answer == said):
            tagged += 1
        else:
            rows.append(Lesson(prompt=tuple(prompt), completion=tuple(completion)))
    if not rows:
        raise TrainingError(
            f"no row can be learned: {too_long} longer than {longest} tokens, {tagged} with reasoning tags in the text",
            place="sft",
            repair="Raise --longest, or generate again.",
        )
    return Lessons(rows=rows, too_long=too_long, tagged=tagged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """The model that is taught, in place, with its chat. ``start`` names its weights as they were before."""

    model: Any
    chat: "Chat"
    start: str


def learn(
    run: Run,
    learner: Learner,
    settings: "SftSettings",
    *,
    longest: int = 4096,
    label_only: bool = False,
    back_end: BackEnd = "loop",
) -> dict[str, Any]:
    """Stage 3: reasoning and answer are learned for the bare prompt. The model is left in ``sft/model``.

    ``label_only`` learns answers alone, into ``label-only/model``.
    """
    source = run.finished("filter")
    name = "label-only" if label_only else "sft"
    stage = run.stage(
        name,
        chains=source["digest"],
        start=learner.start,
        settings=asdict(settings),
        longest=longest,
        back_end=back_end,
    )
    if stage.begin():
        return stage.read()
    model, chat = learner.model, learner.chat
    lessons = lessons_of(kept_chains(run), chat, longest=longest, label_only=label_only)
    with room_for(name, settings.batch):
        if back_end == "trl":
            from solon.align.trl_sft import sft_on_trl

            model, loss = sft_on_trl(model, chat, lessons.rows, settings, folder=stage.folder)
        else:
            from solon.align.loop_sft import sft

            loss = sft(model, lessons.rows, settings, pad=min(chat.tags.end), report=run.report)
    if not _leads():
        return _follower(name)
    _save(model, chat, stage.folder / "model")
    return stage.finish(
        {
            "rows": len(lessons.rows),
            "too_long": lessons.too_long,
            "tagged": lessons.tagged,
            "loss": round(loss, 4),
        }
    )


def reinforce(
    run: Run,
    learner: Learner,
    tasks: Sequence[Task],
    judge: RewardJudge,
    settings: "RlSettings",
    *,
    name: Literal["rl", "rl-only"] = "rl",
    back_end: BackEnd = "loop",
) -> dict[str, Any]:
    """Stage 4: from the judge's view of answers alone. The model is left in ``rl/model`` (or ``rl-only/model``)."""
    for category in sorted({task.category for task in tasks}):
        spec_for(run.policy, category)  # an unknown category is told now, not by the judge in the first step
    stage = run.stage(
        name, start=learner.start, judge=judge.name, settings=asdict(settings), sees="request, answer",
        tasks=digest([asdict(task) for task in tasks]), prompt=prompt_digest("reward_v1"), back_end=back_end,
    )  # fmt: skip
    if stage.begin():
        return stage.read()
    model, chat = learner.model, learner.chat
    with room_for(name, settings.batch or settings.prompts * settings.group):
        if back_end == "trl":
            from solon.align.trl_rl import rl_on_trl

            model, steps = rl_on_trl(model, chat, tasks, judge, settings, folder=stage.folder)
        else:
            from solon.align.loop_rl import rl

            steps = rl(model, chat, tasks, judge, settings, report=run.report)
    if not _leads():
        return _follower(name)
    judged = [step for step in steps if step.unjudged < 1]
    if not judged:
        raise TrainingError("the judge said nothing in any step", place=name, repair="Check the judge's endpoint.")
    (stage.folder / "steps.jsonl").unlink(missing_ok=True)
    append_rows(stage.folder / "steps.jsonl", [asdict(step) for step in steps])
    _save(model, chat, stage.folder / "model")
    last = judged[-max(1, len(judged) // 10) :]
    return stage.finish(
        {
            "steps": len(steps),
            "reward": round(sum(step.reward for step in last) / len(last), 4),
            "unjudged": round(sum(step.unjudged for step in steps) / len(steps), 4),
        },
        files=["steps.jsonl"],
    )


def _leads() -> bool:
    """Whether this process keeps the results; under `accelerate launch` one of many does."""
    return os.environ.get("RANK", "0") == "0"


def _follower(name: str) -> dict[str, Any]:
    return {"stage": name, "counts": {}, "digest": "kept by the leading process"}


def _save(model: Any, chat: "Chat", folder: Path) -> None:
    """Write model and tokenizer; a trainer's checkpoints are needed no longer."""
    model.save_pretrained(folder)
    chat.tokenizer.save_pretrained(folder)
    shutil.rmtree(folder.parent / "trainer", ignore_errors=True)
