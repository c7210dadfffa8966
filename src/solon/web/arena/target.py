"""What is attacked: the embedded target, or any OpenAI-compatible address, with a guard in process before it."""

import asyncio
from collections.abc import Sequence

from solon.core.action import Action
from solon.core.attempt import Answer, Prompt, Spent, Target
from solon.core.errors import JudgeError
from solon.core.exchange import Role
from solon.core.record import digest
from solon.guard.guard import Guard
from solon.guard.target import GuardedTarget
from solon.models.openai_compatible import ChatModel
from solon.web.arena.config import ArenaConfig, Line


class Scripted:
    """Says what its script says, else repeats what it is told: for trying an arena, and for tests. No model.

    A line may hold ``{system}``, which stands for the system message: a target that can be made to tell its secret.
    """

    name = "scripted"

    def __init__(self, script: Sequence[Line] = ()) -> None:
        self._script = tuple(script)
        self.digest = digest([[line.when, line.say] for line in self._script])

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt."""
        return [Answer(text=self._say(prompt), spent=Spent(calls=1)) for prompt in prompts]

    def _say(self, prompt: Prompt) -> str:
        turns = prompt.exchange.messages
        said = next((turn.content for turn in reversed(turns) if turn.role is Role.USER), "")
        system = next((turn.content for turn in turns if turn.role is Role.SYSTEM), "")
        line = next((one for one in self._script if one.when.casefold() in said.casefold()), None)
        return f"You said: {said}" if line is None else line.say.replace("{system}", system)


class Chat:
    """A model behind an OpenAI-compatible address; what goes wrong there is an error, never a refusal."""

    def __init__(self, model: ChatModel, *, max_tokens: int) -> None:
        self._model = model
        self._most = max_tokens
        self.name = model.name
        self.digest = digest([model.place, model.name, max_tokens])

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, side by side."""
        return list(await asyncio.gather(*(asyncio.to_thread(self._one, prompt) for prompt in prompts)))

    def _one(self, prompt: Prompt) -> Answer:
        messages = [{"role": str(turn.role), "content": turn.content} for turn in prompt.exchange.messages]
        try:
            answer = self._model.complete(messages, max_tokens=self._most)
        except JudgeError as error:
            return Answer(error=error.problem, spent=Spent(calls=1))
        usage = answer.usage
        spent = Spent(calls=1, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
        return Answer(text=answer.text, spent=spent)


def target_of(config: ArenaConfig, guard: Guard | None = None) -> Target:
    """The target of an arena.

    Args:
        config: names target and guard.
        guard: one that is open already; opened as configured by default.

    Raises:
        SolonError: where the guard cannot start, or the address cannot be used.
    """
    settings = config.target
    behind: Target = Scripted(settings.script)
    if settings.url is not None:
        key = settings.api_key.get_secret_value() if settings.api_key else None
        model = ChatModel(settings.url, settings.model, key, settings.timeout_s)
        behind = Chat(model, max_tokens=settings.max_tokens)
    if not config.guard.enabled:
        return behind
    guard = guard or Guard(config.guard.policy, weights=config.guard.weights)
    return _Aside(GuardedTarget(guard, behind, stops=Action.parse(config.guard.stops)))


class _Aside:
    """A guarded target whose guard judges in a thread of its own, so that pages go on being served meanwhile."""

    def __init__(self, inner: GuardedTarget) -> None:
        self._inner = inner
        self.name = inner.name

    @property
    def digest(self) -> str:
        return self._inner.digest

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        return await asyncio.to_thread(lambda: asyncio.run(self._inner.ask(prompts)))
