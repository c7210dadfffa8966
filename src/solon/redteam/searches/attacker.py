"""Asking a model to write attacks: every reply is read for what it is, a refusal and rubbish among it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast

from solon.core.errors import JudgeError, SolonError
from solon.models.completion import LanguageModel
from solon.redteam.attack import Lab
from solon.redteam.searches.declined import declines, refuses_to_write
from solon.redteam.searches.trail import AttackerTally

AT_ONCE = 8
_LONGEST = 1500  # characters of one earlier prompt or reply that an attacker is shown
_REMINDER = (
    "That reply could not be used. Answer with one JSON object and nothing else, of the form given at the start."
)


@cache
def instructions(name: str) -> str:
    """A versioned file of instructions, such as ``pair_v1``."""
    return files("solon.redteam.searches").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8").strip()


def shown(text: str) -> str:
    """As much of a text as an attacker is shown."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " […]"


class Attacker:
    """An attacker model with its instructions.

    Args:
        model: any language model; the request is JSON in the first user message, its ``task`` the instructions' name.
        task: name of the instructions, ``pair_v1`` say.
        text: the field of the answer that must hold a text (``prompt``), or a truth value (``on_topic``).
        tally: where each reply is counted.
        tries: calls for one request at most; a refusal, rubbish or an unreachable model uses one up.
    """

    def __init__(
        self, model: LanguageModel, task: str, tally: AttackerTally, *, text: str = "prompt", tries: int = 3
    ) -> None:
        self.model, self.task, self.text, self.tally, self.tries = model, task, text, tally, tries

    async def write(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """One usable answer a request, in order; ``None`` where the tries gave none.

        Raises:
            BudgetSpent: where the model is paid from a budget that is spent.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(request: Mapping[str, Any]) -> dict[str, Any] | None:
            async with gate:
                return await self._write(request)

        heard = await asyncio.gather(*(one(request) for request in requests), return_exceptions=True)
        for outcome in heard:
            if isinstance(outcome, BaseException):
                raise outcome
        return cast("list[dict[str, Any] | None]", heard)

    async def _write(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        asked = json.dumps({"task": self.task, **request}, ensure_ascii=False)
        messages = [{"role": "system", "content": instructions(self.task)}, {"role": "user", "content": asked}]
        for _ in range(self.tries):
            try:
                completion = await asyncio.to_thread(self.model.complete, messages, schema=self._schema())
            except JudgeError:
                self.tally.failed += 1
                continue
            answer = self._read(completion.text)
            if answer is not None:
                self.tally.usable += 1
                return answer
            said = {"role": "assistant", "content": shown(completion.text)}
            messages = [*messages[:2], said, {"role": "user", "content": _REMINDER}]
        return None

    def _read(self, reply: str) -> dict[str, Any] | None:
        answer = find_object(reply)
        value = None if answer is None else answer.get(self.text)
        if answer is not None and self.text == "on_topic" and isinstance(value, bool):
            return answer
        if answer is not None and self.text != "on_topic" and isinstance(value, str) and value.strip():
            if not refuses_to_write(value):
                return answer
            self.tally.refused += 1
        elif declines(reply):
            self.tally.refused += 1
        else:
            self.tally.rubbish += 1
        return None

    def _schema(self) -> dict[str, Any]:
        kind = "boolean" if self.text == "on_topic" else "string"
        properties = {"thought": {"type": "string"}, self.text: {"type": kind}}
        return {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
        }  # fmt: skip


def attacker_of(lab: Lab, search: str) -> LanguageModel:
    """The lab's attacker.

    Raises:
        SolonError: where there is none.
    """
    if lab.attacker is None:
        raise SolonError(
            "there is no attacker model, and this search has one write its prompts",
            place=f"search {search}",
            repair="Name a model by its address, or use solon.redteam.scripted.ScriptedAttacker, which needs none.",
        )
    return lab.attacker


def find_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text, be it fenced or surrounded by words; ``None`` where there is none."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    for _ in range(20):
        if at < 0:
            return None
        try:
            found, _end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        return cast("dict[str, Any]", found) if isinstance(found, dict) else None
    return None
