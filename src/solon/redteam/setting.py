"""A campaign in names and plain values: whoever holds it can make the same worker, here or on another machine."""

from dataclasses import dataclass, field
from pathlib import Path

from solon.core.action import Action
from solon.core.attempt import Goal, Grader, Target
from solon.core.errors import TargetError
from solon.models.asking import Ask, Patience, TokenPrice
from solon.redteam.attacks.catalogue import attack
from solon.redteam.campaign import Plan
from solon.redteam.null import NullTarget
from solon.redteam.permitted import Permitted
from solon.redteam.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a campaign consists of.

    Args:
        target: ``null``, ``guard``, ``guard:block``, the address of a model, or ``guard+`` and an address for the
            guard in front of that model.
        goals: what is to be reached.
        attacks: names of attacks, chains among them.
        tries: how often each attack meets each goal.
        seed: of every choice.
        policy: the pack of the guard.
        weights: the guard's weights; the shipped ones by default.
        dialect, key_env, ask, patience, price: of the model behind an address (see ``HttpTarget``).
        keep_all: keep the words of failures too.
    """

    target: str
    goals: tuple[Goal, ...]
    attacks: tuple[str, ...]
    tries: int = 1
    seed: int = 0
    policy: str = "baseline"
    weights: Path | None = None
    dialect: str = "openai_chat"
    key_env: str | None = None
    ask: Ask = field(default_factory=Ask)
    patience: Patience = field(default_factory=Patience)
    price: TokenPrice = field(default_factory=TokenPrice)
    keep_all: bool = False

    @property
    def waits(self) -> bool:
        """Whether the target is waited for rather than computed here."""
        return "://" in self.target

    def open(self) -> Worker:
        """Open the target and all that goes with it.

        Raises:
            TargetError: where there is no such target.
            SolonError: where an attack is unknown, or policy, weights or an extra are missing.
        """
        attacks = tuple(attack(name) for name in self.attacks)
        target, grader = self._target(), self._grader()
        plan = Plan(
            goals=self.goals,
            attacks=attacks,
            tries=self.tries,
            seed=self.seed,
            target=target.digest,
            grader=_named(grader),
        )
        return Worker(plan=plan, target=target, grader=grader, keep_all=self.keep_all)

    def _target(self) -> Target:
        if self.target == "null":
            return NullTarget()
        if not self.target.startswith("guard"):
            return self._model(self.target)
        front, plus, behind = self.target.partition("+")
        return self._guarded(front, self._model(behind) if plus else None)

    def _guarded(self, front: str, behind: Target | None) -> Target:
        from solon.guard.guard import Guard
        from solon.guard.target import GuardedTarget, GuardTarget

        word, _, stops = front.partition(":")
        if word != "guard" or stops not in ("", "refine", "block"):
            raise _unknown(self.target)
        action = Action.parse(stops or "refine")
        guard = Guard(self.policy, weights=self.weights)
        return GuardTarget(guard, stops=action) if behind is None else GuardedTarget(guard, behind, stops=action)

    def _model(self, address: str) -> Target:
        if "://" not in address:
            raise _unknown(self.target)
        try:
            from solon.models.http_target import HttpTarget
        except ModuleNotFoundError as error:
            raise TargetError(
                f"{error.name} is missing", place="target", repair="Install it: pip install 'solon[redteam]'."
            ) from None
        return HttpTarget(
            address,
            self.ask,
            dialect=self.dialect,
            key_env=self.key_env,
            patience=self.patience,
            price=self.price,
        )

    def _grader(self) -> Grader:
        if not self.waits:
            return Permitted()
        from solon.engines.graders import grade_by_default

        return grade_by_default()


def _named(grader: Grader) -> str:
    """Its name, and its digest where it has one: another version of a grader is another campaign."""
    found: object = getattr(grader, "digest", None)
    return f"{grader.name}:{found[:16]}" if isinstance(found, str) else grader.name


def _unknown(target: str) -> TargetError:
    return TargetError(
        f"unknown target {target!r}", place="target", repair="Use null, guard, guard:block, or an address with ://."
    )
