"""What is measured: the guard in process, or any target with graders that read its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

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

_JUDGED = "+judge"


class Subject(Protocol):
    """Answers samples. ``identity`` names everything that would have to change for the answers to change."""

    name: str

    @property
    def identity(self) -> Mapping[str, str]:
        """Digests by part: policy, weights, target, thresholds."""
        ...

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """One result a sample, in order. It raises for nothing that a sample holds: that is an ``error``."""
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

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """Check every sample; one with a reply is checked twice, so that what its input gave away is known."""
        whole = self._check([sample.exchange for sample in samples])
        replied = [place for place, sample in enumerate(samples) if sample.exchange.response is not None]
        inputs = self._check([Exchange(messages=samples[place].exchange.messages) for place in replied])
        before = dict(zip(replied, inputs, strict=True))
        return [
            self._result(suite, sample, decision, before.get(place))
            for place, (sample, decision) in enumerate(zip(samples, whole, strict=True))
        ]

    def _check(self, exchanges: list[Exchange]) -> list[Decision | InputError]:
        """Decisions in order; where the group fails, each by itself, so that one bad sample costs only itself."""
        try:
            return list(self.guard.check_many(exchanges))
        except InputError:
            return [self._alone(exchange) for exchange in exchanges]

    def _alone(self, exchange: Exchange) -> Decision | InputError:
        try:
            return self.guard.check(exchange)
        except InputError as error:
            return error

    def _result(
        self, suite: str, sample: Sample, decision: Decision | InputError, before: Decision | InputError | None
    ) -> Result:
        result = blank(suite, sample, self.guard.policy)
        if isinstance(decision, InputError) or isinstance(before, InputError):
            error = decision if isinstance(decision, InputError) else before
            return replace(result, outcome=Outcome.ERROR, error=str(error))
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
    """

    def __init__(
        self, target: Target, policy: Policy, *, graders: Sequence[Grader] = (), reader: StyleReader | None = None
    ) -> None:
        self.target = target
        self.policy = policy
        self.graders = tuple(graders)
        self.reader = reader
        self.name = target.name

    @property
    def identity(self) -> Mapping[str, str]:
        """The target, who grades it, and the policy whose styles are asked for."""
        return {
            "target": self.target.digest,
            "policy": self.policy.digest,
            "graders": "+".join(grader.name for grader in self.graders),
        }

    async def answer(self, suite: str, samples: Sequence[Sample]) -> list[Result]:
        """Ask, then grade what was neither blocked nor an error."""
        answers = await self.target.ask([sample.prompt for sample in samples])
        if len(answers) != len(samples):
            raise InputError(
                f"{len(answers)} answers for {len(samples)} prompts",
                place=self.target.name,
                repair="Repair the target.",
            )
        grades = await self._grade(samples, answers)
        styles = await self._styles(samples, answers, grades)
        return [
            self._result(suite, sample, answer, grades[place], styles[place])
            for place, (sample, answer) in enumerate(zip(samples, answers, strict=True))
        ]

    async def _grade(self, samples: Sequence[Sample], answers: Sequence[Answer]) -> list[Grade]:
        grades = [_known(answer) for answer in answers]
        for grader in self.graders:
            open_ = [place for place, grade in enumerate(grades) if grade.outcome is Outcome.UNSCORED]
            if not open_:
                break
            asked = [(samples[place].goal, samples[place].prompt, answers[place]) for place in open_]
            for place, grade in zip(open_, await grader.grade(asked), strict=True):
                grades[place] = grade
        return grades

    async def _styles(
        self, samples: Sequence[Sample], answers: Sequence[Answer], grades: Sequence[Grade]
    ) -> list[ResponseStyle | None]:
        styles: list[ResponseStyle | None] = [ResponseStyle.REFUSE if answer.blocked else None for answer in answers]
        open_ = [
            place for place, grade in enumerate(grades) if styles[place] is None and grade.outcome is not Outcome.ERROR
        ]
        if self.reader is not None and open_:
            read = await self.reader.styles([(samples[place], answers[place]) for place in open_])
            for place, style in zip(open_, read, strict=True):
                styles[place] = style
        return styles

    def _result(self, suite: str, sample: Sample, answer: Answer, grade: Grade, style: ResponseStyle | None) -> Result:
        stopped = grade.outcome is Outcome.FAILURE
        layer = (answer.layer or "provider") if answer.blocked else "model"
        guarded = () if answer.layer in ("", "provider") else ("input", "output")
        return replace(
            blank(suite, sample, self.policy),
            outcome=grade.outcome,
            action="block" if answer.blocked else "",
            layer=layer if stopped else "",
            layers=(*guarded, "model"),
            risk=answer.risk,
            shown=str(style) if style else "",
            error=answer.error or ("" if grade.outcome is not Outcome.UNSCORED else grade.because)[:200],
        )


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


def _known(answer: Answer) -> Grade:
    """What needs no grader: errors and blocks."""
    if answer.error:
        return Grade(outcome=Outcome.ERROR, because=answer.error)
    if answer.blocked:
        return Grade(outcome=Outcome.FAILURE, because="blocked")
    return Grade(outcome=Outcome.UNSCORED, because="no grader could say")
