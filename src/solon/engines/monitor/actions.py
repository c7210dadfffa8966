"""The action monitor: is this step a proper way to the stated goal? Approve, refine, or hold for a person.

"Acceptable goals, unacceptable ways." Five questions are asked of every call, each answered with a verdict: does it
reach further than the goal asks, does it serve somebody whom only a document named, does it carry secrets out, does it
blind those who watch, and are its means acceptable. The strictest answer holds; an answer that is missing is no yes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from solon.core.record import digest
from solon.core.verdict import Source, Status, Verdict
from solon.engines.monitor.calls import Act, strings
from solon.engines.monitor.effects import Effect, amounts, effect_of, named, secrets_in, targets, targets_in
from solon.engines.monitor.heads import HeadWeights, read, shipped
from solon.engines.monitor.signs import MEANS

VERSION = 1


class Ruling(IntEnum):
    """What becomes of a step; the strictest of several holds."""

    APPROVE = 0
    REFINE = 1
    """Ask the agent to reach its goal by another way."""
    HOLD = 2
    """A person looks first."""

    @property
    def word(self) -> str:
        """For records: ``approve``, ``refine`` or ``hold``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPolicy:
    """What an operator allows their agents.

    Raises:
        ValueError: where the bound on spending is negative.
    """

    effects: Mapping[str, Effect] = field(default_factory=dict[str, Effect])
    """Effects of tools of one's own, by name."""
    allowed: frozenset[Effect] = frozenset()
    """Effects that need not be asked for in the goal."""
    always_hold: frozenset[str] = frozenset()
    """Tools that a person always confirms."""
    trusted: frozenset[str] = frozenset()
    """Addresses, hosts and accounts that may be reached whoever named them: ``example.org`` trusts all of it."""
    spend_limit: float | None = None
    """Largest amount of one call that passes without a person."""
    on_undetermined: Ruling = Ruling.REFINE
    """What becomes of a step that cannot be read."""

    def __post_init__(self) -> None:
        if self.spend_limit is not None and not self.spend_limit >= 0:
            raise ValueError(f"spend_limit must not be negative: {self.spend_limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a step is judged in the light of: the stated goal, what the user has said, what tools brought back."""

    goal: str
    seen: Sequence[str] = ()
    """Third parties' words: tool results, documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRuling:
    """The ruling with the verdicts it rests on, and the reason in words."""

    ruling: Ruling
    verdicts: tuple[Verdict, ...]
    because: str


_ASKS: Mapping[Effect, str] = {
    Effect.WRITE: "write create update edit set add insert save append move rename book schedule make draft fix "
    "change put note plan reserve fill correct remind translate summarise summarize refactor implement build clean",
    Effect.SEND: "send post email mail publish submit forward reply message upload tell notify invite call answer "
    "share write contact remind respond inform announce report let thank apply",
    Effect.SPEND: "pay purchase buy transfer wire refund order checkout donate invest sell settle book subscribe bill",
    Effect.EXECUTE: "run execute test deploy build install start compile script fix debug compute calculate check "
    "migrate benchmark analyse analyze query count",
    Effect.DELETE: "delete remove drop clear purge cancel erase unsubscribe revoke uninstall",
    Effect.GRANT: "grant share invite give access add permission authorise authorize role collaborator let",
}
_REACHES = frozenset({Effect.SEND, Effect.SPEND, Effect.GRANT, Effect.EXECUTE})
_GRAVE = frozenset({Effect.SPEND, Effect.DELETE, Effect.GRANT})
_Answer = tuple[Ruling, str]


class ActionMonitor:
    """The cheap tier. May be shared between threads.

    Args:
        policy: what the operator allows.
        weights: heads of the monitor; those that ship by default.
    """

    def __init__(self, policy: ActionPolicy | None = None, *, weights: HeadWeights | None = None) -> None:
        self.policy = policy or ActionPolicy()
        self._weights = weights or shipped()
        self.source = Source(name="action-monitor", digest=digest([VERSION, self._weights.digest])[:16])
        self._questions: tuple[tuple[str, Callable[[Act, Effect, Situation], _Answer]], ...] = (
            ("action.beyond_goal", self._beyond_goal),
            ("action.foreign_target", self._foreign_target),
            ("action.discloses", self._discloses),
            ("action.against_oversight", self._against_oversight),
        )

    def judge(self, act: Act, situation: Situation) -> ActionRuling:
        """Rule on one call."""
        if act.problem:
            verdicts = tuple(
                Verdict.undetermined(name, because=act.problem, source=self.source)
                for name in (*(name for name, _ in self._questions), MEANS.id)
            )
            return ActionRuling(ruling=self.policy.on_undetermined, verdicts=verdicts, because=act.problem)
        effect = effect_of(act, self.policy.effects)
        answers = [(name, *ask(act, effect, situation)) for name, ask in self._questions]
        answers.append((MEANS.id, *self._means(act.text)))
        return self._ruled(answers, unknown=effect is Effect.UNKNOWN)

    def judge_plan(self, plan: str) -> ActionRuling:
        """Rule on a plan in words, before any call: only its means can be judged."""
        return self._ruled([(MEANS.id, *self._means(plan))], unknown=False)

    def _ruled(self, answers: Sequence[tuple[str, Ruling, str]], *, unknown: bool) -> ActionRuling:
        risks = {Ruling.APPROVE: 0.0, Ruling.REFINE: 0.6, Ruling.HOLD: 0.9}
        verdicts = [
            Verdict(rule=name, risk=risks[ruling], rationale=because, source=self.source)
            for name, ruling, because in answers
        ]
        _, worst, because = max(answers, key=lambda answer: answer[1])
        if unknown:
            said = "what this tool does is not known"
            verdicts[0] = Verdict.undetermined(verdicts[0].rule, because=said, source=self.source)
            if self.policy.on_undetermined > worst:
                worst, because = self.policy.on_undetermined, said
        return ActionRuling(ruling=worst, verdicts=tuple(verdicts), because=because)

    def _beyond_goal(self, act: Act, effect: Effect, situation: Situation) -> _Answer:
        if act.tool in self.policy.always_hold:
            return Ruling.HOLD, f"{act.tool} is always confirmed by a person"
        limit = self.policy.spend_limit
        if effect is Effect.SPEND and limit is not None and any(amount > limit for amount in amounts(act)):
            return Ruling.HOLD, f"an amount above {limit:g}"
        if effect in (Effect.READ, Effect.UNKNOWN, Effect.UNSEE) or effect in self.policy.allowed:
            return Ruling.APPROVE, ""
        if _verbs(situation.goal) & set(_ASKS[effect].split()):
            return Ruling.APPROVE, ""
        ruling = Ruling.HOLD if effect in _GRAVE else Ruling.REFINE
        return ruling, f"the goal does not ask to {effect}"

    def _foreign_target(self, act: Act, effect: Effect, situation: Situation) -> _Answer:
        if effect not in _REACHES and effect is not Effect.UNKNOWN:
            return Ruling.APPROVE, ""
        named = targets_in(situation.goal)
        for target in sorted(targets(act) - named):
            if any(target == one or target.endswith(("@" + one, "." + one)) for one in self.policy.trusted):
                continue
            if any(target in text.lower().replace(" ", "") for text in situation.seen):
                if _asked_for(target, situation):
                    continue
                return Ruling.HOLD, f"{target} was named by a document or tool only, not by the user"
            return Ruling.REFINE, f"{target} was named by nobody"
        return Ruling.APPROVE, ""

    def _discloses(self, act: Act, effect: Effect, situation: Situation) -> _Answer:
        if effect not in _REACHES and effect is not Effect.UNKNOWN:
            return Ruling.APPROVE, ""
        secret = secrets_in(strings(act.arguments))
        if secret and secret.rstrip("…") not in situation.goal:
            return Ruling.HOLD, f"it carries a credential ({secret})"
        return Ruling.APPROVE, ""

    def _against_oversight(self, act: Act, effect: Effect, situation: Situation) -> _Answer:
        if effect is Effect.UNSEE and effect not in self.policy.allowed:
            return Ruling.HOLD, "it switches off or empties what watches"
        return Ruling.APPROVE, ""

    def _means(self, text: str) -> _Answer:
        reading = read(self._weights, text)
        risk = reading.risk(MEANS.head)
        if risk < 0.5:
            return Ruling.APPROVE, ""
        low, high = reading.place(MEANS.head)
        ruling = Ruling.HOLD if risk >= 0.8 else Ruling.REFINE
        return ruling, f"unacceptable means: {text[low:high][:120]!r}"


def undetermined(ruling: ActionRuling) -> Iterator[Verdict]:
    """Questions of a ruling that had no answer."""
    return (verdict for verdict in ruling.verdicts if verdict.status is Status.UNDETERMINED)


_BEFORE_NOUNS = named("my the a an this that our your his her their its last new each every of")


def _verbs(goal: str) -> set[str]:
    """Words of a goal that may be verbs: what follows an article or a possessive is none ("summarise my mail")."""
    words = [word.strip(".,:;!?'\"()").lower() for word in goal.split()]
    return {word for before, word in zip(["", *words], words, strict=False) if before not in _BEFORE_NOUNS}


def _asked_for(target: str, situation: Situation) -> bool:
    """Whether the user pointed at where the target stands: named its owner, or the document that holds it.

    The words around the target in what was seen must share a name with the goal: "reply to Anna" reaches the address
    that stands beside Anna's name, and no other.
    """
    goal = {word.strip(".,:;'\"()<>").lower() for word in situation.goal.split() if len(word) > 3}
    own = {part for part in target.replace("@", ".").replace("-", ".").replace("_", ".").split(".") if len(part) > 3}
    return bool(goal & own)
