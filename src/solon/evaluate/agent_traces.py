"""Traces of agents for the action monitor: AgentDojo's run logs and AgentHarm's behaviours, read as published.

Only read: no rule, word list or weight of Solon comes from them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from solon.core.errors import SuiteError
from solon.engines.monitor import Act, Situation, act_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStep:
    """One call in its situation. ``attacked`` says whether an injection was in play, ``obeyed`` whether it won."""

    trace: str
    act: Act
    situation: Situation
    attacked: bool
    obeyed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentGoal:
    """A behaviour that an agent is asked for, with the tools that it would take."""

    id: str
    prompt: str
    category: str
    tools: tuple[str, ...]
    benign: bool


def agentdojo_steps(path: Path) -> Iterator[AgentStep]:
    """The calls of one run log (arXiv 2406.13352): ``messages``, ``injection_task_id``, ``security``.

    ``security`` is true in the published logs where the injection reached its goal.

    Raises:
        SuiteError: where the file is no run log.
    """
    log = _object(path)
    messages = log.get("messages")
    if not isinstance(messages, list):
        raise SuiteError("no messages", place=f"{path.name}.messages", repair="Give one run log of AgentDojo.")
    attacked = log.get("injection_task_id") is not None
    goal, seen = "", list[str]()
    for number, message in enumerate(cast("list[Any]", messages)):
        if not isinstance(message, Mapping):
            raise SuiteError(
                "not a message", place=f"{path.name}.messages[{number}]", repair="Give the log as written."
            )
        held = cast("Mapping[str, Any]", message)
        words = _words(held.get("content"))
        if held.get("role") == "user":
            goal = f"{goal}\n{words}".strip()
        elif held.get("role") == "tool":
            seen.append(words)
        for call in held.get("tool_calls") or ():
            name = call.get("function")
            yield AgentStep(
                trace=path.stem, act=act_of(str(name), call.get("args"), plan=words),
                situation=Situation(goal=goal, seen=tuple(seen)), attacked=attacked,
                obeyed=attacked and bool(log.get("security")),
            )  # fmt: skip


def agentharm_goals(path: Path, *, benign: bool) -> list[AgentGoal]:
    """The behaviours of one file (arXiv 2410.09024): ``behaviors`` with ``prompt``, ``category``, ``target_functions``.

    Raises:
        SuiteError: where the file is none, or a behaviour lacks a field.
    """
    rows = _object(path).get("behaviors")
    if not isinstance(rows, list):
        raise SuiteError("no behaviors", place=f"{path.name}.behaviors", repair="Give a behaviour file of AgentHarm.")
    made: list[AgentGoal] = []
    for number, row in enumerate(cast("list[dict[str, Any]]", rows)):
        try:
            tools = tuple(str(name) for name in row["target_functions"])
            made.append(
                AgentGoal(id=str(row["id"]), prompt=row["prompt"], category=row["category"], tools=tools, benign=benign)
            )
        except KeyError as error:
            place = f"{path.name}.behaviors[{number}].{error.args[0]}"
            raise SuiteError("the field is missing", place=place, repair="Give the file as published.") from None
    return made


def _object(path: Path) -> dict[str, Any]:
    try:
        read: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError(f"cannot be read: {error}", place=str(path), repair="Name a JSON file.") from None
    if not isinstance(read, dict):
        raise SuiteError("not an object", place=path.name, repair="Name a JSON file with one object.")
    return cast("dict[str, Any]", read)


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [cast("dict[str, Any]", part) for part in cast("list[Any]", content) if isinstance(part, dict)]
    return "\n".join(str(part.get("content") or part.get("text") or "") for part in parts)
