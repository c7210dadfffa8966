"""The bench judges everyone's texts, and whatever goes wrong in it is silence for those concerned and nobody else."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import pytest

from solon.gateway.bench import LONG, MOST_CHARACTERS, MOST_TEXTS, Bench, Silence
from solon.guard.guard import Guard
from solon.guard.segments import TEXT, Segment


def segment(text: str) -> Segment:
    return Segment(name="messages[0]", kind=TEXT, text=text)


@dataclass
class Engine:
    """Answers with the texts; fails on ``poison``, and waits at ``gate`` where there is one."""

    gate: threading.Event | None = None
    batches: list[list[str]] = field(default_factory=list)

    def score(self, segments):
        texts = [one.text for one in segments]
        self.batches.append(texts)
        if self.gate is not None:
            assert self.gate.wait(30)
        if any("poison" in text for text in texts):
            raise ValueError("cannot read this")
        return texts


@pytest.fixture
def bench():
    made = Bench(capacity=100)
    yield made
    made.close()


def test_real_engines_answer_in_order_for_many_callers(shipped: Guard, bench: Bench) -> None:
    texts = [f"What is the {number}th letter of the alphabet?" for number in range(12)]

    async def all_of_them() -> list[list[object]]:
        calls = [bench.score(shipped.stage1, [segment(text)], deadline_s=60) for text in texts]
        return await asyncio.gather(*calls)

    heard = asyncio.run(all_of_them())
    alone = shipped.stage1.score([segment(text) for text in texts])
    for (answer,), expected in zip(heard, alone, strict=True):
        assert answer.segment == expected.segment
        assert answer.risks == pytest.approx(expected.risks, abs=1e-4)
    assert bench.work.texts == len(texts) and bench.work.silent == 0


def test_what_waits_meanwhile_is_judged_in_one_batch(bench: Bench) -> None:
    engine = Engine(gate=threading.Event())

    async def crowd() -> None:
        first = asyncio.ensure_future(bench.score(engine, [segment("first")], deadline_s=30))
        while not engine.batches:
            await asyncio.sleep(0.001)
        rest = [asyncio.ensure_future(bench.score(engine, [segment(str(n))], deadline_s=30)) for n in range(40)]
        await asyncio.sleep(0)
        engine.gate.set()
        answers = await asyncio.gather(first, *rest)
        assert [answer for (answer,) in answers] == ["first", *map(str, range(40))]

    asyncio.run(crowd())
    assert [len(batch) for batch in engine.batches] == [1, MOST_TEXTS, MOST_TEXTS, 40 - 2 * MOST_TEXTS]


def test_a_batch_is_bounded_in_characters_and_keeps_engines_apart(bench: Bench) -> None:
    gate = threading.Event()
    one, other = Engine(gate=gate), Engine(gate=gate)
    half = "x" * (MOST_CHARACTERS // 2)

    async def crowd() -> None:
        first = asyncio.ensure_future(bench.score(one, [segment("first")], deadline_s=30))
        while not one.batches:
            await asyncio.sleep(0.001)
        rest = [bench.score(engine, [segment(half)], deadline_s=30) for engine in (one, one, one, other, one)]
        tasks = [asyncio.ensure_future(call) for call in rest]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *tasks)

    asyncio.run(crowd())
    assert [len(batch) for batch in one.batches] == [1, 2, 1, 1]
    assert [len(batch) for batch in other.batches] == [1]


def test_an_engine_that_fails_is_silent_on_the_text_at_fault_only(bench: Bench) -> None:
    engine = Engine()
    heard = asyncio.run(bench.score(engine, [segment(t) for t in ("a", "poison", "b")], deadline_s=30))
    assert heard[0] == "a" and heard[2] == "b"
    assert heard[1] == Silence(segment=segment("poison"), because="ValueError: cannot read this")


def test_an_engine_that_leaves_texts_out_is_silent(bench: Bench) -> None:
    class Forgetful(Engine):
        def score(self, segments):
            return super().score(segments)[:-1]

    heard = asyncio.run(bench.score(Forgetful(), [segment("a")], deadline_s=30))
    assert isinstance(heard[0], Silence) and "0 results for 1 texts" in heard[0].because


def test_a_deadline_passed_is_silence_and_the_text_is_not_judged_later(bench: Bench) -> None:
    engine = Engine(gate=threading.Event())

    async def late() -> None:
        busy = asyncio.ensure_future(bench.score(engine, [segment("busy")], deadline_s=30))
        while not engine.batches:
            await asyncio.sleep(0.001)
        (answer,) = await bench.score(engine, [segment("late")], deadline_s=0.01)
        assert isinstance(answer, Silence) and "0.01 s" in answer.because
        engine.gate.set()
        assert await busy == ["busy"]
        assert await bench.score(engine, [segment("after")], deadline_s=30) == ["after"]

    asyncio.run(late())
    assert engine.batches == [["busy"], ["after"]]


def test_a_caller_who_goes_away_costs_nothing(bench: Bench) -> None:
    engine = Engine(gate=threading.Event())

    async def leave() -> None:
        busy = asyncio.ensure_future(bench.score(engine, [segment("busy")], deadline_s=30))
        while not engine.batches:
            await asyncio.sleep(0.001)
        gone = asyncio.ensure_future(bench.score(engine, [segment("gone")], deadline_s=30))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        engine.gate.set()
        await busy
        await bench.score(engine, [segment("after")], deadline_s=30)

    asyncio.run(leave())
    assert engine.batches == [["busy"], ["after"]]


def test_a_full_bench_is_silent_at_once() -> None:
    bench, engine = Bench(capacity=3), Engine(gate=threading.Event())

    async def crowd() -> None:
        first = asyncio.ensure_future(bench.score(engine, [segment("first")], deadline_s=30))
        while not engine.batches:
            await asyncio.sleep(0.001)
        waiting = asyncio.ensure_future(bench.score(engine, [segment(str(n)) for n in range(3)], deadline_s=30))
        await asyncio.sleep(0)
        assert bench.waiting == 3
        (answer,) = await bench.score(engine, [segment("too much")], deadline_s=30)
        assert isinstance(answer, Silence) and "too many" in answer.because
        engine.gate.set()
        assert await first == ["first"] and await waiting == ["0", "1", "2"]

    try:
        asyncio.run(crowd())
    finally:
        bench.close()


def test_a_long_text_does_not_hold_up_short_ones(bench: Bench) -> None:
    gate = threading.Event()

    class Slow(Engine):
        def score(self, segments):
            if len(segments[0].text) > LONG:
                assert gate.wait(30)
            return [one.text for one in segments]

    async def both() -> None:
        engine = Slow()
        long = asyncio.ensure_future(bench.score(engine, [segment("x" * (LONG + 1))], deadline_s=30))
        assert await bench.score(engine, [segment("short")], deadline_s=30) == ["short"]
        assert not long.done()
        gate.set()
        await long

    asyncio.run(both())


def test_closing_answers_what_waits() -> None:
    bench, engine = Bench(), Engine(gate=threading.Event())

    async def stop() -> None:
        first = asyncio.ensure_future(bench.score(engine, [segment("first")], deadline_s=30))
        while not engine.batches:
            await asyncio.sleep(0.001)
        waiting = asyncio.ensure_future(bench.score(engine, [segment("waiting")], deadline_s=30))
        await asyncio.sleep(0)
        closing = asyncio.get_running_loop().run_in_executor(None, bench.close)
        (answer,) = await waiting
        assert isinstance(answer, Silence) and "stopping" in answer.because
        engine.gate.set()
        assert await first == ["first"]
        await closing
        (late,) = await bench.score(engine, [segment("late")], deadline_s=30)
        assert isinstance(late, Silence)

    asyncio.run(stop())


def test_the_event_loop_runs_while_texts_are_judged(shipped: Guard, bench: Bench) -> None:
    """A loop that was blocked for a whole batch would turn once, not many times."""
    texts = [segment(f"Tell me about the history of town number {number}, please. " * 6) for number in range(16)]

    async def both() -> int:
        turns = 0
        work = asyncio.ensure_future(bench.score(shipped.stage1, texts, deadline_s=60))
        while not work.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert not any(isinstance(answer, Silence) for answer in work.result())
        return turns

    begun = time.perf_counter()
    turns = asyncio.run(both())
    assert turns >= 5, f"{turns} turns in {time.perf_counter() - begun:.2f} s"
