"""The engine: samples in, results appended to a file that a killed run goes on from.

The first line is the header: what was measured, on what, by digests. Each further line is one result, in the order of
the samples; nothing in the file depends on the clock, so that a run that was interrupted ends in the same bytes.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.evaluate.result import Result
from solon.evaluate.sample import Sample, Suite
from solon.evaluate.subject import Subject

SCHEMA = 1
BATCH = 128
_START = b'{"solon_evaluation":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Samples so far of ``total``; ``resumed`` were there from an earlier run."""

    done: int
    total: int
    resumed: int
    suite: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A result file: who was measured, on which suites, every result, and how often the graders are right."""

    subject: str
    identity: dict[str, str]
    suites: dict[str, dict[str, Any]]
    results: tuple[Result, ...]
    total: int
    quality: tuple[dict[str, Any], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every sample has its result."""
        return len(self.results) == self.total


async def run(
    subject: Subject,
    suites: Sequence[Suite],
    out: Path,
    *,
    limit: int = 0,
    batch: int = BATCH,
    retry_errors: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> Measured:
    """Measure ``subject`` on every sample that ``out`` does not hold yet.

    Args:
        subject: what is measured.
        suites: measured one after the other.
        out: JSON lines; continued where an earlier run of the same subject and suites stopped.
        limit: samples of each suite and side, for a first look; 0 takes all.
        batch: samples answered between two appends: what a kill can cost.
        retry_errors: ask again what ended in an error before; the new results take the old ones' places at once.
        report: called after every append.

    Raises:
        SuiteError: where ``out`` holds something else, or the run of another subject, policy, weights or suite.
    """
    chosen = [(suite, limited(suite, limit)) for suite in suites]
    samples = [(suite.name, sample) for suite, own in chosen for sample in own]
    head = _header(subject, chosen)
    with _Lines(out) as lines:
        results = lines.earlier(head)
        resumed = len(results)
        _same_order(results, samples, out)
        if retry_errors:
            places = [place for place, result in enumerate(results) if result.outcome is Outcome.ERROR]
            for name, group in _groups([samples[place] for place in places], batch):
                for result in await subject.answer(name, group):
                    results[places.pop(0)] = result
            lines.rewrite([head, *(result.to_json() for result in results)])
        for name, group in _groups(samples[resumed:], batch):
            answered = await subject.answer(name, group)
            lines.append([result.to_json() for result in answered])
            results += answered
            report(Progress(done=len(results), total=len(samples), resumed=resumed, suite=name))
    return Measured(
        subject=head["subject"], identity=head["identity"], suites=head["suites"], results=tuple(results),
        total=len(samples), quality=tuple(head["quality"]),
    )  # fmt: skip


def read_results(path: Path) -> Measured:
    """A result file of an earlier run, whole or as far as it came.

    Raises:
        SuiteError: where it is none.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SuiteError(str(error), place=str(path), repair="Name a file of solon evaluate run.") from None
    found = list(_whole_lines(raw, path))
    if not found:
        raise SuiteError("is empty", place=str(path), repair="Name a file of solon evaluate run.")
    head = found[0]
    results = tuple(Result.from_json(line, f"{path}: line {n}") for n, line in enumerate(found[1:], 2))
    return Measured(
        subject=head["subject"], identity=head["identity"], suites=head["suites"], results=results,
        total=head["total"], quality=tuple(head["quality"]),
    )  # fmt: skip


def limited(suite: Suite, limit: int) -> list[Sample]:
    """The first ``limit`` samples of either side, in the suite's order; all with 0.

    They are taken evenly from the whole, since suites are sorted by theme.
    """
    if not limit:
        return list(suite.samples)
    kept: set[int] = set()
    for benign in (False, True):
        places = [place for place, sample in enumerate(suite.samples) if sample.benign is benign]
        count = min(limit, len(places))
        kept |= {places[number * len(places) // count] for number in range(count)}
    return [sample for place, sample in enumerate(suite.samples) if place in kept]


def _header(subject: Subject, chosen: Sequence[tuple[Suite, list[Sample]]]) -> dict[str, Any]:
    return {
        "solon_evaluation": SCHEMA,
        "subject": subject.name,
        "identity": {name: value for name, value in sorted(subject.identity.items()) if value},
        "suites": {
            suite.name: {
                "digest": suite.digest, "revision": suite.revision, "licence": suite.licence,
                "files": dict(suite.files),
                "samples": len(own), "of": len(suite.samples), "skipped": suite.skipped, "note": suite.note,
            }
            for suite, own in chosen
        },
        "total": sum(len(own) for _, own in chosen),
        "quality": [dict(counts) for counts in subject.quality],
    }  # fmt: skip


def _groups(samples: Sequence[tuple[str, Sample]], batch: int) -> Iterator[tuple[str, list[Sample]]]:
    """Runs of samples of one suite, at most ``batch`` long."""
    group: list[Sample] = []
    name = ""
    for suite, sample in samples:
        if group and (suite != name or len(group) == batch):
            yield name, group
            group = []
        name = suite
        group.append(sample)
    if group:
        yield name, group


def _same_order(results: Sequence[Result], samples: Sequence[tuple[str, Sample]], out: Path) -> None:
    for place, result in enumerate(results):
        if place >= len(samples) or result.key != (samples[place][0], samples[place][1].id):
            raise SuiteError(
                f"result {place + 1} is of another sample", place=str(out), repair="Name another file; this one stays."
            )


class _Lines:
    """The result file, held by one run at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("r+b" if path.exists() else "x+b")
        except OSError as error:
            raise SuiteError(str(error), place=str(path), repair="Name a file that can be written.") from None
        try:
            _lock(self._file, path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def earlier(self, head: dict[str, Any]) -> list[Result]:
        """Results of an earlier run under the same header; a half-written end is cut away.

        Raises:
            SuiteError: where the file holds anything else; it is then left as it was.
        """
        raw = self._file.read()
        lines = list(_whole_lines(raw, self.path))
        if lines and lines[0] != head:
            raise SuiteError(_difference(lines[0], head), place=str(self.path), repair="Name another file with --out.")
        found = [Result.from_json(line, f"{self.path}: line {n}") for n, line in enumerate(lines[1:], 2)]
        self._file.truncate(raw.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)
        if not lines:
            self.append([head])
        return found

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write one batch; once this returns, a killed process does not lose it."""
        self._file.write(_written(lines))
        self._file.flush()

    def rewrite(self, lines: Sequence[dict[str, Any]]) -> None:
        """Put a whole new file in place of this one; killed in the middle, the old one stays."""
        half = self.path.with_name(f"{self.path.name}.half")
        file = half.open("w+b")
        _lock(file, half)
        file.write(_written(lines))
        file.flush()
        os.fsync(file.fileno())
        half.replace(self.path)
        self._file.close()
        self._file = file


def _written(lines: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines).encode("ascii")


def _whole_lines(raw: bytes, path: Path) -> Iterator[dict[str, Any]]:
    """The lines that were written whole; the first must be a header."""
    start = raw[: len(_START)]
    if start and not _START.startswith(start):
        raise SuiteError("is no result file", place=str(path), repair="Name another file; this one is left as it was.")
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].splitlines(), 1):
        try:
            value: Any = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError("no object")
        except ValueError as error:
            raise SuiteError(f"line {number}: {error}", place=str(path), repair="Restore or remove the file.") from None
        fields = cast(dict[str, Any], value)
        if number == 1 and fields.get("solon_evaluation") != SCHEMA:
            raise SuiteError(
                f"is of schema {fields.get('solon_evaluation')}, expected {SCHEMA}", place=str(path),
                repair="Measure again with this version.",
            )  # fmt: skip
        yield fields


def _difference(there: dict[str, Any], now: dict[str, Any]) -> str:
    """In words, what the file's run has otherwise than this one."""
    for name in ("subject", "identity", "suites", "total", "quality"):
        if there.get(name) != now[name]:
            if isinstance(now[name], dict):
                before, after = cast(dict[str, Any], there.get(name) or {}), cast(dict[str, Any], now[name])
                changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
                return f"holds the results of another run: {name} {', '.join(changed)} differ"
            return f"holds the results of another run: {name} {there.get(name)!r}, now {now[name]!r}"
    return "holds the results of another run"


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold the file alone, where the system can; the lock falls with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SuiteError(
            "another run writes this file", place=str(path), repair="Wait for it, or name another file."
        ) from None
