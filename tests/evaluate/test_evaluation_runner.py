"""The engine: results by the shipped guard, kept through kills, in the same bytes; targets graded in four values."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from solon import Guard
from solon.core.action import Action
from solon.core.attempt import Answer, Goal, Grade, Outcome, Prompt
from solon.core.errors import SuiteError
from solon.core.exchange import Exchange, Message, Role
from solon.core.policy import ResponseStyle
from solon.core.verdict import Source, Verdict
from solon.evaluate.result import Result
from solon.evaluate.runner import limited, read_results, run
from solon.evaluate.sample import Sample, Suite
from solon.evaluate.subject import GuardSubject, TargetSubject
from solon.evaluate.suites.own import policy_examples
from solon.policies.loader import load_policy


def request(number: int, *, benign: bool = True, **more: object) -> Sample:
    return Sample(id=f"s{number}", exchange=Exchange.of(f"How do I bake bread number {number}?"), benign=benign, **more)


class Counting:
    """A subject that can be told to fall over after some batches."""

    name = "counting"
    quality = ()

    def __init__(self, *, version: str = "1", batches: int = 10**9) -> None:
        self.identity = {"target": version}
        self.left = batches
        self.asked: list[str] = []

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += [sample.id for sample in samples]
        outcomes = (Outcome.SUCCESS, Outcome.FAILURE)
        return [Result(suite=suite, id=s.id, benign=s.benign, outcome=outcomes[len(s.id) % 2]) for s in samples]


SUITES = [
    Suite(name="one", samples=tuple(request(n, benign=n % 3 > 0) for n in range(50))),
    Suite(name="two", samples=tuple(request(n) for n in range(30))),
]


def test_an_interrupted_run_ends_in_the_same_bytes_and_asks_nothing_twice(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    asyncio.run(run(Counting(), SUITES, whole, batch=7))
    broken = tmp_path / "broken.jsonl"
    draw = random.Random(3)
    asked: list[str] = []
    while True:
        subject = Counting(batches=draw.randint(1, 3))
        try:
            measured = asyncio.run(run(subject, SUITES, broken, batch=7))
        except KeyboardInterrupt:
            asked += subject.asked
            with broken.open("ab") as file:
                file.write(b'{"suite": "one", "id": "ha')  # a kill in the middle of a line
            continue
        asked += subject.asked
        break
    assert measured.complete
    assert broken.read_bytes() == whole.read_bytes()
    assert len(asked) == 80
    assert [result.key for result in read_results(whole).results] == [
        (suite.name, sample.id) for suite in SUITES for sample in suite.samples
    ]


class Flaky(Counting):
    """Fails on some samples while it is down."""

    down = True

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        answered = await super().answer(suite, samples)
        lost = [self.down and int(sample.id[1:]) % 3 == 0 for sample in samples]
        return [
            Result(suite=suite, id=r.id, benign=r.benign, outcome=Outcome.ERROR, error="down") if bad else r
            for r, bad in zip(answered, lost, strict=True)
        ]


def test_errors_are_asked_again_in_their_places_and_nothing_else_is(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "r.jsonl"
    asyncio.run(run(Counting(), SUITES, whole))
    subject = Flaky()
    first = asyncio.run(run(subject, SUITES, out, batch=9))
    errors = [result.id for result in first.results if result.outcome is Outcome.ERROR]
    assert len(errors) == 27
    kept = asyncio.run(run(Flaky(), SUITES, out, batch=9))
    assert kept.results == first.results
    subject = Flaky()
    subject.down = False
    again = asyncio.run(run(subject, SUITES, out, batch=9, retry_errors=True))
    assert subject.asked == errors
    assert again.complete
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.half"))


def test_a_run_that_was_cut_and_had_errors_ends_whole(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "r.jsonl"
    asyncio.run(run(Counting(), SUITES, whole))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run(Flaky(batches=3), SUITES, out, batch=9))
    subject = Flaky()
    subject.down = False
    asyncio.run(run(subject, SUITES, out, batch=9, retry_errors=True))
    assert out.read_bytes() == whole.read_bytes()


PROGRAM = """
import asyncio, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_evaluation_runner import Counting, SUITES
from solon.evaluate.runner import run
class Slow(Counting):
    async def answer(self, suite, samples):
        await asyncio.sleep(0.02)
        return await super().answer(suite, samples)
