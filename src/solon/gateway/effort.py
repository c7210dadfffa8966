"""One request's effort: planned from what the guard found, written for each upstream, metered, observed, recorded.

The router (``solon.engines.router``) decides; here its answer meets requests, streams and prices. Where a route has no
settings of effort, clients have their way, and refinement raises what they asked for by a step: where they asked for
none, nothing is added, for a model without reasoning refuses such a field.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlsplit

from solon.core.policy import Policy, Severity
from solon.engines.router.budget import UNCAPPED, Breach, Caps, Meter, Tally
from solon.engines.router.level import Level
from solon.engines.router.observe import Observed, observe
from solon.engines.router.plan import Plan, Signals, plan
from solon.engines.router.providers import Provider, providers
from solon.engines.router.send import Asked, Sent, asked, send, without_controls
from solon.gateway.config_effort import EffortSettings
from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.line import Line
from solon.gateway.prices import Prices
from solon.gateway.reply_stream import Halt
from solon.gateway.screen import Screening
from solon.gateway.wire import Ask, Channel, Event, Piece, Usage

ANSWER_NOW = "The limit set for thinking about this request is reached. Answer now, briefly, from what is certain."
_STEPS = ("none", "minimal", "low", "medium", "high")


@dataclass(slots=True, kw_only=True)
class Effort:
    """The effort of one request.

    Args:
        settings: the route's; ``None`` where it has none.
        prices: what tokens cost.
        session: what the conversation has used, shared by its requests.
    """

    settings: EffortSettings | None
    prices: Prices
    session: Tally = field(default_factory=Tally)
    asked: Asked = field(default_factory=Asked)
    answering: bool = False
    """A short answer is asked for, since the first one reached a cap before it began."""
    meter: Meter | None = None
    thought_chars: int = 0
    """Characters of reasoning that came."""
    level: Level | None = None
    """What the upstream was asked for, as its provider tells levels apart; ``None`` where that is not known."""
    provider: Provider | None = None
    model: str = ""
    """Its name at the upstream."""
    observed: Observed | None = None
    _sent: Sent | None = None
    _raised: str | None = None
    _plan: Plan | None = None
    _adjusted: str = ""
    _input: int = 0
    _breach: Breach | None = None
    _done: str = ""
    _metered: int = 0
    """Tokens of a first attempt that a short answer followed."""

    def plan(self, ask: Ask, signals: Signals, input_tokens: int) -> Refusal | None:
        """Decide before anything is sent; a refusal where the conversation has used up its cap and is refused so.

        Raises:
            WireError: of kind ``budget``, where it is not to be refused with a notice.
        """
        self.asked = asked(ask.body, providers().controls[ask.dialect])
        self._input = input_tokens
        if self.settings is None:
            return None
        policy = self.settings.policy
        self._plan = plan(policy, signals, self.asked.level)
        self.meter = Meter(caps=self._first_caps(), session_caps=policy.session, session=self.session)
        spent = policy.session.left(self.session).spent()
        if spent is None:
            return None
        cap, used = getattr(policy.session, spent), getattr(self.session, spent)
        self._breach, self._done = Breach(kind=spent, scope="session", cap=cap, used=used), "refused before it was sent"
        if self.settings.on_breach == "refuse":
            return Refusal(notice=self.settings.notice)
        raise WireError(
            f"this conversation has used up its {spent.replace('_', ' ')} ({cap:g})",
            repair="Begin a new conversation.",
            status=429,
            kind="budget",
        )

    def write(self, body: dict[str, Any], line: Line, model: str, *, refined: bool) -> dict[str, Any]:
        """A body for one upstream, with the effort that it is to be asked for.

        Raises:
            WireError: where its effort cannot be told and must be, or its price is not known and must be.
        """
        self.model, self._raised = model, None
        host = urlsplit(line.upstream.url or "").hostname or ""
        self.provider = providers().find(dialect=line.dialect, model=model, host=host, named=line.upstream.effort)
        if self.settings is None or self._plan is None:
            if refined:
                body, self._raised = raised(body, line.dialect)
            self._sent = Sent(body=body, value=self._raised or self.asked.words)
            self.level = self._as_it_stands(body, line.dialect)
            return body
        caps = self._caps(model)
        default = self.provider.default if self.provider is not None else None
        level, self._adjusted = self._plan.level(self.asked.level, default)
        if self.provider is None:
            body, level = self._unsupported(body, line.dialect, level)
        elif self.answering:
            level = self._plan.floor
        self._sent = send(
            body,
            level,
            provider=self.provider,
            table=providers(),
            dialect=line.dialect,
            tokens=None if self.answering else self.asked.tokens,
            caps=caps,
        )
        self.level = self._sent.level if self._sent.level is not None else self._as_it_stands(body, line.dialect)
        return self._sent.body

    def began(self) -> None:
        """An upstream has taken the request: its input is paid for."""
        if self.meter is not None:
            self.meter.spend_input()

    def hear(self, event: Event) -> Halt | None:
        """Take one event of a stream; how the stream must end, where a cap is reached."""
        pieces = [(fact.channel is Channel.REASONING, fact.text) for fact in event.facts if isinstance(fact, Piece)]
        self.thought_chars += sum(len(text) for thought, text in pieces if thought)
        if self.meter is None or self.settings is None:
            return None
        breach = self.meter.hear(pieces)
        if breach is None:
            return None
        self._breach, self._done = self._breach or breach, "stopped"
        if self.settings.on_breach == "refuse":
            self._done = "refused"
            return Halt(refusal=Refusal(notice=self.settings.notice))
        return Halt()

    @property
    def holds_reasoning(self) -> bool:
        """Whether nothing may leave before an answer begins, so that one can still be asked for."""
        if self.settings is None or self.meter is None or self.answering:
            return False
        return self.settings.on_breach == "answer" and bool(self.meter.caps or self.meter.session_caps)

    def answer_now(self) -> None:
        """Ask once more, for a short answer: it has a bound of its own, and its breach is a stop."""
        assert self.settings is not None and self.meter is not None  # noqa: S101
        self.answering, self._done = True, "answered after a cap"
        before = self.meter
        self._metered += before.own.output_tokens
        self.meter = Meter(caps=self._answer_caps(), session=self.session, own=Tally())
        self.meter.usd_a_token = before.usd_a_token

    def heard_whole(self, texts: Iterable[tuple[bool, str]], usage: Usage | None) -> Refusal | None:
        """Take a reply that came whole; a refusal where it is over a cap and is to be refused."""
        pieces = list(texts)
        self.thought_chars = sum(len(text) for thought, text in pieces if thought)
        self.saw(usage)
        if self.meter is None or self.settings is None:
            return None
        breach = self.meter.hear(pieces)
        if self.observed is not None and self.observed.output is not None:
            breach = self.meter.counted(reasoning=self.observed.reasoning, output=self.observed.output)
        if breach is None:
            return None
        self._breach, self._done = breach, "found when the reply was whole"
        if self.settings.on_breach != "refuse":
            return None
        self._done = "refused"
        return Refusal(notice=self.settings.notice)

    def saw(self, usage: Usage | None) -> Usage | None:
        """Take what the provider counted; the same with what it left out of its output."""
        cut_short = usage is None and self._breach is not None
        self.observed = observe(
            provider=self.provider,
            reasoning=usage.reasoning if usage else None,
            output=usage.output if usage else None,
            unaccounted=usage.unaccounted if usage else None,
            seen_chars=self.thought_chars,
            problems=("stopped at a cap before the provider had counted",)
            if cut_short
            else usage.problems
            if usage
            else (),
        )
        if usage is None or self.observed.output is None:
            return usage
        return replace(usage, output=self.observed.output, reasoning=self.observed.reasoning)

    def settle(self, usage: Usage | None) -> None:
        """The stream is over: what the provider counted more than the meter counts for the conversation too."""
        if self.meter is not None and usage is not None:
            self.meter.counted(reasoning=usage.reasoning, output=usage.output)

    def record(self) -> dict[str, Any]:
        """What the ledger keeps."""
        made: dict[str, Any] = {
            "requested": self.asked.words,
            "sent": self._sent_words(),
            "observed": self.observed.reasoning if self.observed else None,
            "level": None if self.level is None else str(self.level),
            "provider": self.provider.name if self.provider else None,
            "model": self.model,
            "table": providers().version,
            "thought_chars": self.thought_chars,
        }
        notes = [*(f"{name!r} is no level of effort" for name in self.asked.unknown)]
        notes += [*(self._sent.notes if self._sent else ())]
        problems = self.observed.problems if self.observed else ()
        plan = self._plan
        more: dict[str, Any] = {
            "floor": str(plan.floor) if plan else "",
            "reasons": list(plan.reasons) if plan else [],
            "adjusted": self._adjusted,
            "notes": notes,
            "problems": list(problems),
            "breach": str(self._breach) if self._breach else "",
            "scope": self._breach.scope if self._breach else "",
            "done": self._done,
            "metered": self._metered + (self.meter.own.output_tokens if self.meter else 0),
        }
        return made | {name: value for name, value in more.items() if value}

    def _sent_words(self) -> str | None:
        if self._sent is None:
            return None
        if self._sent.level is not None:
            return str(self._sent.level)
        return self._sent.value if self._sent.value is not None else self.asked.words

    def _as_it_stands(self, body: Mapping[str, Any], dialect: str) -> Level | None:
        """The level that a body asks for as the client wrote it, or the model's own where that is known."""
        if self.provider is None:
            return None
        level = asked(body, providers().controls[dialect]).level
        level = level if level is not None else self.provider.default
        return None if level is None else self.provider.nearest(level)

    def _unsupported(
        self, body: dict[str, Any], dialect: str, level: Level | None
    ) -> tuple[dict[str, Any], Level | None]:
        """What becomes of effort where nothing is known of the model: nothing is written, for it might not be taken.

        Raises:
            WireError: where the request must think and the operator wants that to be sure.
        """
        plan, self._adjusted = cast(Plan, self._plan), ""
        if plan.floor > Level.NONE and cast(EffortSettings, self.settings).on_unsupported == "refuse":
            raise WireError(
                "this request needs a model whose reasoning effort can be set",
                place="model",
                repair="Use another model, or ask the operator to name the upstream's provider.",
            )
        if self.asked.level is not None and self.asked.level < plan.floor:
            self._adjusted = "the wish for less than the floor was taken out"
            return without_controls(body, providers().controls[dialect]), level
        return body, level

    def _first_caps(self) -> Caps:
        settings = cast(EffortSettings, self.settings)
        caps = settings.policy.caps
        if settings.on_breach == "answer" and caps.output_tokens is not None:
            return replace(caps, output_tokens=caps.output_tokens - settings.answer_tokens)
        return caps

    def _answer_caps(self) -> Caps:
        settings = cast(EffortSettings, self.settings)
        return Caps(output_tokens=settings.answer_tokens)

    def _caps(self, model: str) -> Caps:
        """What a request to this model may still use, money turned into tokens of output.

        Raises:
            WireError: of kind ``budget``, where money is capped and the model has no price.
        """
        meter, settings = cast(Meter, self.meter), cast(EffortSettings, self.settings)
        session = UNCAPPED if self.answering else settings.policy.session.left(self.session)
        caps = meter.caps.left(meter.own).tighter(session)
        price = self.prices.of(model, prompt=self._input)
        if price is None:
            if caps.usd is not None:
                raise WireError(
                    f"model {model!r} has no price, so a cap in money cannot hold for it",
                    place="model",
                    repair="Ask the operator to add it to the gateway's price table.",
                    status=429,
                    kind="budget",
                )
            return caps
        meter.usd_a_token = price.output / 1e6
        meter.usd_input = self._input * price.input / 1e6
        if caps.usd is None or price.output == 0:
            return replace(caps, usd=None)
        room = max(1, int((caps.usd - meter.usd_input) * 1e6 / price.output))
        return Caps(reasoning_tokens=caps.reasoning_tokens, output_tokens=room).tighter(replace(caps, usd=None))


