"""From a target's name to what is measured: the guard in process, a model by its address, or the guard before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from solon.core.action import Action
from solon.core.attempt import Answer, Target
from solon.core.errors import TargetError
from solon.core.policy import Policy, ResponseStyle
from solon.engines.graders import Reading, grade_by_default, read_reply
from solon.evaluate.sample import Sample
from solon.evaluate.subject import GuardSubject, Subject, TargetSubject
from solon.guard.guard import Guard
from solon.guard.target import GuardedTarget
from solon.models.asking import Ask, Patience

_STYLES = {
    Reading.REFUSED: ResponseStyle.REFUSE,
    Reading.PARTIAL: ResponseStyle.SAFE_COMPLETION,
    Reading.COMPLIED: ResponseStyle.COMPLY,
}


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What is to be measured.

    Args:
        target: ``guard``, ``guard:block``, the address of a model, or ``guard+`` and an address. A bare guard is
            measured by what it flags (``guard:block``: by what it blocks); before a model, by what it blocks.
        policy: whose rules are measured.
        weights: the guard's weights; the shipped ones by default.
        dialect, key_env, ask, patience: of the model behind an address (see ``HttpTarget``).
    """

    target: str = "guard"
    policy: Policy
    weights: Path | None = None
    dialect: str = "openai_chat"
    key_env: str | None = None
    ask: Ask = field(default_factory=Ask)
    patience: Patience = field(default_factory=Patience)

    def open(self) -> Subject:
        """Open it.

        Raises:
            TargetError: where there is no such target, or an extra is missing.
        """
        front, plus, address = "", "", self.target
        if self.target.startswith("guard"):
            front, plus, address = self.target.partition("+")
        stop = {"guard": Action.REFINE, "guard:refine": Action.REFINE, "guard:block": Action.BLOCK}.get(front)
        if (front and stop is None) or (not address and (plus or not front)):
            raise _unknown(self.target)
        guard = Guard(self.policy, weights=self.weights) if front else None
        if guard is not None and stop is not None and not address:
            return GuardSubject(guard, stop=stop)
        model = self._model(address)
        grader, reader = grade_by_default(), ReplyStyles()
        if guard is None:
            return TargetSubject(model, self.policy, graders=[grader], reader=reader)
        before = Action.REFINE if front == "guard:refine" else Action.BLOCK
        target = GuardedTarget(guard, model, stops=before)
        return TargetSubject(
            target, self.policy, graders=[grader], reader=reader, layers=("input", "model", "output"), behind=model
        )

    def _model(self, address: str) -> Target:
        if "://" not in address:
            raise _unknown(self.target)
        try:
            from solon.models.http_target import HttpTarget
        except ModuleNotFoundError as error:
            raise TargetError(
                f"{error.name} is missing", place="--target", repair="Install it: pip install 'solon[evaluate]'."
            ) from None
        return HttpTarget(address, self.ask, dialect=self.dialect, key_env=self.key_env, patience=self.patience)


class ReplyStyles:
    """Styles by reading: a refusal refuses, an answer complies, what declines in part and helps in part is safe."""

    async def styles(self, asked: Sequence[tuple[Sample, Answer]]) -> list[ResponseStyle | None]:
        """One style an answer, in order; ``None`` for what cannot be read."""
        return [
            _STYLES.get(read_reply(answer.text, goal=sample.goal.text, sent=sample.goal.text).reading)
            for sample, answer in asked
        ]


def _unknown(target: str) -> TargetError:
    return TargetError(
        f"unknown target {target!r}",
        place="--target",
        repair="Use guard, guard:block, an address with ://, or guard+URL.",
    )
