"""Many rows in, one result a row out, in their order: resumable, in one process or several.

A result is ``{id, action, risk, rules: [{rule, risk, status}], views, elapsed_ms, policy, weights}`` (a row without id
is named by ``line``), or ``{id | line, error: {place, problem, repair}}``. ``rules`` holds the rules from risk 0.01 on
and those without an answer (all of them with ``least=0``); ``policy`` and ``weights`` are digests, 16 hex digits each.
Results stand in the order of the rows, one each, so that a run is continued where the results end, and only under the
same policy and weights.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.core.errors import InputError, SolonError, WeightsError
from solon.guard.bulk_files import LONGEST_LINE, Results, read_lines
from solon.guard.bulk_rows import Row, error_json, read_row
from solon.guard.guard import Guard
from solon.guard.outcome import LEAST, rule_outcomes

MakeGuard = Callable[[], Guard]
BATCH_ROWS = 32
BATCH_CHARACTERS = 1_000_000
"""A batch ends at either limit, so that rows of any length fit the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Rows so far: ``resumed`` were there from an earlier run; ``errors`` counts both runs'."""

    rows: int = 0
    resumed: int = 0
    errors: int = 0


def check_file(
    source: Path,
    out: Path,
    make_guard: MakeGuard,
    *,
    workers: int = 1,
    least: float = LEAST,
    report: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Judge the rows of ``source`` that ``out`` does not hold yet; ``.gz`` in either name means gzip.

    Args:
        source: JSON lines ``{id, text | prompt | messages, response?}``.
        out: where the results go; continued where an earlier run was interrupted.
        make_guard: opens the guard; picklable where ``workers`` is above 1, since each process opens its own.
        workers: processes that judge.
        least: risk from which a rule is listed.
        report: told about every batch.

    Raises:
        InputError: where ``source`` cannot be read, or ``out`` is not what an earlier run over it left.
        SolonError: where a worker process dies; what is written stays and the run can be continued.
    """
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError("input and output are one file", place=str(out), repair="Name another output.")
    guard = make_guard()
    with Results(out) as results:
        rows = _rows(source)
        resumed, errors = _skip_earlier(rows, results, _digests(guard), source)
        done = resumed
        report(Progress(rows=done, resumed=resumed, errors=errors))
        judge = Judging(guard, least)
        judged = map(judge, _batches(rows)) if workers <= 1 else _spread(_batches(rows), make_guard, workers, least)
        for batch in judged:
            results.append(batch)
            done += len(batch)
            errors += sum("error" in result for result in batch)
            report(Progress(rows=done, resumed=resumed, errors=errors))
    return Progress(rows=done, resumed=resumed, errors=errors)


class Judging:
    """Rows to results with one guard."""

    def __init__(self, guard: Guard, least: float) -> None:
        self._guard = guard
        self._least = least
        self._digests = _digests(guard)

    def __call__(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One result a row, in order; a row on which the guard fails gets an error, its neighbours do not."""
        sound = [row for row in rows if row.exchange is not None]
        try:
            judged = dict(zip((row.line for row in sound), self._judge(sound), strict=True))
        except Exception:  # whatever it is, it is found again one by one and told with its row
            judged = {row.line: self._alone(row) for row in sound}
        return [judged[row.line] if row.error is None else error_json(row, row.error) for row in rows]

    def _judge(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        decisions = self._guard.check_many(row.exchange for row in rows if row.exchange is not None)
        return [
            {
                **row.name,
                "action": str(decision.action),
                "risk": decision.risk,
                "rules": rule_outcomes(self._guard.policy, decision, least=self._least),
                "views": decision.n_views,
                "elapsed_ms": round(decision.elapsed_ms, 3),
                **self._digests,
            }
            for row, decision in zip(rows, decisions, strict=True)
        ]

    def _alone(self, row: Row) -> dict[str, Any]:
        try:
            return self._judge([row])[0]
        except WeightsError:
            raise  # no row's fault: nothing could be judged any more
        except Exception as error:
            return error_json(row, error)


def _rows(source: Path) -> Iterator[Row]:
    for line, raw in read_lines(source):
        if raw is None:
            problem = f"the line is longer than {LONGEST_LINE} bytes"
            yield Row(line=line, error=InputError(problem, place="row", repair="Check its parts one by one."))
        else:
            yield read_row(line, raw)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size
        if len(batch) >= BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _skip_earlier(rows: Iterator[Row], results: Results, digests: dict[str, str], source: Path) -> tuple[int, int]:
    """Pass the rows that ``results`` holds, checking name by name; how many, and how many of them are errors."""
    count = errors = 0
    for result in results.earlier():
        row = next(rows, None)
        found = {key: result[key] for key in ("id", "line") if key in result}
        if row is None or found != row.name:
            wanted = "the input has no more rows" if row is None else f"the input has {row.name}"
            raise InputError(
                f"result {count + 1} is of {found}, {wanted}",
                place=str(results.path),
                repair=f"It belongs to another input than {source}: name another output.",
            )
        if "error" not in result and any(result.get(key) != value for key, value in digests.items()):
            raise InputError(
                f"result {count + 1} was judged under another policy or other weights",
                place=str(results.path),
                repair="Name another output, or use the policy and weights that it was begun with.",
            )
        count += 1
        errors += "error" in result
    return count, errors


def _digests(guard: Guard) -> dict[str, str]:
    return {"policy": guard.policy.digest[:16], "weights": guard.weights.digest[:16]}


_judging: Judging | None = None
"""The guard of a worker process."""


def _open_worker(make_guard: MakeGuard, least: float) -> None:
    global _judging
    parent = multiprocessing.parent_process()
    if parent is not None:  # a worker whose parent was killed would wait for work for ever
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    _judging = Judging(make_guard(), least)


def _in_worker(batch: list[Row]) -> list[dict[str, Any]]:
    if _judging is None:
        raise RuntimeError("_open_worker did not run in this process")
    return _judging(batch)


def _spread(
    batches: Iterator[list[Row]], make_guard: MakeGuard, workers: int, least: float
) -> Iterator[list[dict[str, Any]]]:
    """Judge batches in several processes; results in the order of the batches, a few batches ahead at most."""
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),  # the inference runtime does not survive a fork
        initializer=_open_worker,
        initargs=(make_guard, least),
    )
    try:
        waiting: deque[Future[list[dict[str, Any]]]] = deque()
        for batch in batches:
            waiting.append(pool.submit(_in_worker, batch))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise SolonError(
            f"a worker process ended by itself: {error}",
            place="workers",
            repair="Run the same command again to go on; use fewer workers if the memory ran out.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