def signals_of(screening: Screening | None, policy: Policy | None, near: float) -> Signals:
    """What screening says that effort may follow; nothing where it only looks on.

    Args:
        screening: of the request.
        policy: the law it was judged by.
        near: share of the refinement threshold from which a rule counts as concerned.
    """
    if screening is None or policy is None or screening.shadow:
        return Signals()
    decision = screening.decision
    limit = decision.thresholds.refine if decision.thresholds else 0.0
    share = decision.risk / limit if limit > 0 else 0.0
    known = {rule.id: rule.severity for rule in policy.rules}
    concerned = {verdict.rule for verdict in decision.verdicts if limit > 0 and verdict.risk >= near * limit > 0}
    severities = [known[name] for name in {*concerned, *decision.rules} if name in known]
    past = screening.past
    return Signals(
        action=screening.action,
        near=share,
        severity=max(severities, key=list(Severity).index, default=None),
        undetermined=bool(decision.undetermined),
        refused_before=len(past.live()) + len(past.siblings) if past is not None else 0,
    )


def raised(body: dict[str, Any], dialect: str) -> tuple[dict[str, Any], str | None]:
    """A body for an upstream of a dialect with one step more effort, and that step's name; else as it was."""
    match dialect:
        case "openai_chat":
            more = _above(body.get("reasoning_effort"))
            return ({**body, "reasoning_effort": more}, more) if more else (body, None)
        case "openai_responses":
            reasoning = _held(body.get("reasoning"))
            more = _above(reasoning.get("effort"))
            return ({**body, "reasoning": {**reasoning, "effort": more}}, more) if more else (body, None)
        case "anthropic_messages":
            return _more_thinking(body)
        case _:
            return body, None


def _more_thinking(body: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Twice the tokens for thinking, as far as the bound on the reply has room for them and for an answer."""
    thinking = _held(body.get("thinking"))
    budget, most = thinking.get("budget_tokens"), body.get("max_tokens")
    if type(budget) is not int or type(most) is not int:
        return body, None
    more = min(2 * budget, budget + (most - budget) // 2)
    if more <= budget:
        return body, None
    return {**body, "thinking": {**thinking, "budget_tokens": more}}, str(more)


def _above(effort: Any) -> str | None:
    if effort not in _STEPS or effort == _STEPS[-1]:
        return None
    return _STEPS[max(_STEPS.index("medium"), _STEPS.index(effort) + 1)]


def _held(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
