"""A finding: an attempt that reached a harmful goal, as it is kept, minimised, clustered and taught."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from solon.core.attempt import Attempt, Goal, Outcome, Prompt
from solon.core.errors import InputError
from solon.core.exchange import Exchange

_REPAIR = "Give the file that `solon redteam findings` or the arena's export wrote."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One success. ``key`` is its attempt's.

    ``minimal`` is the shortest prompt that still succeeded, after ``queries`` questions. ``cluster`` names the wrapper
    it shares with others, ``same_as`` the finding that it only repeats.
    """

    key: str
    goal: Goal
    attack: str
    prompt: Prompt
    minimal: Prompt | None = None
    queries: int = 0
    cluster: str = ""
    same_as: str = ""

    @property
    def shortest(self) -> Prompt:
        """The minimal prompt where there is one."""
        return self.minimal or self.prompt


def findings_of(attempts: Iterable[Attempt]) -> list[Finding]:
    """The attempts that reached a harmful goal, one a key; what could not be scored is none."""
    found: dict[str, Finding] = {}
    for one in attempts:
        if one.grade.outcome is Outcome.SUCCESS and not one.goal.benign:
            found.setdefault(one.key, Finding(key=one.key, goal=one.goal, attack=one.attack, prompt=one.prompt))
    return list(found.values())


def write_findings(path: Path, findings: Iterable[Finding]) -> int:
    """Write JSON lines; returns how many. The file is whole or as it was."""
    lines = [json.dumps(finding_json(one)) for one in findings]
    half = path.with_name(f"{path.name}.half")
    half.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    half.replace(path)
    return len(lines)


def read_findings(path: Path) -> list[Finding]:
    """The findings of a file.

    Raises:
        InputError: naming file and line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error}", place=str(path), repair=_REPAIR) from None
    found: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(parse_finding(json.loads(line)))
        except (ValueError, TypeError, KeyError, InputError) as error:
            said = error.problem if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            raise InputError(f"not a finding: {said}", place=f"{path}:{number}", repair=_REPAIR) from None
    return found


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as a JSON object; what is empty is left out."""
    raw: dict[str, Any] = {
        "key": finding.key,
        "goal": {name: value for name, value in asdict(finding.goal).items() if value},
        "attack": finding.attack,
        "prompt": _prompt_json(finding.prompt),
    }
    if finding.minimal is not None:
        raw["minimal"] = _prompt_json(finding.minimal)
    for name in ("queries", "cluster", "same_as"):
        if value := getattr(finding, name):
            raw[name] = value
    return raw


def parse_finding(raw: Any) -> Finding:
    """The finding of a JSON object.

    Raises:
        ValueError, TypeError, KeyError, InputError: where it is none.
    """
    if not isinstance(raw, Mapping):
        raise ValueError("expected an object")
    fields = cast(Mapping[str, Any], raw)
    minimal = fields.get("minimal")
    return Finding(
        key=_text(fields, "key"),
        goal=Goal(**{str(name): value for name, value in fields["goal"].items()}),
        attack=_text(fields, "attack"),
        prompt=_parse_prompt(fields["prompt"]),
        minimal=None if minimal is None else _parse_prompt(minimal),
        queries=int(fields.get("queries", 0)),
        cluster=str(fields.get("cluster", "")),
        same_as=str(fields.get("same_as", "")),
    )


def with_turns(prompt: Prompt, turns: Iterable[tuple[int, str]]) -> Prompt:
    """``prompt`` with only the turns of these numbers, each with new words."""
    old = prompt.exchange.messages
    messages = tuple(replace(old[number], content=content) for number, content in turns)
    return replace(prompt, exchange=replace(prompt.exchange, messages=messages))


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {type(value).__name__}")
    return value


def _prompt_json(prompt: Prompt) -> dict[str, Any]:
    turns = [{"role": turn.role.value, "content": turn.content} for turn in prompt.exchange.messages]
    raw: dict[str, Any] = {"messages": turns}
    if prompt.marker:
        raw["marker"] = prompt.marker
    if prompt.images:
        raw["images"] = [base64.b64encode(image).decode() for image in prompt.images]
    return raw


def _parse_prompt(raw: Mapping[str, Any]) -> Prompt:
    try:
        images = tuple(base64.b64decode(image, validate=True) for image in raw.get("images", ()))
    except binascii.Error as error:
        raise ValueError(f"an image is not base64: {error}") from None
    return Prompt(exchange=Exchange.parse(raw["messages"]), marker=str(raw.get("marker", "")), images=images)
