"""The input side of a request: what the client sends is judged, and the decision enforced as the operator chose.

Nothing that comes with a request chooses or skips a check: the screen is bound to the route and the key, and what is
judged is every text that the model would read. The client of a gateway is not its operator, so system and developer
messages are judged too; only that they set a role for the model is not held against them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.errors import InputError
from solon.core.exchange import Exchange, Role
from solon.core.policy import Policy
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.stack import rule_family
from solon.gateway.bench import Bench, Silence
from solon.gateway.config_model import Checks, GatewayConfig, PolicySettings
from solon.gateway.court import Court, Heard, open_guard
from solon.gateway.dialects.base import Refusal
from solon.gateway.refine import guidance
from solon.gateway.reply_screen import Hearing, Outcome, ReplyScreen
from solon.gateway.reply_stream import Cut
from solon.gateway.verdicts import VerdictCache, fingerprint
from solon.gateway.wire import Ask, Channel, Part, Reasoning, ToolCall, ToolResult
from solon.guard.segments import DOCUMENT, TEXT, Segment, input_segments

__all__ = ["Bench", "Cut", "Outcome", "ReplyScreen", "Screen", "Screening", "Shared", "open_screens"]

Variant = Literal["main", "canary"]
TOO_LONG = "This conversation is too long to be checked. Please begin a new one."
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
    session: Mapping[str, Any]
    shadow: bool = False
    variant: Variant = "main"
    other: Decision | None = None
    texts: int = 0
    """Texts of the request."""
    judged: int = 0
    """Those of them that were not known from before."""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all screens of a worker process share; it outlives a reload."""

    bench: Bench
    cache: VerdictCache


class Screen:
    """One policy of the configuration, with its guard and perhaps a second one on trial.

    Args:
        settings: what the operator chose.
        main: the guard of ``settings.pack``.
        canary: the guard of ``settings.canary``.
    """

    def __init__(self, settings: PolicySettings, main: Court, canary: Court | None = None) -> None:
        self.settings = settings
        self._courts: dict[Variant, Court] = {"main": main}
        if canary is not None:
            self._courts["canary"] = canary

    def policy(self, variant: Variant = "main") -> Policy:
        """The law of a variant."""
        return self._courts[variant].guard.policy

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
        exchange = _exchange(ask, self.settings.screen)
        conversation = _conversation(exchange, principal)
        variant = self._variant(conversation)
        try:
            segments = [
                *(input_segments(exchange) if self.settings.screen.input else _third_party(exchange)),
                *_frame_segments(exchange, ask, self.settings.screen),
                *_picture_segments(extra_texts, self.settings.screen),
            ]
        except InputError as error:
            return self._too_long(error, exchange, conversation, variant)
        decision, judged = await self._decided(self._courts[variant], exchange, segments, principal)
        other = None
        if variant == "canary":
            other, more = await self._decided(self._courts["main"], exchange, segments, principal)
            judged += more
        elapsed_ms = 1e3 * (time.perf_counter() - begun)
        screening = Screening(
            action=decision.action,
            decision=replace(decision, elapsed_ms=elapsed_ms),
            conversation=conversation,
            session={},
            variant=variant,
            other=other,
            texts=len(segments),
            judged=judged,
            elapsed_ms=elapsed_ms,
        )
        return self._enforced(screening)

    def reply(self, ask: Ask, screening: Screening) -> ReplyScreen:
        """For the reply to a request that was let through."""
        exchange = _exchange(ask, self.settings.screen)
        # What was let through on condition has less room: its reply is stopped where another would be refined.
        stops_at = Action.REFINE if screening.decision.action is Action.REFINE else Action.BLOCK
        names: list[Variant] = [screening.variant, *(["main"] if screening.variant == "canary" else [])]
        hearings = [Hearing(self._courts[name], exchange, stops_at) for name in names]
        hidden = self.settings.reasoning == "hide"
        return ReplyScreen(
            hearings[0],
            checks=self.settings.screen,
            enforce=self.settings.mode == "enforce",
            onlookers=tuple(hearings[1:]),
            unseen=frozenset({Channel.REASONING}) if hidden else frozenset(),
        )

    def _variant(self, conversation: str) -> Variant:
        """The same for every turn of a conversation, whatever the client sends beside it."""
        canary = self.settings.canary
        if canary is None or "canary" not in self._courts:
            return "main"
        place = int.from_bytes(fingerprint("canary", conversation)[:8], "big") / 2**64
        return "canary" if place < canary.share else "main"

    async def _decided(
        self, court: Court, exchange: Exchange, segments: Sequence[Segment], principal: Sender
    ) -> tuple[Decision, int]:
        """The decision of one guard, and how many texts had to be judged for it."""
        try:
            heard, judged = await court.hear(segments, tenant=principal.tenant)
            return await court.decide(exchange, [_as_sent(answer) for answer in heard]), judged
        except Exception as error:  # whatever it is, it must not let a request through unjudged
            missing = Silence(segment=Segment(name="exchange", kind=TEXT, text=""), because=_said(error))
            return court.decide_now(exchange, [missing]), len(segments)

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
        missing = Silence(segment=Segment(name="exchange", kind=TEXT, text=""), because=error.problem)
        decision = self._courts[variant].decide_now(exchange, [missing])
        return self._enforced(
            Screening(
                action=Action.BLOCK,
                decision=replace(decision, action=Action.BLOCK, because=error.problem),
                refusal=Refusal(notice=TOO_LONG),
                conversation=conversation,
                session={},
                variant=variant,
            )
        )


def open_screens(config: GatewayConfig, shared: Shared) -> dict[str, Screen]:
    """A screen for every policy, by name. Takes seconds: weights are opened and proven, engines warmed up.

    Raises:
        SolonError: where a pack, weights or a judge cannot be used.
    """
    opened: dict[Any, Weights] = {}
    made: dict[str, Screen] = {}
    for name, settings in config.policies.items():
        main = Court(open_guard(settings, opened), settings, shared.bench, shared.cache)
        canary = None
        if settings.canary is not None:
            canary = Court(open_guard(settings, opened, canary=True), settings, shared.bench, shared.cache)
        for court in (main, canary):
            if court is not None:
                court.guard.check(_WARMING)
        made[name] = Screen(settings, main, canary)
    return made


_WARMING = "What a fine morning for a walk by the river."


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


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


def _third_party(exchange: Exchange) -> list[Segment]:
    """Only what tools brought: the operator has turned the check of what clients say off."""
    return [segment for segment in input_segments(exchange) if segment.kind == DOCUMENT]


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


def _conversation(exchange: Exchange, principal: Sender) -> str:
    """Names a conversation by its key and how it began: everything up to the end of its first user turn."""
    parts = [principal.key_id]
    for message in exchange.messages:
        parts += [message.role.value, message.content]
        if message.role is Role.USER:
            break
    return fingerprint("conversation", *parts).hex()[: 2 * _NAME]
