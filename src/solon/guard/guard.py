"""The guard: an exchange in, a decision out.

Stage 1 scores every text of the exchange, stage 2 joins the engines into one risk a rule, the judge, where there is
one, speaks on the uncertain band, and ``decide`` does the rest. A reply is judged as it would stream (see ``stream``).
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from solon.core import registry
from solon.core.decision import Decision, Thresholds
from solon.core.errors import SolonError
from solon.core.exchange import Exchange
from solon.core.policy import Policy
from solon.core.protocols import Classifier
from solon.core.verdict import Source, Verdict
from solon.engines.classifiers.weights import Weights, load_weights
from solon.engines.ensemble.calibration import Calibration
from solon.engines.judge import Judge
from solon.engines.normalize import Budget
from solon.guard.combine import consult, worst_by_rule
from solon.guard.decide import decide
from solon.guard.segments import input_segments
from solon.guard.selftest import require_sound
from solon.guard.stage1 import Scored, Stage1
from solon.guard.stream import Stream, calm
from solon.policies.loader import load_policy

_BULK = 32


class Guard:
    """Judges exchanges against one policy. Thread safe; the weights are opened on first use.

    Args:
        policy: a policy, the name of a built-in pack, or the path of a pack.
        weights: a folder of weights, or weights that are open already; the shipped ones by default.
        judge: speaks where the classifiers are uncertain (``uncertain``), at a cost of a model call.
        classifiers: more engines, each with the rules it speaks on; those that installed packages register under
            ``solon.classifiers`` by default, none with ``()``.
        budget: limits of the normalizer for each text.
        cascade: leave the encoder out where the cheap engine is certain; off only to measure.
    """

    def __init__(
        self,
        policy: Policy | str | Path = "baseline",
        *,
        weights: Path | Weights | None = None,
        judge: Judge | None = None,
        classifiers: Sequence[Classifier] | None = None,
        budget: Budget | None = None,
        cascade: bool = True,
    ) -> None:
        self.policy = policy if isinstance(policy, Policy) else load_policy(policy)
        self.weights: Weights = weights if isinstance(weights, Weights) else load_weights(weights)
        if self.weights is not weights:
            require_sound(self.weights)
        self.judge = judge
        self.classifiers = registered(self.policy) if classifiers is None else tuple(classifiers)
        self.stage1 = Stage1(self.policy, self.weights, budget=budget, cascade=cascade)
        self.calibration = Calibration.read(self.weights.manifest["calibration"])
        self.thresholds: Thresholds = self.calibration.thresholds(self.policy.benign_budget)
        self.uncertain: tuple[float, float] = (
            self.calibration.threshold(self.weights.manifest["ensemble"]["judge_share"]),
            self.calibration.worst[0],
        )

    @cached_property
    def source(self) -> Source:
        """What the stage-1 verdicts say they rest on."""
        return Source(name="stage1", digest=self.weights.digest[:16])

    @property
    def whole_readers(self) -> bool:
        """Whether a further engine or the judge reads replies whole."""
        return bool(self.classifiers) or self.judge is not None

    def check(self, exchange: Exchange | str) -> Decision:
        """Judge an exchange, or a text as a user would send it.

        Raises:
            InputError: for what cannot be judged whole (``guard.segments.LONGEST``).
        """
        return next(self.check_many([exchange]))

    def check_many(self, exchanges: Iterable[Exchange | str]) -> Iterator[Decision]:
        """Judge many exchanges in their order, a group at a time."""
        waiting = iter(exchanges)
        while group := [as_exchange(item) for item in islice(waiting, _BULK)]:
            yield from self._check_group(group)

    def stream(self, exchange: Exchange | str) -> Stream:
        """Judge a reply piece by piece; ``exchange`` is what it answers, its ``response`` is ignored."""
        return Stream(self, as_exchange(exchange))

    def score(self, exchange: Exchange | str) -> list[Scored]:
        """The scored segments of an exchange's input, for explanations and calibration."""
        return self.stage1.score(input_segments(as_exchange(exchange)))

    def calm(self, scored: Scored) -> bool:
        """Whether a judgement is far from anything a rule could ask for; never while others have a say."""
        return not self.classifiers and calm(scored)

    def _check_group(self, group: Sequence[Exchange]) -> Iterator[Decision]:
        started = time.perf_counter()
        parts = [input_segments(exchange) for exchange in group]
        scored = self.stage1.score([segment for segments in parts for segment in segments])
        each_ms = 1e3 * (time.perf_counter() - started) / len(group)
        first = 0
        for exchange, segments in zip(group, parts, strict=True):
            begun = time.perf_counter()
            own = scored[first : first + len(segments)]
            first += len(segments)
            if exchange.response is not None:
                stream = Stream(self, exchange, scored=own)
                stream.push(exchange.response)
                stream.finish()
                own = [*own, *stream.scored]
            decision = self.conclude(exchange, own)
            yield replace(decision, elapsed_ms=each_ms + 1e3 * (time.perf_counter() - begun))

    def conclude(
        self,
        exchange: Exchange,
        scored: Sequence[Scored],
        *,
        also: Sequence[Verdict] = (),
        policy: Policy | None = None,
    ) -> Decision:
        """From scored segments to the decision: verdicts, further engines, the judge, ``decide``.

        Args:
            exchange: what the segments are of.
            scored: the segments that were judged.
            also: verdicts from elsewhere, such as those on segments that could not be judged.
            policy: the law with other actions than the guard's own, by which to decide.
        """
        verdicts = worst_by_rule(self.policy, scored, self.source)
        for classifier in self.classifiers:
            verdicts += _heard(classifier, exchange)
        if self.judge is not None:
            readings = [view.text for part in scored for view in part.views[1:]]
            verdicts = consult(self.judge, exchange, verdicts, self.uncertain, readings=readings)
        decision = decide(policy or self.policy, [*verdicts, *also], self.thresholds)
        return replace(
            decision,
            policy_digest=self.policy.digest,
            weights_digest=self.weights.digest,
            n_views=sum(len(part.views) for part in scored),
            notes=_notes(scored),
        )


