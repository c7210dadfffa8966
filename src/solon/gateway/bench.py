"""The bench: where the texts of all requests and streams wait to be judged, so that the event loop never blocks.

Two threads a worker process: one for short texts, on which streams and most requests wait, one for long ones, which
take seconds and must not hold the others up. A thread takes what is there, up to a batch, and never waits for more: a
batch saves little on a processor, and a text that waits for company is only late. The engines spend their time in
native code that lets the event loop run.

Nothing that goes wrong here is a verdict: a full bench, a deadline passed and an engine that fails are ``Silence``, for
the texts concerned and no others.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from solon.guard.segments import Segment
from solon.guard.stage1 import Scored

LONG = 6_000
"""Characters from which a text goes to the thread for long ones."""
MOST_TEXTS = 16
MOST_CHARACTERS = 6_000
"""A batch ends at either bound: who comes after it waits for at most that much work."""


class Engine(Protocol):
    """What scores texts: ``guard.stage1.Stage1``. Called from two threads."""

    def score(self, segments: Sequence[Segment]) -> list[Scored]:
        """One result for each, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A text that was not judged. It is undetermined under every rule, and never safe."""

    segment: Segment
    because: str


@dataclass(slots=True, eq=False)
class _Call:
    """The texts of one caller: ``heard`` fills up, and ``done`` is set with the last of them."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    heard: list[Scored | Silence | None]
    missing: int
    wanted: bool = True

    def deliver(self) -> None:
        """On the event loop: wake the caller, if it still waits."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True, slots=True)
class _Job:
    engine: Engine
    segment: Segment
    call: _Call
    place: int


@dataclass(slots=True, kw_only=True)
class Work:
    """What a bench has done, for metrics."""

    texts: int = 0
    batches: int = 0
    silent: int = 0
    busy_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Lane:
    """A queue and the thread that empties it."""

    name: str
    waiting: deque[_Job] = field(default_factory=deque[_Job])
    awake: threading.Condition = field(default_factory=threading.Condition)
    open: bool = True
    work: Work = field(default_factory=Work)
    thread: threading.Thread | None = None

    def put(self, jobs: Sequence[_Job]) -> None:
        with self.awake:
            if self.open:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                    self.thread.start()
                self.waiting.extend(jobs)
                self.awake.notify()
                return
        self._answer([(job, Silence(segment=job.segment, because="the gateway is stopping")) for job in jobs])

    def close(self, timeout_s: float) -> None:
        with self.awake:
            self.open = False
            left = list(self.waiting)
            self.waiting.clear()
            self.awake.notify()
        self._answer([(job, Silence(segment=job.segment, because="the gateway is stopping")) for job in left])
        if self.thread is not None:
            self.thread.join(timeout_s)

    def _run(self) -> None:
        while batch := self._take():
            begun = time.perf_counter()
            heard = _judged(batch)
            self.work.busy_s += time.perf_counter() - begun
            self.work.batches += 1
            self.work.texts += len(batch)
            self._answer(list(zip(batch, heard, strict=True)))

    def _take(self) -> list[_Job]:
        """The next batch, in the order of arrival; empty once the lane is closed."""
        with self.awake:
            while True:
                while self.open and not self.waiting:
                    self.awake.wait()
                batch: list[_Job] = []
                room = MOST_CHARACTERS
                while self.waiting and len(batch) < MOST_TEXTS:
                    job = self.waiting[0]
                    if batch and (len(job.segment.text) > room or job.engine is not batch[0].engine):
                        break
                    self.waiting.popleft()
                    if job.call.wanted:
                        batch.append(job)
                        room -= len(job.segment.text)
                if batch or not self.open:
                    return batch

    def _answer(self, heard: Sequence[tuple[_Job, Scored | Silence]]) -> None:
        """Note what was heard, and wake every caller who has it all."""
        complete: dict[asyncio.AbstractEventLoop, list[_Call]] = {}
        for job, answer in heard:
            job.call.heard[job.place] = answer
            job.call.missing -= 1
            self.work.silent += isinstance(answer, Silence)
            if not job.call.missing:
                complete.setdefault(job.call.loop, []).append(job.call)
        for loop, calls in complete.items():
            try:
                loop.call_soon_threadsafe(_wake, calls)
            except RuntimeError:  # that loop is closed, and nobody waits any more
                continue


class Bench:
    """Judges texts for everyone in this process. Safe to use from several event loops.

    Args:
        capacity: texts that may wait; while more do, those that come are left unjudged.
    """

    def __init__(self, *, capacity: int = 2_000) -> None:
        self.capacity = capacity
        self._short, self._long = _Lane("bench-short"), _Lane("bench-long")

    @property
    def waiting(self) -> int:
        """Texts that wait now."""
        return len(self._short.waiting) + len(self._long.waiting)

    @property
    def work(self) -> Work:
        """What both threads have done so far."""
        one, two = self._short.work, self._long.work
        return Work(
            texts=one.texts + two.texts,
            batches=one.batches + two.batches,
            silent=one.silent + two.silent,
            busy_s=one.busy_s + two.busy_s,
        )

    async def score(self, engine: Engine, segments: Sequence[Segment], *, deadline_s: float) -> list[Scored | Silence]:
        """One answer for each text, in order; what is not there after ``deadline_s`` is silence."""
        if not segments:
            return []
        if self.waiting >= self.capacity:
            return [Silence(segment=segment, because="too many texts wait to be judged") for segment in segments]
        loop = asyncio.get_running_loop()
        call = _Call(loop, loop.create_future(), [None] * len(segments), len(segments))
        jobs = [_Job(engine, segment, call, place) for place, segment in enumerate(segments)]
        # One lane gets them all: what is still missing of a call is counted by one thread.
        long = any(len(segment.text) > LONG for segment in segments)
        (self._long if long else self._short).put(jobs)
        try:
            async with asyncio.timeout(deadline_s):
                await call.done
        except TimeoutError:
            pass
        finally:
            call.wanted = False
        late = f"not judged within {deadline_s:g} s"
        return [
            answer or Silence(segment=segment, because=late)
            for segment, answer in zip(segments, call.heard, strict=True)
        ]

    def close(self, timeout_s: float = 5.0) -> None:
        """Answer what waits with silence and end the threads, each after the batch in its hands."""
        self._short.close(timeout_s)
        self._long.close(timeout_s)


def _wake(calls: Sequence[_Call]) -> None:
    for call in calls:
        call.deliver()


def _judged(batch: Sequence[_Job]) -> list[Scored | Silence]:
    """Score a batch; where that fails, each text by itself, so that the one at fault is silent alone."""
    engine = batch[0].engine
    try:
        heard: list[Scored | Silence] = list(engine.score([job.segment for job in batch]))
        if len(heard) == len(batch):
            return heard
        problem = f"{len(heard)} results for {len(batch)} texts"
    except Exception as error:  # an engine may fail in any way, and none of them is a verdict
        problem = f"{type(error).__name__}: {error}"
    if len(batch) == 1:
        return [Silence(segment=batch[0].segment, because=problem)]
    return [_judged([job])[0] for job in batch]