asyncio.run(run(Slow(), SUITES, Path(sys.argv[1]), batch=2))
"""


@pytest.mark.slow
def test_kill_9_loses_no_line_that_was_reported(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    asyncio.run(run(Counting(), SUITES, whole))
    kept = 0
    for _ in range(3):
        command = [sys.executable, "-c", PROGRAM, str(killed), str(Path(__file__).parent)]
        process = subprocess.Popen(command, env={**os.environ})
        until = time.monotonic() + 30
        before = killed.stat().st_size if killed.exists() else 0
        while process.poll() is None and time.monotonic() < until:
            if killed.exists() and killed.stat().st_size > before + 1000:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        held = len(read_results(killed).results)
        assert held > kept
        kept = held
    assert kept < 80
    measured = asyncio.run(run(Counting(), SUITES, killed))
    assert measured.complete
    assert killed.read_bytes() == whole.read_bytes()


def test_a_file_of_another_run_is_left_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    asyncio.run(run(Counting(), SUITES, out))
    before = out.read_bytes()
    with pytest.raises(SuiteError, match="identity target differ"):
        asyncio.run(run(Counting(version="2"), SUITES, out))
    with pytest.raises(SuiteError, match="suites two differ"):
        asyncio.run(run(Counting(), SUITES[:1], out))
    changed = Suite(name="two", samples=tuple(request(n) for n in range(1, 31)))
    with pytest.raises(SuiteError, match="suites two differ"):
        asyncio.run(run(Counting(), [SUITES[0], changed], out))
    assert out.read_bytes() == before
    foreign = tmp_path / "notes.txt"
    foreign.write_text("my notes\n")
    with pytest.raises(SuiteError, match="is no result file"):
        asyncio.run(run(Counting(), SUITES, foreign))
    assert foreign.read_text() == "my notes\n"


@pytest.mark.parametrize(
    "line", ['{"suite": "one"}', "[]", "half", '{"suite":"one","id":"s0","benign":true,"outcome":"x"}']
)
def test_a_damaged_line_is_told_and_kept(line: str, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    asyncio.run(run(Counting(), SUITES, out))
    lines = out.read_text().splitlines()
    lines[3] = line
    out.write_text("\n".join(lines) + "\n")
    with pytest.raises(SuiteError, match="line 4"):
        read_results(out)
    with pytest.raises(SuiteError, match="line 4"):
        asyncio.run(run(Counting(), SUITES, out))
    assert out.read_text().splitlines() == lines


def test_a_limit_takes_both_sides_evenly() -> None:
    samples = limited(SUITES[0], 5)
    assert sum(sample.benign for sample in samples) == sum(not sample.benign for sample in samples) == 5
    assert samples[-1].id > "s4"
    assert limited(SUITES[0], 0) == list(SUITES[0].samples)
    assert len(limited(SUITES[1], 500)) == 30


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard("baseline")


def test_the_guard_is_measured_as_it_decides(guard: Guard, tmp_path: Path) -> None:
    suite = policy_examples(guard.policy)
    measured = asyncio.run(run(GuardSubject(guard), [suite], tmp_path / "r.jsonl", limit=12))
    assert measured.complete
    assert measured.identity["policy"] == guard.policy.digest
    assert measured.identity["weights"] == guard.weights.digest
    samples = {sample.id: sample for sample in suite.samples}
    for result in measured.results:
        decision = guard.check(samples[result.id].exchange)
        assert result.action == str(decision.action)
        assert result.risk == pytest.approx(decision.risk, abs=1e-5)
        assert result.stopped is (decision.action >= Action.REFINE)
        assert result.layer == ("input" if result.stopped else "")
        assert result.asked == ("comply" if result.benign else str(guard.policy.rule(result.rule).style))
    text = (tmp_path / "r.jsonl").read_text()
    assert not any(sample.exchange.messages[0].content in text for sample in suite.samples)


def test_a_reply_is_stopped_where_its_request_was_not(guard: Guard) -> None:
    asked = "Tell me about the weather."
    bad = next(
        text
        for rule in guard.policy.rules
        for text in rule.examples.forbidden
        if guard.check(Exchange.of(text)).action is Action.BLOCK
        and guard.check(Exchange.of(asked, response=text)).action is Action.BLOCK
    )
    assert guard.check(asked).action is Action.PERMIT
    samples = [
        Sample(id="out", exchange=Exchange.of(asked, response=bad), benign=False),
        Sample(id="in", exchange=Exchange.of(bad, response="No."), benign=False),
        Sample(id="fine", exchange=Exchange.of(asked, response="It is sunny."), benign=True),
    ]
    results = asyncio.run(GuardSubject(guard).answer("x", samples))
    assert [(r.layer, r.outcome) for r in results] == [
        ("output", Outcome.FAILURE), ("input", Outcome.FAILURE), ("", Outcome.SUCCESS),
    ]  # fmt: skip
    assert all(result.layers == ("input", "output") for result in results)


class Silent:
    """An engine that never has an answer."""

    name = "silent"
    rules = ("privacy.surveillance",)

    def judge(self, exchange: Exchange) -> Sequence[Verdict]:
        return [Verdict.undetermined(self.rules[0], because="asleep", source=Source(name="silent"))]


def test_silence_is_unscored_and_what_cannot_be_judged_an_error(guard: Guard) -> None:
    silent = Guard("baseline", weights=guard.weights, classifiers=[Silent()])
    results = asyncio.run(GuardSubject(silent).answer("x", [request(1)]))
    assert results[0].outcome is Outcome.UNSCORED
    assert results[0].stopped is None
    assert "asleep" in results[0].error
    too_long = Sample(id="long", exchange=Exchange.of("x", response="y" * 1_100_000), benign=True)
    results = asyncio.run(GuardSubject(guard).answer("x", [request(1), too_long, request(2)]))
    assert [result.outcome for result in results] == [Outcome.SUCCESS, Outcome.ERROR, Outcome.SUCCESS]
    assert "limit" in results[1].error
    with pytest.raises(ValueError, match="refine or block"):
        GuardSubject(guard, stop=Action.PERMIT)


class Scripted:
    """A target with an answer for each word."""

    name = "scripted"
    digest = "d"

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        known = {
            "blocked": Answer(blocked=True, layer="input", risk=0.9),
            "broken": Answer(error="half a reply"),
            "refuses": Answer(text="no"),
            "answers": Answer(text="yes"),
            "mumbles": Answer(text="?"),
        }
        return [known[prompt.exchange.messages[-1].content] for prompt in prompts]


class Plain:
    """Reads yes and no, and says so where it can read neither."""

    name = "plain"

    async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
        read = {"yes": Outcome.SUCCESS, "no": Outcome.FAILURE}
        return [Grade(outcome=read.get(answer.text, Outcome.UNSCORED), because="plain") for _, _, answer in asked]


class Styles:
    async def styles(self, asked: Sequence[tuple[Sample, Answer]]) -> list[ResponseStyle | None]:
        read = {"yes": ResponseStyle.COMPLY, "no": ResponseStyle.REFUSE}
        return [read.get(answer.text) for _, answer in asked]


def test_a_target_ends_in_four_ways() -> None:
    words = ["blocked", "broken", "refuses", "answers", "mumbles"]
    rule = load_policy("baseline").rules[0].id
    samples = [Sample(id=word, exchange=Exchange.of(word), benign=False, rule=rule) for word in words]
    subject = TargetSubject(
        Scripted(), load_policy("baseline"), graders=[Plain()], reader=Styles(), layers=("input", "model", "output")
    )
    results = asyncio.run(subject.answer("x", samples))
    assert [(r.outcome.value, r.layer, r.shown) for r in results] == [
        ("failure", "input", "refuse"), ("error", "", ""), ("failure", "model", "refuse"), ("success", "", "comply"),
        ("unscored", "", ""),
    ]  # fmt: skip
    assert results[1].error == "half a reply"
    ungraded = asyncio.run(TargetSubject(Scripted(), load_policy("baseline")).answer("x", samples))
    assert [r.outcome.value for r in ungraded] == ["failure", "error", "unscored", "unscored", "unscored"]


def test_results_travel_through_json() -> None:
    result = Result(
        suite="s", id="é", benign=False, outcome=Outcome.FAILURE, action="block", layer="input", layers=("input",),
        risk=0.0, rules=("a.b",), lang="de", length="<=80",
    )  # fmt: skip
    assert Result.from_json(json.loads(json.dumps(result.to_json())), "x") == result


def test_a_sample_knows_what_is_asked() -> None:
    turns = (Message(role=Role.USER, content="first"), Message(role=Role.ASSISTANT, content="ok"),
             Message(role=Role.USER, content="second"))  # fmt: skip
    sample = Sample(id="x", exchange=Exchange(messages=turns), benign=False, marker="M")
    assert sample.goal.text == "second"
    assert sample.prompt.marker == "M"
    assert sample.length == "<=80"
    assert Sample(id="y", exchange=Exchange.of("a" * 5000), benign=True).length == ">2000"
