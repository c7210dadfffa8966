"""A Responses request read into the neutral form."""

from typing import Any, cast

from solon.core.exchange import Role
from solon.gateway.dialects import fields as f
from solon.gateway.dialects.base import WireError
from solon.gateway.dialects.fields import Json
from solon.gateway.dialects.responses.items import item_turn
from solon.gateway.dialects.translate import Fields, others
from solon.gateway.wire import Ask, Other, Part, Settings, Text, ToolSpec, Turn

NAME = "openai_responses"
LOGPROBS = "message.output_text.logprobs"

FIELDS = Fields(
    carried=frozenset(
        {
            *("model", "input", "instructions", "stream", "stream_options", "max_output_tokens", "temperature"),
            *("top_p", "top_logprobs", "include", "text", "tools", "tool_choice", "parallel_tool_calls"),
            *("reasoning", "user", "safety_identifier"),
        }
    ),
    hints=frozenset(
        {
            *("store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_options"),
            *("prompt_cache_retention", "image", "max_tool_calls"),
        }
    ),
    bound={
        "background": (False,),
        "background_options": (),
        "context_management": ([],),
        "conversation": (),
        "previous_response_id": (),
        "prompt": (),
        "moderation": (),
        "access_programs": (),
        "truncation": ("disabled",),
    },
)
_TOOL = frozenset(
    {
        *("type", "name", "description", "parameters", "strict", "allowed_callers", "defer_loading", "async"),
        "output_schema",
    }
)


def read_ask(body: Json) -> Ask:
    """Read a request.

    Raises:
        WireError: naming the field that is missing or of the wrong form.
    """
    model = f.needed(body, "model")
    if f.flag(body, "background"):
        raise WireError(
            "replies made in the background are fetched later, where nothing screens them",
            place="background",
            repair="Ask for the reply at once or as a stream.",
        )
    turns = _turns(body)
    instructions = f.text(body, "instructions")
    if instructions:
        said = Text(text=instructions, place="instructions")
        turns.insert(0, Turn(role=Role.SYSTEM, parts=(said,)))
    return Ask(
        dialect=NAME,
        body=body,
        model=model,
        stream=f.flag(body, "stream") or False,
        turns=tuple(turns),
        tools=tuple(_tool(tool, place) for place, tool in f.members(f.sequence(body, "tools"), "tools")),
        settings=_settings(body),
        beside=_beside(body),
    )


def _turns(body: Json) -> list[Turn]:
    given = body.get("input")
    for key in ("previous_response_id", "conversation"):
        if type(body.get(key)) not in (str, dict, type(None)):
            raise f.wrong(key, body[key], "an id")
    if given is None or given == []:
        if body.get("prompt") is None and body.get("previous_response_id") is None and body.get("conversation") is None:
            raise WireError("there is no input", place="input", repair="Send a text or a list of items.")
        return []
    if type(given) is str:
        return [Turn(role=Role.USER, parts=(Text(text=given, place="input"),))]
    if type(given) is not list:
        raise f.wrong("input", given, "a string or a list of items")
    turns: list[Turn] = []
    for place, item in f.members(cast("list[Any]", given), "input"):
        turn = item_turn(item, place)
        if turns and turn.role is Role.ASSISTANT and turns[-1].role is Role.ASSISTANT:
            turns[-1] = Turn(role=Role.ASSISTANT, parts=(*turns[-1].parts, *turn.parts))
        else:
            turns.append(turn)
    return turns


def _tool(tool: Json, place: str) -> ToolSpec:
    kind = f.needed(tool, "type", place)
    if kind != "function":
        shown = f.without_keys(tool, frozenset({"authorization", "headers", "type"}))
        name = f.text(tool, "name", place) or kind
        return ToolSpec(name=name, texts=f.schema_texts(shown, place), raw=tool, place=place)
    name = f.needed(tool, "name", place)
    description = f.text(tool, "description", place) or ""
    schema = f.mapping(tool, "parameters", place) or {}
    returned = f.schema_texts(tool.get("output_schema"), place)
    extra = f.readable(f.beyond(tool, _TOOL), place, keys=True)
    return ToolSpec(
        name=name,
        description=description,
        schema=schema,
        strict=f.flag(tool, "strict", place),
        texts=(name, description, *f.schema_texts(schema, place), *returned, *extra),
        place=place,
    )


def _settings(body: Json) -> Settings:
    reasoning = f.mapping(body, "reasoning") or {}
    text = f.mapping(body, "text") or {}
    json_mode, schema = _format(text)
    wanted = f.strings(body, "include")
    scores = f.integer(body, "top_logprobs")
    f.mapping(body, "stream_options")
    return Settings(
        max_tokens=f.integer(body, "max_output_tokens", lowest=1),
        temperature=f.number(body, "temperature"),
        top_p=f.number(body, "top_p"),
        logprobs=LOGPROBS in wanted or bool(scores),
        top_logprobs=scores,
        json_mode=json_mode,
        json_schema=schema,
        effort=f.text(reasoning, "effort", "reasoning"),
        tool_choice=_tool_choice(body),
        parallel_tools=f.flag(body, "parallel_tool_calls"),
        verbosity=f.text(text, "verbosity", "text"),
        user=f.text(body, "safety_identifier") or f.text(body, "user"),
    )


def _format(text: Json) -> tuple[bool, Json | None]:
    wanted = f.mapping(text, "format", "text")
    if wanted is None:
        return False, None
    kind = f.needed(wanted, "type", "text.format")
    if kind != "json_schema":
        return kind == "json_object", None
    if f.mapping(wanted, "schema", "text.format") is None:
        raise f.wrong("text.format.schema", None, "a JSON schema")
    f.needed(wanted, "name", "text.format")
    return True, f.without_keys(wanted, frozenset({"type"}))


def _tool_choice(body: Json) -> str | None:
    value = body.get("tool_choice")
    if value is None or type(value) is str:
        return value
    choice = f.mapping(body, "tool_choice") or {}
    kind = f.needed(choice, "type", "tool_choice")
    return f.needed(choice, "name", "tool_choice") if kind == "function" else kind


def _beside(body: Json) -> tuple[Turn, ...]:
    """What the model reads beside the input: a schema, a stored prompt's variables, fields no published schema has."""
    beside: list[Part] = []
    wanted = (f.mapping(body, "text") or {}).get("format")
    if wanted is not None:
        texts = f.schema_texts(f.without_keys(cast(Json, wanted), frozenset({"type"})), "text.format")
        if texts:
            beside.append(Other(raw={"type": "schema"}, texts=texts, place="text.format"))
    prompt = f.mapping(body, "prompt")
    unknown: list[Part] = []
    if prompt is not None:
        given = f.mapping(prompt, "variables", "prompt") or {}
        blind = any(type(value) is dict and cast(Json, value).get("type") != "input_text" for value in given.values())
        unread = "a picture or file in a prompt's variables" if blind else ""
        texts = f.readable(given, "prompt.variables", keys=True)
        unknown.append(Other(raw={"prompt": prompt}, texts=texts, unread=unread, place="prompt.variables"))
    unknown += others(body, FIELDS.known, "")
    turns = (Turn(role=Role.TOOL, parts=tuple(beside)), Turn(role=Role.USER, parts=tuple(unknown)))
    return tuple(turn for turn in turns if turn.parts)
