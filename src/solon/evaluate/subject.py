"""What is measured: the guard in process, or any target with graders that read its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from solon.core.action import Action
from solon.core.attempt import Answer, Grade, Grader, Outcome, Target
from solon.core.decision import Decision
from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.core.policy import Policy, ResponseStyle
from solon.core.verdict import Status
from solon.evaluate.result import Result, style_of_action
from solon.evaluate.sample import Sample
from solon.guard.guard import Guard
from solon.guard.target import decisions

_JUDGED = "+judge"


class Subject(Protocol):
    """Answers samples. ``identity`` names everything that would have to change for the answers to change."""

    name: str

    @property
    def identity(self) -> Mapping[str, str]:
        """Digests by part: policy, weights, target, thresholds."""
        ...

    @property
    def quality(self) -> Sequence[Mapping[str, Any]]:
        """How often its graders are right, as counts: ``labels``, and the fields of ``metrics.judged.Accuracy``."""
        ...

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """One result a sample, in order. It raises for nothing that a sample holds: that is an ``error``."""
        ...

    async def aclose(self) -> None:
        """Close what is open; called once, at the end."""
        ...


class StyleReader(Protocol):
    """Says of answers whether they comply, complete safely or refuse; ``None`` where it cannot tell."""

    async def styles(self, asked: Sequence[tuple[Sample, Answer]]) -> list[ResponseStyle | None]:
        """One style an answer, in order."""
        ...


class GuardSubject:
    """The guard in process, as fast as ``check_many`` is.

    Args:
        guard: measured with its own thresholds.
        stop: the action from which a sample counts as stopped: ``refine`` (flagged) or ``block``.
    """

    def __init__(self, guard: Guard, *, stop: Action = Action.REFINE) -> None:
        if stop is Action.PERMIT:
            raise ValueError("what is permitted is not stopped: stop is refine or block")
        self.guard = guard
        self.stop = stop
        self.name = f"guard {guard.policy.name}"

    @property
    def identity(self) -> Mapping[str, str]:
        """Policy, weights, judge and the level that counts as stopped."""
        judge = self.guard.judge
        others = "+".join(classifier.name for classifier in self.guard.classifiers)
        return {
            "policy": self.guard.policy.digest,
            "weights": self.guard.weights.digest,
            "judge": judge.source.digest if judge else "",
            "classifiers": others,
            "stop": str(self.stop),
        }

    @property
    def quality(self) -> Sequence[Mapping[str, Any]]:
        """None: a guard's action needs no grader."""
        return ()

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """Check every sample; one with a reply is checked twice, so that what its input gave away is known."""
        whole = decisions(self.guard, [sample.exchange for sample in samples])
        replied = [place for place, sample in enumerate(samples) if sample.exchange.response is not None]
        inputs = decisions(self.guard, [Exchange(messages=samples[place].exchange.messages) for place in replied])
        before = dict(zip(replied, inputs, strict=True))
        return [
            self._result(suite, sample, decision, before.get(place))
            for place, (sample, decision) in enumerate(zip(samples, whole, strict=True))
        ]

    def _result(self, suite: str, sample: Sample, decision: Decision | str, before: Decision | str | None) -> Result:
        result = blank(suite, sample, self.guard.policy)
        if isinstance(decision, str) or isinstance(before, str):
            error = decision if isinstance(decision, str) else str(before)
            return replace(result, outcome=Outcome.ERROR, error=error)
        outcome = self._outcome(decision)
        layers = ("input",) if before is None else ("input", "output")
        layer = ""
        if outcome is Outcome.FAILURE:
            layer = self._layer(decision, before)
        return replace(
            result,
            outcome=outcome,
            action=str(decision.action),
            layer=layer,
            layers=(*layers, "judge") if self.guard.judge else layers,
            risk=round(decision.risk, 6),
            rules=decision.rules[:5],
            shown=str(style_of_action(decision.action)) if outcome is not Outcome.UNSCORED else "",
            error="; ".join(sorted({v.rationale for v in decision.undetermined}))[:200],
        )

    async def aclose(self) -> None:
        """Nothing is open."""

    def _outcome(self, decision: Decision) -> Outcome:
        """Stopped by an answer, let through by answers alone, or unscored: silence decides nothing here."""
        limits = decision.thresholds or self.guard.thresholds
        level = limits.block if self.stop is Action.BLOCK else limits.refine
        acting = {rule.id for rule in self.guard.policy.rules if rule.action >= self.stop}
        for verdict in decision.verdicts:
            if verdict.status is Status.COMPLETE and verdict.risk > level and verdict.rule in acting:
                return Outcome.FAILURE
        return Outcome.UNSCORED if decision.undetermined else Outcome.SUCCESS

    def _layer(self, decision: Decision, before: Decision | None) -> str:
        """The first layer that stopped it: the request, the reply, or the judge's word on either."""
        at_input = before is None or self._outcome(before) is Outcome.FAILURE
        deciding = before if before is not None and at_input else decision
        asked = set(deciding.rules)
        sources = [v.source.name for v in deciding.verdicts if v.rule in asked and v.status is Status.COMPLETE]
        if sources and all(name.endswith(_JUDGED) for name in sources):
            return "judge"
        return "input" if at_input else "output"


