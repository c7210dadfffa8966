"""What a request asks of effort, read from its body, and what is written there instead, never in place.

Where a level is written, every other field of the dialect that steers effort is taken out: a request must not say
``high`` in one field and switch thinking off in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from solon.engines.router.budget import UNCAPPED, Caps
from solon.engines.router.level import Level
from solon.engines.router.providers import Provider, Providers

_OUTPUT_FIELDS = {
    "openai_chat": ("max_completion_tokens", "max_tokens"),
    "openai_responses": ("max_output_tokens",),
    "anthropic_messages": ("max_tokens",),
}
_LEAST_ANSWER = 256
"""Tokens that a reply keeps for its answer beside a budget for thinking."""
_OFF = (False, "disabled", "none", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asked for. ``words`` is as it wrote it, for records; ``unknown`` are names that are no level."""

    level: Level | None = None
    tokens: int | None = None
    words: str | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A body ready to go, and what it asks for."""

    body: dict[str, Any]
    level: Level | None = None
    """``None``: effort is as the client wrote it, or the model's own."""
    value: str | None = None
    """As the provider is told it."""
    notes: tuple[str, ...] = ()
    """What was changed beyond the level: clamps, bounds."""


def asked(body: Mapping[str, Any], controls: Mapping[str, str]) -> Asked:
    """Read every field that steers effort; where they contradict each other the most thought is what was asked for."""
    levels: list[Level] = []
    written: list[str] = []
    unknown: list[str] = []
    tokens: int | None = None
    for path, kind in controls.items():
        value = _get(body, path)
        if value is None:
            continue
        if kind == "name" and isinstance(value, str):
            level = Level.named(value)
            written.append(value)
            levels += [level] if level is not None else []
            unknown += [value[:40]] if level is None else []
        elif kind == "tokens" and type(value) is int and value >= 0:
            tokens = max(value, tokens or 0)
            written.append(f"{value} tokens")
            levels.append(Level.of_tokens(value))
        elif kind == "switch" and value in _OFF:
            written.append("off")
            levels.append(Level.NONE)
        elif kind == "switch" and (value is True or value in ("enabled", "adaptive", "auto")):
            pass  # thinking, as much as the model likes
        else:
            unknown.append(f"{path}={value!r}"[:40])
    words = ", ".join(dict.fromkeys([*written, *(name for name in unknown if name not in written)])) or None
    return Asked(level=max(levels, default=None), tokens=tokens, words=words, unknown=tuple(unknown))


def send(
    body: dict[str, Any],
    level: Level | None,
    *,
    provider: Provider | None,
    table: Providers,
    dialect: str,
    tokens: int | None = None,
    caps: Caps = UNCAPPED,
) -> Sent:
    """A body that asks for ``level``, bounded by ``caps``.

    Args:
        body: a request in the upstream's dialect.
        level: what to ask for; ``None`` leaves the fields of effort as they are.
        provider: how that is said; ``None`` where it cannot be.
        table: the fields that steer effort.
        dialect: the upstream's.
        tokens: a budget that the client stated, kept where it is higher than the level's own.
        caps: bounds on reasoning and output; money must have been turned into tokens.
    """
    notes: list[str] = []
    value: str | None = None
    reached: Level | None = None
    if level is not None and provider is not None:
        reached = provider.nearest(level)
        if reached != level:
            notes.append(f"{level} is sent as {reached}: {provider.name} has no such level")
        body = without_controls(body, table.controls.get(dialect, {}))
        fields = dict(provider.values[reached])
        if provider.budget is not None and provider.budget in fields:
            fields[provider.budget] = _budget(fields[provider.budget], provider, tokens, caps, notes)
        for path, said in fields.items():
            body = _put(body, path, said)
        value = ", ".join(f"{path}={_shown(said)}" for path, said in fields.items())
    elif level is not None:
        notes.append("nothing is known of how this model is told its effort: nothing was sent")
    body = _bounded(body, dialect, caps.output_tokens, notes)
    if provider is not None and provider.budget == "thinking.budget_tokens":
        body = _with_room(body, caps, notes)
    return Sent(body=body, level=reached, value=value, notes=tuple(notes))


def _budget(own: int, provider: Provider, tokens: int | None, caps: Caps, notes: list[str]) -> int:
    """The tokens for thinking: the level's, more where the client said more, within the provider's range and caps."""
    least, most = provider.budget_range
    wanted = max(own, tokens or 0) if own else 0
    budget = min(max(wanted, least), most)
    if caps.reasoning_tokens is not None and budget > max(caps.reasoning_tokens, least):
        budget = max(caps.reasoning_tokens, least)
        notes.append(f"the budget for thinking was lowered to {budget} by a cap")
    elif budget < wanted:
        notes.append(f"the budget for thinking was lowered to {budget}, the provider's most")
    return budget


def _bounded(body: dict[str, Any], dialect: str, most: int | None, notes: list[str]) -> dict[str, Any]:
    """The bound on the reply, not above ``most``."""
    if most is None:
        return body
    names = _OUTPUT_FIELDS[dialect]
    for name in names:
        value = body.get(name)
        if type(value) is int:
            if value <= most:
                return body
            notes.append(f"{name} was lowered from {value} to {most} by a cap")
            return {**body, name: max(1, most)}
    notes.append(f"{names[0]} was set to {most} by a cap")
    return {**body, names[0]: max(1, most)}


def _with_room(body: dict[str, Any], caps: Caps, notes: list[str]) -> dict[str, Any]:
    """Room for an answer beside the thinking, which counts within ``max_tokens`` there."""
    thinking, most = body.get("thinking"), body.get("max_tokens")
    budget = cast("dict[str, Any]", thinking).get("budget_tokens") if isinstance(thinking, dict) else None
    if type(budget) is not int or type(most) is not int or budget + _LEAST_ANSWER <= most:
        return body
    wanted = budget + max(_LEAST_ANSWER, most)
    room = wanted if caps.output_tokens is None else min(wanted, caps.output_tokens)
    notes.append(f"max_tokens was raised from {most} to {max(room, most)} to hold the thinking")
    if budget + _LEAST_ANSWER > room:
        budget = max(1024, room - _LEAST_ANSWER)
        notes.append(f"the budget for thinking was lowered to {budget} to leave room for an answer")
    return {**_put(body, "thinking.budget_tokens", budget), "max_tokens": max(room, most, budget + 1)}


def _get(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(key)
    return value


def _put(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the field at a dotted path set; objects on the way are copied, others replaced."""
    key, _, rest = path.partition(".")
    if not rest:
        return {**body, key: value}
    inner: Any = body.get(key)
    held = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    return {**body, key: _put(held, rest, value)}


def without_controls(body: dict[str, Any], controls: Mapping[str, str]) -> dict[str, Any]:
    """A copy without the fields that steer effort; objects that held nothing else go too."""
    for path in controls:
        body = _dropped(body, path)
    return body


def _dropped(body: dict[str, Any], path: str) -> dict[str, Any]:
    key, _, rest = path.partition(".")
    if key not in body:
        return body
    if not rest:
        return {name: value for name, value in body.items() if name != key}
    inner: Any = body[key]
    if not isinstance(inner, dict):
        return body
    left = _dropped(cast("dict[str, Any]", inner), rest)
    if left is inner:
        return body
    return {**body, key: left} if left else {name: value for name, value in body.items() if name != key}


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
