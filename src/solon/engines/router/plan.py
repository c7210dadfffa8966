"""From what is known of a request to the effort it must have at least and may have at most. Pure.

Every signal can only raise the floor: one more of them never lets a request think less. A client may ask for more than
the floor, up to the ceiling, and never for less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from solon.core.action import Action
from solon.core.errors import ConfigError
from solon.core.policy import Severity
from solon.engines.router.budget import UNCAPPED, Caps
from solon.engines.router.level import Level

OnBreach = Literal["stop", "answer", "refuse"]
OnUnsupported = Literal["pass", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of a request before it goes to a model."""

    action: Action = Action.PERMIT
    """What the guard decided on it."""
    near: float = 0.0
    """Its highest risk as a share of the threshold for refinement; 1 is at the threshold."""
    severity: Severity | None = None
    """The worst severity among the rules that asked for something, or came near."""
    undetermined: bool = False
    """An engine gave no answer."""
    refused_before: int = 0
    """Turns of this conversation that were refused and still count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortPolicy:
    """What an operator says of effort on a route.

    Raises:
        ConfigError: where a floor lies above the ceiling, a number is negative, or ``near`` is not a share.
    """

    floor: Level = Level.NONE
    """The least, whatever the request."""
    ceiling: Level = Level.MAX
    """The most, whatever the client asks."""
    default: Level | None = None
    """What is sent where the client asks for nothing; ``None`` leaves it to the model."""
    refine: Level | None = None
    """Floor for what the guard refines; ``None`` is one step above what the client asked for."""
    undetermined: Level = Level.NONE
    """Floor where an engine gave no answer."""
    refused_before: Level = Level.NONE
    """Floor after a refusal in the same conversation."""
    near: float = 0.5
    """Share of the refinement threshold from which a request counts as near to a rule."""
    near_floor: Level = Level.NONE
    """Floor for requests that come near to a rule."""
    severity: Mapping[Severity, Level] = field(default_factory=dict[Severity, Level])
    """Floors by the worst severity among the rules that asked for something or came near."""
    caps: Caps = UNCAPPED
    """Of one request."""
    session: Caps = UNCAPPED
    """Of one conversation."""
    on_breach: OnBreach = "stop"
    on_unsupported: OnUnsupported = "pass"

    def __post_init__(self) -> None:
        if not 0 <= self.near <= 1:
            raise ConfigError(f"near {self.near} is not a share", place="near", repair="Write a number from 0 to 1.")
        for name, floor in self.floors():
            if floor > self.ceiling:
                raise ConfigError(
                    f"the floor {floor} lies above the ceiling {self.ceiling}",
                    place=name,
                    repair="Raise the ceiling or lower the floor: a floor is never broken.",
                )

    def floors(self) -> Iterator[tuple[str, Level]]:
        """Every level that must not be above the ceiling, with the field it stands in."""
        for name in ("floor", "default", "refine", "undetermined", "refused_before", "near_floor"):
            level: Level | None = getattr(self, name)
            if level is not None:
                yield name, level
        for severity, level in self.severity.items():
            yield f"severity.{severity}", level


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Floor and ceiling of one request, and why the floor is where it is (the signals that reach it)."""

    floor: Level
    ceiling: Level
    default: Level | None
    reasons: tuple[str, ...]

    def level(self, asked: Level | None, model_default: Level | None) -> tuple[Level | None, str]:
        """The level to send, ``None`` where nothing need be sent, and what was done to the client's wish.

        Args:
            asked: what the client asks for; ``None`` for nothing.
            model_default: what the model does unasked, as far as that is known.
        """
        wish = asked if asked is not None else self.default
        base = wish if wish is not None else model_default
        if base is None:
            return (self.floor, "") if self.floor > Level.NONE else (None, "")
        level = min(max(base, self.floor), self.ceiling)
        if level > base:
            return level, "raised to the floor"
        if level < base:
            return level, "lowered to the ceiling"
        return (None if wish is None else level), ""


def plan(policy: EffortPolicy, signals: Signals, asked: Level | None) -> Plan:
    """Floor and ceiling for a request."""
    wanted = [*_wanted(policy, signals, asked), (policy.floor, "the route's floor")]
    floor = max(level for level, _ in wanted)
    reasons = tuple(why for level, why in wanted if level == floor and floor > Level.NONE)
    return Plan(floor=floor, ceiling=policy.ceiling, default=policy.default, reasons=reasons)


def _wanted(policy: EffortPolicy, signals: Signals, asked: Level | None) -> Iterator[tuple[Level, str]]:
    """The floor that each signal asks for."""
    if signals.action >= Action.REFINE:
        yield (
            (policy.refine if policy.refine is not None else step_above(asked, policy.ceiling)),
            "the guard refined it",
        )
    near = signals.near >= policy.near
    if near:
        yield policy.near_floor, f"near to a rule ({signals.near:.2f} of the threshold)"
    if signals.severity is not None and (near or signals.action >= Action.REFINE):
        yield _at_least(policy.severity, signals.severity), f"a rule of {signals.severity} severity is concerned"
    if signals.undetermined:
        yield policy.undetermined, "an engine gave no answer"
    if signals.refused_before:
        yield policy.refused_before, f"{signals.refused_before} refused turn(s) before"


def step_above(asked: Level | None, ceiling: Level) -> Level:
    """One step more than was asked for, medium at least; none where nothing was asked: a model may have none."""
    if asked is None:
        return Level.NONE
    more = max(Level.MEDIUM, Level(min(asked + 1, Level.HIGH)), asked)
    return min(more, ceiling)


def _at_least(floors: Mapping[Severity, Level], severity: Severity) -> Level:
    """The floor of a severity: a worse one asks for no less than a milder one."""
    order = list(Severity)
    reached = order[: order.index(severity) + 1]
    return max((floors.get(one, Level.NONE) for one in reached), default=Level.NONE)
