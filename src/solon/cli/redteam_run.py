"""``solon redteam run``: from options to a campaign, run under a progress bar."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solon.core.attempt import Goal
    from solon.models.completion import LanguageModel
    from solon.redteam.attack import Search
    from solon.redteam.budget import Budget, Limits
    from solon.redteam.executors.executor import Executor
    from solon.redteam.report import Report
    from solon.redteam.run import Progress
    from solon.redteam.setting import Setting
    from solon.redteam.store import Store
    from solon.redteam.worker import Worker

STORES = Path("runs/redteam")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What is to be run, and how; ``worker`` is the setting's, open."""

    setting: "Setting"
    worker: "Worker"
    limits: "Limits"
    searches: "tuple[Search, ...]"
    attacker: "LanguageModel | None"
    store: Path | None
    retry_errors: bool
    workers: int
    ray: str | None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of it; ``unfinished`` names searches that the budget stopped."""

    report: "Report"
    progress: "Progress"
    unfinished: tuple[str, ...]
    path: Path


def campaign(chosen: dict[str, Any]) -> Campaign:
    """The campaign that the options describe, its target open.

    Raises:
        SolonError: where a part is unknown, missing or cannot be read.
    """
    from solon.redteam.budget import Limits
    from solon.redteam.searches.catalogue import search
    from solon.redteam.setting import Setting

    setting = Setting(
        target=chosen["target"],
        goals=_goals(chosen["goals"], chosen["policy"]),
        attacks=_names(chosen["attacks"]),
        tries=chosen["tries"],
        seed=chosen["seed"],
        policy=chosen["policy"],
        weights=chosen["weights"],
        keep_all=chosen["keep_all"],
        **_asking(chosen),
    )
    limits = Limits.parse(chosen["budget"])
    return Campaign(
        setting=setting,
        worker=setting.open(),
        limits=limits,
        searches=tuple(search(name) for name in _names(chosen["searches"])),
        attacker=_attacker(chosen),
        store=chosen["store"],
        retry_errors=chosen["retry_errors"],
        workers=chosen["workers"],
        ray=chosen["ray"],
    )


def run_campaign(wanted: Campaign) -> Ran:
    """Run what is missing and read the report."""
    from solon.redteam.budget import Budget
    from solon.redteam.report import report_of
    from solon.redteam.store import Store

    setting, worker = wanted.setting, wanted.worker
    path = wanted.store or STORES / f"{worker.plan.digest[:16]}.db"
    about = {"target": worker.target.name, "grader": worker.grader.name, "policy": setting.policy, "seed": setting.seed}
    with Store.of(path, worker.plan, about) as store:
        if wanted.retry_errors:
            store.forget_errors()
        budget = Budget(wanted.limits, store.spent)
        with _Bar(path) as bar:
            progress, unfinished = asyncio.run(_run(wanted, store, budget, bar))
        return Ran(report=report_of(store), progress=progress, unfinished=unfinished, path=path)


async def _run(wanted: Campaign, store: "Store", budget: "Budget", bar: "_Bar") -> "tuple[Progress, tuple[str, ...]]":
    from solon.redteam.lab import Bench
    from solon.redteam.run import run_plan, run_searches

    worker = wanted.worker
    executor, plan = _executor(wanted), worker.plan
    open_worker = (lambda: worker) if executor.name in ("inline", "overlapped") else wanted.setting.open
    progress = await run_plan(plan, store, open_worker, executor, budget, report=bar.update)
    if not wanted.searches:
        return progress, ()
    bench = Bench(
        store=store,
        budget=budget,
        target=worker.target,
        grader=worker.grader,
        campaign=plan.campaign,
        seed=plan.seed,
        attacker=wanted.attacker,
    )
    try:
        ended = await run_searches(wanted.searches, plan.goals, bench, report=bar.searching)
    finally:
        await worker.aclose()
    return progress, tuple(search.name for search in wanted.searches if search.name not in ended)


def summarise(ran: Ran, dsn: str) -> None:
    """Put a record of the campaign into the ledger: who was attacked, with what, and both rates.

    Raises:
        LedgerError: where it does not take it.
    """
    from solon.ledger import Record, open_ledger

    body = ran.report.json()
    body |= {"store": str(ran.path), "complete": ran.progress.complete and not ran.unfinished}
    with open_ledger(dsn) as ledger:
        ledger.put(Record(kind="redteam", body=body), durable=True)


def _executor(wanted: Campaign) -> "Executor":
    if wanted.ray is not None:
        from solon.redteam.executors.ray import RayCluster

        return RayCluster(None if wanted.ray == "local" else wanted.ray, wanted.workers if wanted.workers > 1 else None)
    if wanted.workers > 1:
        from solon.redteam.executors.pool import Pool

        return Pool(wanted.workers)
    if wanted.setting.waits:
        from solon.redteam.executors.overlapped import Overlapped

        return Overlapped()
    from solon.redteam.executors.inline import Inline

    return Inline()


def _goals(source: str, policy: str) -> "tuple[Goal, ...]":
    from solon.redteam.goals import example_goals, grammar_goals, read_goals

    if source == "policy":
        return example_goals(policy)
    return grammar_goals(policy) if source == "grammars" else read_goals(Path(source))


def _asking(chosen: dict[str, Any]) -> dict[str, Any]:
    """How the model behind an address is asked."""
    from solon.models.asking import Ask, Patience, TokenPrice

    prompt, completion = chosen["price"]
    return {
        "dialect": chosen["dialect"],
        "key_env": chosen["key_env"],
        "ask": Ask(model=chosen["model"], max_tokens=chosen["max_tokens"], temperature=chosen["temperature"]),
        "patience": Patience(timeout_s=chosen["timeout"], concurrency=chosen["concurrency"]),
        "price": TokenPrice(prompt=prompt, completion=completion),
    }


def _attacker(chosen: dict[str, Any]) -> "LanguageModel | None":
    address = chosen["attacker"]
    if address is None:
        return None
    if address == "scripted":
        from solon.redteam.scripted import ScriptedAttacker

        return ScriptedAttacker()
    from solon.models.openai_compatible import ChatModel

    return ChatModel(
        address, chosen["attacker_model"], key_env=chosen["attacker_key_env"], timeout_s=120.0, temperature=1.0
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


class _Bar:
    """Attempts, rate and time left, on standard error."""

    def __init__(self, path: Path) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._console = Console(stderr=True)
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("attempts", total=None, rate="", left="")
        self._path = path

    def update(self, progress: "Progress") -> None:
        """Show how far the plan is."""
        if progress.recorded == progress.resumed and progress.resumed:
            self._console.print(f"{progress.resumed} attempts were there already")
        left = "" if progress.left_s is None else f"{progress.left_s:.0f} s left"
        rate = f"{progress.rate:.0f}/s"
        self._bar.update(self._task, total=progress.planned, completed=progress.recorded, rate=rate, left=left)

    def searching(self, name: str, questions: int) -> None:
        """Show how many questions a search has put; nobody knows how many there will be."""
        self._bar.update(self._task, description=name, total=None, completed=questions, rate="", left="")

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self._console.print(f"Attempts are in {self._path}", highlight=False)
