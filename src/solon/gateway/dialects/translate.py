"""Which fields of a request survive a change of dialect: carried, dropped because nothing hangs on them, or refused."""

from dataclasses import dataclass, field
from typing import Any

from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json, beyond, readable, under
from solon.gateway.wire import Ask, Other, Part, ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The top level of one dialect's request."""

    carried: frozenset[str]
    """Read into the neutral form; whoever writes another dialect says them there or refuses them by name."""
    hints: frozenset[str]
    """Speed, price, storage and taste: dropped, for the answer's meaning does not hang on them."""
    bound: dict[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    """Meaningful in this dialect alone; refused unless one of these values, which ask for nothing."""

    @property
    def known(self) -> frozenset[str]:
        """Every field the published schema has."""
        return self.carried | self.hints | self.bound.keys()


def spoken_names(dialect: str) -> str:
    """A dialect by the name its users know."""
    return {
        "openai_chat": "OpenAI Chat Completions",
        "openai_responses": "OpenAI Responses",
        "anthropic_messages": "Anthropic Messages",
    }.get(dialect, dialect)


def unsayable(place: str, target: str, repair: str = "") -> WireError:
    """An error for something that the upstream's dialect has no words for."""
    return WireError(
        f"this cannot be said to the model's upstream, which speaks {spoken_names(target)}",
        place=place,
        repair=repair or "Leave it out, or use a model whose upstream speaks the dialect you write.",
    )


def check_translatable(ask: Ask, fields: Fields, target: str) -> None:
    """Refuse a request with a field that means something in its own dialect alone.

    Raises:
        WireError: naming the first such field.
    """
    for key, value in ask.body.items():
        if value is None or key in fields.carried or key in fields.hints:
            continue
        if key in fields.bound and value in fields.bound[key]:
            continue
        raise unsayable(key, target)
    if ask.settings.max_tokens == 0:
        raise unsayable("max_tokens", target, "Ask for at least one token.")


def only_here(part: Part, target: str) -> WireError:
    """An error for a part that only its own dialect understands."""
    kind = part.raw.get("type") if isinstance(part, Other) else type(part).__name__
    return WireError(
        f"a part of type {kind!r} cannot be said to the model's upstream, which speaks {spoken_names(target)}",
        place=part.place,
        repair="Leave it out, or use a model whose upstream speaks the dialect you write.",
    )


def spare(part: Part) -> bool:
    """Whether a part may be left out in another dialect."""
    return isinstance(part, Other) and part.spare


FIELD_NAMES = {
    "openai_chat": {"json": "response_format", "effort": "reasoning_effort"},
    "openai_responses": {"json": "text.format", "effort": "reasoning.effort", "logprobs": "top_logprobs"},
    "anthropic_messages": {"json": "output_config.format", "stop": "stop_sequences", "effort": "output_config.effort"},
}
"""Where a dialect keeps a setting that others call differently, for errors in the client's own words."""


def field_of(ask: Ask, setting: str) -> str:
    """The place of a setting in the client's request."""
    return FIELD_NAMES[ask.dialect].get(setting, setting)


def function_tool(tool: ToolSpec, target: str) -> ToolSpec:
    """``tool`` itself where it is a function with a JSON schema, which every dialect has.

    Raises:
        WireError: where it is of another kind.
    """
    if tool.raw is not None:
        kind = tool.raw.get("type")
        raise unsayable(tool.place, target, f"A tool of type {kind!r} exists in its own dialect alone: leave it out.")
    return tool


def named_choice(ask: Ask, target: str) -> str | None:
    """The tool choice; a tool that is called like one of the modes cannot be told from it in the neutral form.

    Raises:
        WireError: where that is so.
    """
    choice = ask.settings.tool_choice
    if choice not in (None, "auto", "none", "required") and all(tool.name != choice for tool in ask.tools):
        raise unsayable("tool_choice", target, "Choose one of the tools, auto, none or required.")
    if choice in ("auto", "none", "required") and any(tool.name == choice for tool in ask.tools):
        raise unsayable("tool_choice", target, f"Give the tool named {choice!r} another name.")
    return choice


def without(body: Json, keys: frozenset[str]) -> Json:
    """A shallow copy of ``body`` without ``keys``."""
    return {key: value for key, value in body.items() if key not in keys}


def others(holder: Json, known: frozenset[str], place: str) -> list[Part]:
    """The fields of ``holder`` that are not ``known``, with every string in them: a model may read any of it."""
    found: list[Part] = []
    for key, value in beyond(holder, known).items():
        where = under(place, key)
        found.append(Other(raw={key: value}, texts=readable(value, where, keys=True), place=where))
    return found
