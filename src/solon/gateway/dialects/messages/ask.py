"""A Messages request read into the neutral form."""

from solon.core.exchange import Role
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.messages.blocks import blocks
from solon.gateway.dialects.translate import Fields, others
from solon.gateway.wire import Ask, Other, Part, Settings, ToolSpec, Turn

NAME = "anthropic_messages"

FIELDS = Fields(
    carried=frozenset(
        {
            *("model", "messages", "system", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"),
            *("tools", "tool_choice", "thinking", "output_config", "output_format", "metadata"),
        }
    ),
    hints=frozenset(
        {
            *("cache_control", "service_tier", "speed", "inference_geo", "diagnostics", "user_profile_id"),
            *("workspace_id", "betas"),
        }
    ),
    bound={"container": (), "mcp_servers": ([],), "context_management": ()},
)
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_MESSAGE = frozenset({"role", "content", "id", "type", "model", "stop_reason", "stop_sequence", "usage"})
_TOOL = frozenset(
    {
        *("type", "name", "description", "input_schema", "strict", "cache_control", "allowed_callers"),
        *("defer_loading", "eager_input_streaming"),
    }
)


def read_ask(body: Json) -> Ask:
    """Read a request.

    Raises:
        WireError: naming the field that is missing or of the wrong form.
    """
    model = f.needed(body, "model")
    messages = f.sequence(body, "messages")
    if not messages:
        raise WireError("there are no messages", place="messages", repair='Send [{"role": "user", "content": "…"}].')
    turns = [_turn(message, place) for place, message in f.members(messages, "messages")]
    system = body.get("system")
    if system is not None:
        turns.insert(0, Turn(role=Role.SYSTEM, parts=tuple(blocks(system, "system"))))
    settings = _settings(body)
    return Ask(
        dialect=NAME,
        body=body,
        model=model,
        stream=f.flag(body, "stream") or False,
        turns=tuple(turns),
        tools=tuple(_tool(tool, place) for place, tool in f.members(f.sequence(body, "tools"), "tools")),
        settings=settings,
        beside=_beside(body, settings),
    )


def _turn(message: Json, place: str) -> Turn:
    role = message.get("role")
    if type(role) is not str or role not in _ROLES:
        raise f.wrong(f"{place}.role", role, f"one of {', '.join(_ROLES)}")
    parts = blocks(message.get("content"), f"{place}.content")
    return Turn(role=_ROLES[role], parts=(*parts, *others(message, _MESSAGE, place)))


def _tool(tool: Json, place: str) -> ToolSpec:
    kind = f.text(tool, "type", place) or "custom"
    if kind != "custom":
        name = f.text(tool, "name", place) or kind
        return ToolSpec(name=name, texts=f.readable(tool, place), raw=tool, place=place)
    name = f.needed(tool, "name", place)
    description = f.text(tool, "description", place) or ""
    schema = f.mapping(tool, "input_schema", place)
    if schema is None:
        raise f.wrong(f"{place}.input_schema", None, "a JSON schema")
    extra = f.readable(f.beyond(tool, _TOOL), place, keys=True)
    return ToolSpec(
        name=name,
        description=description,
        schema=schema,
        strict=f.flag(tool, "strict", place),
        texts=(name, description, *f.schema_texts(schema, place), *extra),
        place=place,
    )


def _settings(body: Json) -> Settings:
    most = f.integer(body, "max_tokens")
    if most is None:
        raise f.wrong("max_tokens", None, "an integer of at least 0")
    output = f.mapping(body, "output_config") or {}
    thinking = f.mapping(body, "thinking") or {}
    metadata = f.mapping(body, "metadata") or {}
    schema = _schema(body, output)
    choice = f.mapping(body, "tool_choice") or {}
    alone = f.flag(choice, "disable_parallel_tool_use", "tool_choice")
    return Settings(
        max_tokens=most,
        temperature=f.number(body, "temperature"),
        top_p=f.number(body, "top_p"),
        top_k=f.integer(body, "top_k"),
        stop=f.strings(body, "stop_sequences"),
        json_mode=schema is not None,
        json_schema=schema,
        effort=f.text(output, "effort", "output_config"),
        thinking_tokens=f.integer(thinking, "budget_tokens", "thinking"),
        tool_choice=_tool_choice(choice),
        parallel_tools=None if alone is None else not alone,
        user=f.text(metadata, "user_id", "metadata"),
    )


def _schema(body: Json, output: Json) -> Json | None:
    """The schema of the reply, in its present place or the one it had while it was tried out."""
    place = "output_config.format" if output.get("format") is not None else "output_format"
    wanted = f.mapping(output, "format", "output_config") or f.mapping(body, "output_format")
    if wanted is None:
        return None
    schema = f.mapping(wanted, "schema", place)
    if f.needed(wanted, "type", place) != "json_schema" or schema is None:
        raise f.wrong(place, wanted, 'an object {"type": "json_schema", "schema": …}')
    return {"name": "reply", "schema": schema, "strict": True}


def _tool_choice(choice: Json) -> str | None:
    if not choice:
        return None
    kind = f.needed(choice, "type", "tool_choice")
    if kind == "tool":
        return f.needed(choice, "name", "tool_choice")
    return "required" if kind == "any" else kind


def _beside(body: Json, settings: Settings) -> tuple[Turn, ...]:
    """What the model reads beside the messages: a schema, servers' names, fields no published schema has."""
    beside: list[Part] = []
    if settings.json_schema is not None:
        texts = f.schema_texts(settings.json_schema["schema"], "output_config.format.schema")
        beside.append(Other(raw={"type": "schema"}, texts=texts, place="output_config.format.schema"))
    for key in ("mcp_servers", "context_management", "container"):
        value = body.get(key)
        if value is not None:
            beside.append(Other(raw={key: value}, texts=f.readable(value, key), place=key))
    unknown = others(body, FIELDS.known, "")
    turns = (Turn(role=Role.TOOL, parts=tuple(beside)), Turn(role=Role.USER, parts=tuple(unknown)))
    return tuple(turn for turn in turns if turn.parts)
