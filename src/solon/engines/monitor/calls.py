"""Tool calls as agents make them: OpenAI's ``tool_calls`` and MCP's ``tools/call``, read into one form.

What cannot be read is kept with the reason: an unreadable call is judged as such, never passed over.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from solon.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call. ``problem`` says why its arguments could not be read; ``plan`` is what the agent says it is for."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    raw: str = ""
    problem: str = ""
    plan: str = ""
    id: str = ""

    @property
    def text(self) -> str:
        """Everything the call says, as words."""
        return "\n".join([self.plan, *strings(self.arguments)]) if not self.problem else f"{self.plan}\n{self.raw}"


def act_of(tool: str, arguments: str | Mapping[str, Any] | None, *, plan: str = "", id: str = "") -> Act:
    """A call by name and arguments, as JSON text or decoded."""
    if isinstance(arguments, Mapping):
        return Act(tool=tool, arguments=arguments, plan=plan, id=id)
    raw = arguments or ""
    try:
        read: Any = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        return Act(tool=tool, raw=raw, problem=f"the arguments are not JSON: {error}", plan=plan, id=id)
    if not isinstance(read, dict):
        return Act(tool=tool, raw=raw, problem="the arguments are not a JSON object", plan=plan, id=id)
    return Act(tool=tool, arguments=cast("dict[str, Any]", read), raw=raw, plan=plan, id=id)


def openai_acts(message: Mapping[str, Any], *, place: str = "message") -> list[Act]:
    """The calls of an assistant message of Chat Completions; its content is their plan.

    Raises:
        InputError: where it is not such a message.
    """
    calls: Any = message.get("tool_calls") or []
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise InputError("tool_calls is not a list", place=f"{place}.tool_calls", repair="Give the message as sent.")
    content = message.get("content")
    plan = content if isinstance(content, str) else ""
    made: list[Act] = []
    for number, call in enumerate(cast("Sequence[Any]", calls)):
        where = f"{place}.tool_calls[{number}]"
        function: Any = cast("dict[str, Any]", call).get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise InputError("no function", place=where, repair="A call is {id, type, function: {name, arguments}}.")
        held = cast("Mapping[str, Any]", function)
        made.append(act_of(_name(held.get("name"), where), held.get("arguments"), plan=plan,
                           id=str(cast("Mapping[str, Any]", call).get("id") or "")))  # fmt: skip
    return made


def mcp_act(request: Mapping[str, Any]) -> Act | None:
    """The call of an MCP request (JSON-RPC 2.0, ``tools/call``); ``None`` for every other method.

    Raises:
        InputError: where it says that it is one and is none.
    """
    if request.get("jsonrpc") != "2.0":
        raise InputError("not a JSON-RPC 2.0 message", place="jsonrpc", repair='Send {"jsonrpc": "2.0", …}.')
    if request.get("method") != "tools/call":
        return None
    params = request.get("params")
    if not isinstance(params, Mapping):
        raise InputError("params is not an object", place="params", repair="It holds name and arguments.")
    held = cast("Mapping[str, Any]", params)
    given = held.get("arguments")
    if given is not None and not isinstance(given, Mapping):
        return Act(tool=_name(held.get("name"), "params"), raw=str(given), problem="the arguments are not an object")
    return act_of(
        _name(held.get("name"), "params"), cast("Mapping[str, Any] | None", given), id=str(request.get("id", ""))
    )


def mcp_refusal(request: Mapping[str, Any], because: str) -> dict[str, Any]:
    """What an MCP client is answered in place of the tool: a result that is an error, which a model can read."""
    content = [{"type": "text", "text": because}]
    return {"jsonrpc": "2.0", "id": request.get("id"), "result": {"content": content, "isError": True}}


def strings(value: object, *, depth: int = 12) -> Iterator[str]:
    """Every string in decoded JSON, numbers too, in order."""
    if depth == 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, object]", value).values():
            yield from strings(inner, depth=depth - 1)
    elif isinstance(value, list | tuple):
        for inner in cast("list[object]", value):
            yield from strings(inner, depth=depth - 1)


def _name(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError("the tool has no name", place=f"{place}.name", repair="Name the tool that is called.")
    return value
