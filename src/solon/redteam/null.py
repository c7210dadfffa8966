"""Targets that need no model: one that stops everything, and one that answers by a script."""

from collections.abc import Callable, Sequence

from solon.core.attempt import Answer, Prompt, Spent
from solon.core.record import digest

_STOPPED = Answer(blocked=True, layer="input", spent=Spent(calls=1))


class NullTarget:
    """Stops everything, at once: what is left is the cost of the engine itself."""

    name = "null"
    digest = digest("null")

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Stopped, every time."""
        return [_STOPPED] * len(prompts)


class ScriptedTarget:
    """Answers by a function of the prompt, for tests and rehearsals.

    Args:
        script: the answer to a prompt; a bare text is a model's reply.
        name: part of the digest, since a function has none: give another where the script changes.
    """

    def __init__(self, script: Callable[[Prompt], Answer | str], name: str = "scripted") -> None:
        self._script = script
        self.name = name

    @property
    def digest(self) -> str:
        """Of the name."""
        return digest(["scripted", self.name])

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """What the script says."""
        return [self._read(self._script(prompt)) for prompt in prompts]

    def _read(self, said: Answer | str) -> Answer:
        return Answer(text=said, spent=Spent(calls=1)) if isinstance(said, str) else said
