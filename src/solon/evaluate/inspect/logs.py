"""Inspect's logs as our results, so that the same tables, gates and comparisons serve both."""

from pathlib import Path

from inspect_ai.log import read_eval_log

from solon.core.errors import SuiteError
from solon.evaluate.inspect.scorers import result_of
from solon.evaluate.result import Result
from solon.evaluate.runner import Measured


def read_log(path: Path) -> Measured:
    """The results of a log of ``solon/suite``, epoch after epoch.

    Raises:
        SuiteError: where it is no such log.
    """
    try:
        log = read_eval_log(str(path))
    except Exception as error:  # a log may be damaged in any way
        raise SuiteError(f"cannot be read: {error}", place=str(path), repair="Name a log of inspect eval.") from None
    results: list[Result] = []
    for sample in log.samples or []:
        results += [found for score in (sample.scores or {}).values() if (found := result_of(score)) is not None]
    if not results:
        raise SuiteError("holds no result of Solon's scorer", place=str(path), repair="Run inspect eval solon/suite.")
    facts = log.eval.metadata or {}
    name = str(facts.get("suite", ""))
    total = (log.eval.dataset.samples or len(results)) * (log.eval.config.epochs or 1)
    return Measured(
        subject=log.eval.model,
        identity={"log": log.eval.eval_id, "status": log.status},
        suites={
            name: {
                "digest": str(facts.get("suite_digest", "")), "revision": str(facts.get("revision", "")),
                "licence": str(facts.get("licence", "")), "samples": total, "of": total, "skipped": 0, "note": "",
            }
        },
        results=tuple(results),
        total=total,
    )  # fmt: skip
