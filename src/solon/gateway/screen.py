"""The input side of a request: what the client sends is judged, and the decision enforced as the operator chose.

Nothing that comes with a request chooses or skips a check: the screen is bound to the route and the key, and what is
judged is every text that the model would read. The client of a gateway is not its operator, so system and developer
messages are judged too; only that they set a role for the model is not held against them.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import InputError
from solon.core.exchange import Exchange, Role
from solon.core.policy import Policy
from solon.core.verdict import Verdict
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.stack import rule_family
from solon.gateway.bench import Bench, Silence
from solon.gateway.config_model import Checks, GatewayConfig, PolicySettings
from solon.gateway.court import Court, Heard, open_guard
from solon.gateway.dialects.base import Refusal
from solon.gateway.refine import guidance
from solon.gateway.reply_screen import Hearing, Outcome, ReplyScreen
from solon.gateway.reply_stream import Cut
from solon.gateway.session import Past, Sessions, session_verdicts
from solon.gateway.verdicts import VerdictCache, fingerprint
from solon.gateway.wire import Ask, Channel, Part, Reasoning, ToolCall, ToolResult
from solon.guard.guard import Guard
from solon.guard.segments import DOCUMENT, TEXT, Segment, input_segments
from solon.guard.stage1 import Scored

__all__ = ["Bench", "Cut", "Outcome", "ReplyScreen", "Screen", "Screening", "Shared", "open_screens"]

Variant = Literal["main", "canary"]
TOO_LONG = "This conversation is too long to be checked. Please begin a new one."
_NOWHERE = Segment(name="exchange", kind=TEXT, text="")
_TURN = re.compile(r"messages\[(\d+)\]")
_FRAME = frozenset({Role.SYSTEM, Role.DEVELOPER})
_NAME = 16


class Sender(Protocol):
    """Whose request it is: ``identity.Principal``."""

    @property
    def key_id(self) -> str:
        """The key's public id."""
        ...

    @property
    def tenant(self) -> str:
        """Whose key it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What is done with a request (``action``) and what the policy says to it (``decision``).

    They differ in shadow mode, where everything is permitted. ``other`` is what the variant not enforced decided.
    """

    action: Action
    decision: Decision
    refusal: Refusal | None = None
    guidance: str = ""
    effort: Literal["raise"] | None = None
    conversation: str = ""
    past: Past | None = None
    """What went before, where conversations are remembered."""
    asked: Exchange
    """What a reply answers."""
    shadow: bool = False
    variant: Variant = "main"
    other: Decision | None = None
    texts: int = 0
    """Texts of the request."""
    judged: int = 0
    """Those of them that were not known from before."""
    elapsed_ms: float = 0.0

    @property
    def session(self) -> Mapping[str, Any]:
        """What is remembered of the conversation, for records."""
        if self.past is None:
            return {}
        live = self.past.live()
        return {
            "turns": len(self.past.users),
            "refused": [{"turn": place, "ago": self.past.ago(place)} for place in live],
            "refused_here_before": len(self.past.siblings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all screens of a worker process share; it outlives a reload."""

    bench: Bench
    cache: VerdictCache
    sessions: Sessions | None = None
    """``None`` remembers nothing of conversations."""

    @classmethod
    def make(cls, config: GatewayConfig) -> "Shared":
        """As the configuration at the start of a worker says."""
        told = config.session
        sessions = Sessions(ttl_s=told.ttl_s, capacity=told.capacity) if told.enabled else None
        return cls(bench=Bench(), cache=VerdictCache(), sessions=sessions)


@dataclass(frozen=True, slots=True)
class _Ruling:
    decision: Decision
    judged: int
    newest: Scored | None


class Screen:
    """One policy of the configuration, with its guard and perhaps a second one on trial.

    Args:
        settings: what the operator chose.
        main: the guard of ``settings.pack``.
        canary: the guard of ``settings.canary``.
        sessions: what is remembered of conversations.
    """

    def __init__(
        self, settings: PolicySettings, main: Court, canary: Court | None = None, *, sessions: Sessions | None = None
    ) -> None:
        self.settings = settings
        self._sessions = sessions
        self._courts: dict[Variant, Court] = {"main": main}
        if canary is not None:
            self._courts["canary"] = canary

    def policy(self, variant: Variant = "main") -> Policy:
        """The law of a variant."""
        return self._courts[variant].guard.policy

    def guard(self, variant: Variant = "main") -> Guard:
        """The guard of a variant."""
        return self._courts[variant].guard

    @property
    def policy_digest(self) -> str:
        """Names the law of the main variant."""
        return self._courts["main"].guard.policy.digest

    @property
    def weights_digest(self) -> str:
        """Names the weights of the main variant."""
        return self._courts["main"].guard.weights.digest

    async def read(self, ask: Ask, principal: Sender, *, extra_texts: Sequence[str] = ()) -> Screening:
        """Judge a request before it goes to a model. ``extra_texts`` is what was read in its pictures.

        Whatever fails inside is undetermined, and decided by the operator's ``on_error``.
        """
        begun = time.perf_counter()
        try:
            screening = await self._read(ask, principal, extra_texts)
        except Exception as error:  # whatever it is, it must not let a request through unjudged
            missing = Silence(segment=_NOWHERE, because=f"{type(error).__name__}: {error}")
            decision = self._courts["main"].decide_now(Exchange(), [missing])
            screening = Screening(action=decision.action, decision=decision, asked=Exchange())
        elapsed_ms = 1e3 * (time.perf_counter() - begun)
        decision = replace(screening.decision, elapsed_ms=elapsed_ms)
        return self._enforced(replace(screening, decision=decision, elapsed_ms=elapsed_ms))

    async def _read(self, ask: Ask, principal: Sender, extra_texts: Sequence[str]) -> Screening:
        """What the policy says to a request, not yet enforced."""
        exchange = _exchange(ask, self.settings.screen)
        if self._sessions is not None and (response_id := ask.body.get("previous_response_id")) is not None:
            exchange = self._sessions.recall(principal.key_id, response_id, exchange)
        conversation = conversation_of(exchange, principal)
        variant = self._variant(conversation)
        court = self._courts[variant]
        past = None
        if self._sessions is not None:
            memory = self.settings.persistence.memory
            past = self._sessions.read(principal.key_id, exchange, court.notices, memory)
        try:
            segments = self._segments(ask, exchange, past, extra_texts)
        except InputError as error:
            return self._too_long(error, exchange, conversation, variant)
        ruling = await self._ruled(court, exchange, segments, past, principal)
        other = None
        if variant == "canary":
            other = await self._ruled(self._courts["main"], exchange, segments, past, principal)
        if past is not None and self.settings.mode == "enforce":
            self._remember(court, past, ruling)
        return Screening(
            action=ruling.decision.action,
            decision=ruling.decision,
            conversation=conversation,
            past=past,
            asked=past.asked() if past else exchange,
            variant=variant,
            other=other.decision if other else None,
            texts=len(segments),
            judged=ruling.judged + (other.judged if other else 0),
        )

    def reply(self, ask: Ask, screening: Screening) -> ReplyScreen:
        """For the reply to a request that was let through."""
        # What was let through on condition has less room: its reply is stopped where another would be refined.
        stops_at = Action.REFINE if screening.decision.action is Action.REFINE else Action.BLOCK
        names: list[Variant] = [screening.variant, *(["main"] if screening.variant == "canary" else [])]
        hearings = [Hearing(self._courts[name], screening.asked, stops_at) for name in names]
        past, sessions = screening.past, self._sessions
        enforce = self.settings.mode == "enforce"

        def remember(decision: Decision) -> None:
            if past is not None and sessions is not None and enforce:
                sessions.refused(past, hearings[0].court.found(decision), None)

        hidden = self.settings.reasoning == "hide"
        return ReplyScreen(
            hearings[0],
            checks=self.settings.screen,
            enforce=enforce,
            onlookers=tuple(hearings[1:]),
            unseen=frozenset({Channel.REASONING}) if hidden else frozenset(),
            on_cut=remember,
        )

    def answered(self, screening: Screening, principal: Sender, response_id: str) -> None:
        """A reply of that id goes out: a later request may refer to it instead of sending the conversation."""
        if self._sessions is not None:
            exchange = screening.past.exchange if screening.past is not None else screening.asked
            self._sessions.answered(principal.key_id, response_id, exchange)

    def _segments(self, ask: Ask, exchange: Exchange, past: Past | None, extra_texts: Sequence[str]) -> list[Segment]:
        """Everything that is judged.

        Raises:
            InputError: where it is too long.
        """
        checks = self.settings.screen
        segments = input_segments(exchange)
        if not checks.input:  # only what tools brought
            segments = [segment for segment in segments if segment.kind == DOCUMENT]
        elif past is not None:
            segments = past.segments(segments)
        return [*segments, *_frame_segments(exchange, ask, checks), *_picture_segments(extra_texts, checks)]

    def _variant(self, conversation: str) -> Variant:
        """The same for every turn of a conversation, whatever the client sends beside it."""
        canary = self.settings.canary
        if canary is None or "canary" not in self._courts:
            return "main"
        place = int.from_bytes(fingerprint("canary", conversation)[:8], "big") / 2**64
        return "canary" if place < canary.share else "main"

    async def _ruled(
        self,
        court: Court,
        exchange: Exchange,
        segments: Sequence[Segment],
        past: Past | None,
        principal: Sender,
    ) -> _Ruling:
        """What one guard decides."""
        spent = past.refused_segments() if past and self.settings.screen.input else []
        try:
            heard, judged = await court.hear([*segments, *spent], tenant=principal.tenant)
            current, earlier = heard[: len(segments)], _by_place(heard)
            newest = earlier.get(past.users[-1]) if past and past.users else None
            also: list[Verdict] = []
            if past is not None:
                guard = court.guard
                also = session_verdicts(guard.policy, guard.thresholds, past, newest, earlier)
            decision = await court.decide(exchange, [_as_sent(answer) for answer in current], also=also)
            return _Ruling(decision, judged, newest)
        except Exception as error:  # whatever it is, it must not let a request through unjudged
            missing = Silence(segment=_NOWHERE, because=f"{type(error).__name__}: {error}")
            return _Ruling(court.decide_now(exchange, [missing]), len(segments), None)

    def _remember(self, court: Court, past: Past, ruling: _Ruling) -> None:
        """A refusal of something that was found; what could not be judged is not held against anyone."""
        rules = court.found(ruling.decision)
        if ruling.decision.action is not Action.BLOCK or not rules or self._sessions is None:
            return
        newest = ruling.newest
        own = newest is not None and any(newest.risks.get(rule, 0.0) > court.guard.thresholds.refine for rule in rules)
        self._sessions.refused(past, rules, newest.summary if newest and own else None)

    def _enforced(self, screening: Screening) -> Screening:
        """With what follows for the client, which in shadow mode is nothing."""
        if self.settings.mode == "shadow":
            return replace(screening, action=Action.PERMIT, shadow=True)
        court = self._courts[screening.variant]
        match screening.action:
            case Action.BLOCK:
                return replace(screening, refusal=screening.refusal or court.refusal(screening.decision))
            case Action.REFINE:
                text = guidance(court.guard.policy, screening.decision.rules)
                return replace(screening, guidance=text, effort="raise")
            case Action.PERMIT:
                return screening

    def _too_long(self, error: InputError, exchange: Exchange, conversation: str, variant: Variant) -> Screening:
        """Blocked, also where the operator lets failures pass: a client must not be able to choose this one."""
        missing = Silence(segment=_NOWHERE, because=error.problem)
        decision = self._courts[variant].decide_now(exchange, [missing])
        return Screening(
            action=Action.BLOCK,
            decision=replace(decision, action=Action.BLOCK, because=error.problem),
            refusal=Refusal(notice=TOO_LONG),
            conversation=conversation,
            asked=exchange,
            variant=variant,
        )


def open_screens(config: GatewayConfig, shared: Shared) -> dict[str, Screen]:
    """A screen for every policy that checks anything, by name; weights are opened and proven, engines warmed up.

    Raises:
        SolonError: where a pack, weights or a judge cannot be used.
    """
    opened: dict[Any, Weights] = {}
    made: dict[str, Screen] = {}
    for name, settings in config.policies.items():
        if not any(settings.screen.model_dump().values()):
            continue  # nothing is ever judged under it: no engine takes memory
        main = Court(open_guard(settings, opened), settings, shared.bench, shared.cache)
        canary = None
        if settings.canary is not None:
            canary = Court(open_guard(settings, opened, canary=True), settings, shared.bench, shared.cache)
        for court in (main, canary):
            if court is not None:
                court.guard.check(_WARMING)
        made[name] = Screen(settings, main, canary, sessions=shared.sessions)
    return made


_WARMING = "What a fine morning for a walk by the river."


def _exchange(ask: Ask, checks: Checks) -> Exchange:
    """What of the request is judged, as messages."""
    if checks.tools and checks.reasoning:
        return ask.exchange()
    left_out: tuple[type[Part], ...] = ()
    if not checks.tools:
        left_out += (ToolCall, ToolResult)
    if not checks.reasoning:
        left_out += (Reasoning,)
    turns = tuple(
        replace(turn, parts=tuple(part for part in turn.parts if not isinstance(part, left_out))) for turn in ask.turns
    )
    return replace(ask, turns=turns).exchange()


def _by_place(heard: Sequence[Heard]) -> dict[int, Scored]:
    """What was found about user turns, by their place in the conversation."""
    found: dict[int, Scored] = {}
    for answer in heard:
        if (
            isinstance(answer, Scored)
            and answer.segment.kind == TEXT
            and (match := _TURN.fullmatch(answer.segment.name))
        ):
            found[int(match[1])] = answer
    return found


def _frame_segments(exchange: Exchange, ask: Ask, checks: Checks) -> list[Segment]:
    """System and developer messages, and what the tools on offer say of themselves."""
    made: list[Segment] = []
    if checks.input:
        made += [
            Segment(name=f"frame[{number}]", kind=TEXT, text=message.content)
            for number, message in enumerate(exchange.messages)
            if message.role in _FRAME
        ]
    if checks.tools:
        for number, tool in enumerate(ask.tools):
            text = "\n".join([tool.description, *_descriptions(tool.schema)]).strip()
            if text:
                made.append(Segment(name=f"tools[{number}]", kind=DOCUMENT, text=text))
    return made


def _descriptions(schema: object, *, depth: int = 12) -> list[str]:
    """Every ``description`` in a JSON schema, which a model reads as well as the tool's own."""
    if depth == 0:
        return []
    found: list[str] = []
    if isinstance(schema, dict):
        for key, value in cast("dict[str, object]", schema).items():
            if key == "description" and isinstance(value, str):
                found.append(value)
            else:
                found += _descriptions(value, depth=depth - 1)
    elif isinstance(schema, list):
        for value in cast("list[object]", schema):
            found += _descriptions(value, depth=depth - 1)
    return found


def _picture_segments(texts: Sequence[str], checks: Checks) -> list[Segment]:
    """What stands in a picture may be the user's own words or somebody else's: it is judged as both."""
    kinds = [*([TEXT] if checks.input else []), *([DOCUMENT] if checks.tools or checks.input else [])]
    return [
        Segment(name=f"images[{number}]", kind=kind, text=text)
        for number, text in enumerate(texts)
        for kind in kinds
        if text.strip()
    ]


def _as_sent(answer: Heard) -> Heard:
    """A system message may give the model a role and rules of its own: that alone is no attack on it."""
    if isinstance(answer, Silence) or not answer.segment.name.startswith("frame["):
        return answer
    return replace(
        answer, risks={rule: risk if rule_family(rule) == "harm" else 0.0 for rule, risk in answer.risks.items()}
    )


def conversation_of(exchange: Exchange, principal: Sender) -> str:
    """Names a conversation by its key and how it began: everything up to the end of its first user turn."""
    parts = [principal.key_id]
    for message in exchange.messages:
        parts += [message.role.value, message.content]
        if message.role is Role.USER:
            break
    return fingerprint("conversation", *parts).hex()[: 2 * _NAME]