def as_exchange(item: Exchange | str) -> Exchange:
    """A bare text stands for one user turn."""
    return Exchange.of(item) if isinstance(item, str) else item


def registered(policy: Policy) -> tuple[Classifier, ...]:
    """What installed packages add to the guard, in order of name.

    An entry point of the group ``solon.classifiers`` names a callable, a class say, that takes the policy and returns a
    ``Classifier`` for it, or ``None`` where it has nothing to say about its rules.

    Raises:
        SolonError: where one cannot be loaded or made: a guard does not start with an engine missing.
    """
    made: list[Classifier] = []
    for name, make in registry.load(registry.CLASSIFIERS).items():
        place = f"entry point {registry.CLASSIFIERS}:{name}"
        try:
            classifier: Any = make(policy)
        except Exception as error:
            problem = f"cannot be made: {type(error).__name__}: {error}"
            raise SolonError(problem, place=place, repair="Repair or uninstall its package.") from error
        if classifier is not None and not isinstance(classifier, Classifier):
            problem = f"made a {type(classifier).__name__}, expected a classifier with name, rules and judge"
            raise SolonError(problem, place=place, repair="Check it with solon.testing.check_classifier.")
        if classifier is not None:
            made.append(classifier)
    return tuple(made)


def _heard(classifier: Classifier, exchange: Exchange) -> list[Verdict]:
    """A further engine's verdicts; whatever goes wrong in it, or is left out by it, is undetermined, never safe."""
    heard: list[Verdict] = []
    because = "the engine left it out"
    try:
        heard = list(classifier.judge(exchange))
        answered = {verdict.rule for verdict in heard}
    except Exception as error:  # an engine of anyone's may fail in any way
        because, answered = f"{type(error).__name__}: {error}", set[str]()
    source = Source(name=classifier.name)
    missing = [rule for rule in classifier.rules if rule not in answered]
    return heard + [Verdict.undetermined(rule, because=because, source=source) for rule in missing]


def _notes(scored: Sequence[Scored]) -> tuple[str, ...]:
    notes: list[str] = []
    for part in scored:
        notes += [f"{part.segment.name}[{start}:{end}]: unscannable" for start, end in part.unscannable]
        if part.exhausted:
            notes.append(f"{part.segment.name}: decoding stopped, budget {part.exhausted} ran out")
    return tuple(notes)