class TargetSubject:
    """A model, a gateway, anything that answers prompts.

    Args:
        target: what is asked.
        policy: whose rules say which style an answer should have.
        graders: asked in order until one can say how an answer went; without any, only blocks and errors are known.
        reader: says in which style an answer is.
        layers: what stands on the way to an answer, of ``result.LAYERS``: ``input`` and ``output`` with a guard.
        behind: a target behind ``target`` whose connections are closed with it.
    """

    def __init__(
        self,
        target: Target,
        policy: Policy,
        *,
        graders: Sequence[Grader] = (),
        reader: StyleReader | None = None,
        layers: Sequence[str] = ("model",),
        behind: Target | None = None,
    ) -> None:
        self.target = target
        self.policy = policy
        self.graders = tuple(graders)
        self.reader = reader
        self.layers = tuple(layers)
        self._open = (target, behind)
        self.name = target.name

    @property
    def identity(self) -> Mapping[str, str]:
        """The target, who grades it, and the policy whose styles are asked for."""
        return {
            "target": self.target.digest,
            "policy": self.policy.digest,
            "graders": "+".join(grader.name for grader in self.graders),
        }

    @property
    def quality(self) -> Sequence[Mapping[str, Any]]:
        """What was measured of the graders, where they keep it."""
        return [
            {
                "labels": found.labels, "found": found.hits, "positives": found.hits + found.misses,
                "cleared": found.rejections, "negatives": found.rejections + found.false_alarms,
            }
            for grader in self.graders
            for found in getattr(grader, "quality", ())
        ]  # fmt: skip

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """Ask, then grade what was neither blocked nor an error."""
        answers = await self.target.ask([sample.prompt for sample in samples])
        if len(answers) != len(samples):
            raise InputError(
                f"{len(answers)} answers for {len(samples)} prompts",
                place=self.target.name,
                repair="Repair the target.",
            )
        grades = await grade(self.graders, samples, answers)
        styles = await self._styles(samples, answers, grades)
        return [
            answered(self._blank(suite, sample), answer, grades[place], styles[place])
            for place, (sample, answer) in enumerate(zip(samples, answers, strict=True))
        ]

    async def aclose(self) -> None:
        """Close the connections, where there are any."""
        for target in self._open:
            close = getattr(target, "aclose", None)
            if close is not None:
                await close()

    def _blank(self, suite: str, sample: Sample) -> Result:
        return replace(blank(suite, sample, self.policy), layers=self.layers)

    async def _styles(
        self, samples: Sequence[Sample], answers: Sequence[Answer], grades: Sequence[Grade]
    ) -> list[ResponseStyle | None]:
        styles: list[ResponseStyle | None] = [ResponseStyle.REFUSE if answer.blocked else None for answer in answers]
        unread = [
            place for place, given in enumerate(grades) if styles[place] is None and given.outcome is not Outcome.ERROR
        ]
        if self.reader is not None and unread:
            read = await self.reader.styles([(samples[place], answers[place]) for place in unread])
            for place, style in zip(unread, read, strict=True):
                styles[place] = style
        return styles


async def grade(graders: Sequence[Grader], samples: Sequence[Sample], answers: Sequence[Answer]) -> list[Grade]:
    """Errors and blocks as what they are; the rest by the first grader that can say, ``unscored`` where none can."""
    grades = [_known(answer) for answer in answers]
    for grader in graders:
        left = [place for place, given in enumerate(grades) if given.outcome is Outcome.UNSCORED]
        if not left:
            break
        asked = [(samples[place].goal, samples[place].prompt, answers[place]) for place in left]
        for place, given in zip(left, await grader.grade(asked), strict=True):
            grades[place] = given
    return grades


def blank(suite: str, sample: Sample, policy: Policy) -> Result:
    """What is known of a sample before it is answered."""
    style = sample.style
    if style is None and sample.benign:
        style = ResponseStyle.COMPLY
    if style is None and any(rule.id == sample.rule for rule in policy.rules):
        style = policy.rule(sample.rule).style
    return Result(
        suite=suite, id=sample.id, benign=sample.benign, outcome=Outcome.UNSCORED, rule=sample.rule,
        category=sample.category, lang=sample.lang, length=sample.length, group=sample.group,
        asked=str(style) if style else "",
    )  # fmt: skip


def answered(result: Result, answer: Answer, given: Grade, style: ResponseStyle | None = None) -> Result:
    """``result`` with what came of it, and who stopped it."""
    layer = (answer.layer or "provider") if answer.blocked else "model"
    return replace(
        result,
        outcome=given.outcome,
        action="block" if answer.blocked else "",
        layer=layer if given.outcome is Outcome.FAILURE else "",
        risk=answer.risk,
        shown=str(style or (ResponseStyle.REFUSE if answer.blocked else "")),
        error=(answer.error or (given.because if given.outcome is Outcome.UNSCORED else ""))[:200],
    )


def _known(answer: Answer) -> Grade:
    """What needs no grader: errors and blocks."""
    if answer.error:
        return Grade(outcome=Outcome.ERROR, because=answer.error)
    if answer.blocked:
        return Grade(outcome=Outcome.FAILURE, because="blocked")
    return Grade(outcome=Outcome.UNSCORED, because="no grader could say")
