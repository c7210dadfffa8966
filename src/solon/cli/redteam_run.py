"""``solon redteam run``: from options to a campaign, run under a progress bar."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solon.redteam.budget import Limits
    from solon.redteam.parts import Setting
    from solon.redteam.report import Report
    from solon.redteam.run import Progress


def campaign(**chosen: Any) -> "Setting":
    """The campaign that the options describe.

    Raises:
        InputError: where goals or attacks cannot be had.
    """
    from solon.policies.loader import load_policy
    from solon.redteam.parts import Setting, names, policy_goals, read_goals

    source = chosen["goals"]
    goals = policy_goals(load_policy(chosen["policy"])) if source == "policy" else read_goals(Path(source))
    chosen |= {"goals": goals, "attacks": tuple(names(chosen["attacks"]))}
    return Setting(**chosen)


def run_campaign(
    setting: "Setting", limits: "Limits", path: Path | None, *, retry_errors: bool, stores: Path
) -> "tuple[Report, Progress]":
    """Run what is missing and read the report."""
    from solon.redteam.budget import Budget
    from solon.redteam.executors.inline import Inline
    from solon.redteam.report import report_of
    from solon.redteam.run import run_plan
    from solon.redteam.store import Store

    worker = setting.open()
    plan = worker.plan
    path = path or stores / f"{plan.digest[:16]}.db"
    about = {"target": worker.target.name, "grader": worker.grader.name, "policy": setting.policy, "seed": setting.seed}
    with Store.of(path, plan, about) as store:
        if retry_errors:
            store.forget_errors()
        with _Bar(path) as bar:
            progress = asyncio.run(
                run_plan(plan, store, lambda: worker, Inline(), Budget(limits, store.spent), report=bar.update)
            )
        return report_of(store), progress


class _Bar:
    """Attempts, rate and time left, on standard error."""

    def __init__(self, path: Path) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("attempts"),
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
        """Show how far it is."""
        if progress.recorded == progress.resumed and progress.resumed:
            self._console.print(f"{progress.resumed} attempts were there already")
        left = "" if progress.left_s is None else f"{progress.left_s:.0f} s left"
        rate = f"{progress.rate:.0f}/s"
        self._bar.update(self._task, total=progress.planned, completed=progress.recorded, rate=rate, left=left)

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self._console.print(f"Attempts are in {self._path}", highlight=False)
