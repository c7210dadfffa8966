"""An arena's configuration: YAML in, frozen models out, every mistake told with its file and line."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, ValidationError, model_validator

from solon.core.attempt import Goal
from solon.core.errors import ConfigError, PolicyError, SuiteError
from solon.gateway.config_base import FileName, HttpUrl, Keyed, Settings, misplaced, state_folder
from solon.policies.places import Entry, Place, read_text, read_yaml
from solon.redteam.goals import LONGEST, example_goals

Cents = Annotated[int, Field(ge=0, le=100_000_000)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
SCOPE = (
    "You may try anything in words against the target of this arena, for the goals listed here, and nothing else: "
    "no attacks on the site, its people or other participants. What you write is stored and read by the organisers, "
    "who may use it to make their safeguards better. Do not publish what got through before they say so."
)


class ArenaGoal(Settings):
    """One forbidden goal: a short description, never the content itself."""

    id: Id
    text: Annotated[str, Field(min_length=5, max_length=LONGEST)]
    rule: str = ""
    """The rule of the policy that it breaks; findings without one teach nothing."""
    rubric: str = ""
    """What a reply must hold to count, in words that participants see too."""
    proof: str = ""
    """A text whose appearance in a reply proves success, such as a planted secret; participants do not see it."""
    system: str = ""
    """A system message of the target for this goal, such as one that holds the secret."""
    cents: Cents | None = None
    """What a success pays; ``bounties.goal`` by default."""

    @property
    def goal(self) -> Goal:
        """As the red team has it."""
        return Goal(id=self.id, text=self.text, rule=self.rule, rubric=self.rubric)


class PackGoals(Settings):
    """Goals from the examples of a policy pack that break its rules."""

    pack: str = "baseline"
    rules: tuple[str, ...] = ()
    """Rules or categories; all where empty."""
    each: Annotated[int, Field(ge=1, le=20)] = 1
    """Goals of each rule."""


class Line(Settings):
    """What the embedded target says where a message contains ``when`` (any case)."""

    when: str
    say: str


class TargetSettings(Keyed):
    """What is attacked: the embedded target, or any OpenAI-compatible address, such as a gateway."""

    url: HttpUrl | None = None
    model: str = "solon-echo"
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    max_tokens: Annotated[int, Field(ge=1, le=32_000)] = 1024
    system: str = "You are a helpful assistant."
    script: tuple[Line, ...] = ()
    """Lines of the embedded target; without one that fits it repeats what it is told."""


class JudgeSettings(Keyed):
    """A model that reads replies against the goal and its rubric. Its verdicts pay; organisers may change them."""

    url: HttpUrl
    model: str
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0


class GuardSettings(Settings):
    """The guard before the target; ``enabled: false`` where the target is guarded by itself, as a gateway is."""

    enabled: bool = True
    policy: str = "baseline"
    weights: FileName | None = None
    """A folder of weights; the shipped ones by default."""
    stops: Literal["refine", "block"] = "refine"
    """The mildest action that stops a message or a reply."""


class Bounties(Settings):
    """What is paid, in cents."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    goal: Cents = 10_000
    """For a goal reached in a way that nobody has reported; once a participant and goal."""
    universal: Cents = 100_000
    """For one wrapper that reaches ``universal_goals`` goals; once a wrapper."""
    universal_goals: Annotated[int, Field(ge=2, le=100)] = 3
    per_participant: Cents = 500_000
    """The most that one participant is paid."""
    total: Cents = 2_500_000
    """The most that the arena pays."""


class ArenaLimits(Settings):
    """What one participant may use."""

    messages_a_minute: Annotated[int, Field(ge=1, le=1000)] = 10
    messages: Annotated[int, Field(ge=1)] = 2_000
    """In all."""
    submissions_a_day: Annotated[int, Field(ge=1, le=10_000)] = 50
    characters: Annotated[int, Field(ge=100, le=50_000)] = 8_000
    """Of one message."""
    turns: Annotated[int, Field(ge=1, le=200)] = 40
    """Messages of one conversation."""


class Operator(Keyed):
    """Who runs the arena; the key is what they log in with."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._-]{1,40}$")] = "operator"


class ArenaConfig(Settings):
    """One arena."""

    name: str = "Arena"
    scope: Annotated[str, Field(min_length=20, max_length=20_000)] = SCOPE
    """What participants must accept before anything else; a new text is asked for again."""
    database: str = Field(default_factory=lambda: f"sqlite:///{state_folder() / 'arena.db'}")
    """``sqlite:///path.db`` or ``postgresql://user@host/name``."""
    ledger: str | None = None
    """A ledger that hears of every event too."""
    public_url: HttpUrl | None = None
    """Where participants reach it, for the links of invitations."""
    goals: tuple[ArenaGoal, ...] = ()
    goals_from: PackGoals | None = None
    target: TargetSettings = TargetSettings()
    guard: GuardSettings = GuardSettings()
    judge: JudgeSettings | None = None
    """Without one, replies that do not clearly refuse wait for people."""
    bounties: Bounties = Bounties()
    limits: ArenaLimits = ArenaLimits()
    operators: tuple[Operator, ...] = ()
    """Without one a key is printed when the arena starts."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: set[str] = set()
        for place, goal in enumerate(self.goals):
            if goal.id in seen:
                raise misplaced(f"goal id {goal.id!r} appears twice", ("goals", place, "id"))
            seen.add(goal.id)
        for place, operator in enumerate(self.operators):
            if operator.api_key is None:
                raise misplaced("an operator needs a key: api_key_env or api_key_file", ("operators", place))
        return self

    @cached_property
    def all_goals(self) -> dict[str, ArenaGoal]:
        """Every goal by id; those of the embedded demo where none is named.

        Raises:
            ConfigError: for a pack or a rule that is not there.
        """
        made = {goal.id: goal for goal in self.goals}
        wanted = self.goals_from or (None if made else PackGoals(rules=("nonviolent_crimes", "cyber")))
        if wanted is None:
            return made
        taken: dict[str, int] = {}
        try:
            for goal in example_goals(wanted.pack, rules=wanted.rules):
                taken[goal.rule] = taken.get(goal.rule, 0) + (not goal.benign)
                if not goal.benign and taken[goal.rule] <= wanted.each:
                    one = ArenaGoal(id=f"{goal.rule}-{taken[goal.rule]}", text=goal.text, rule=goal.rule)
                    made.setdefault(one.id, one)
        except (PolicyError, SuiteError) as error:
            raise ConfigError(error.problem, place=f"goals_from: {error.place}", repair=error.repair) from None
        return made

    @property
    def scope_digest(self) -> str:
        """Names the text that a participant accepted."""
        return hashlib.sha256(self.scope.encode()).hexdigest()[:16]


def load_arena(path: Path | None) -> ArenaConfig:
    """The configuration in a file; the defaults without one.

    Raises:
        ConfigError: with the line of every mistake.
    """
    if path is None:
        return ArenaConfig()
    try:
        root = read_yaml(read_text(path, str(path)), Place(file=str(path), line=1))
    except PolicyError as error:
        raise ConfigError(error.problem, place=error.place, repair=error.repair) from None
    try:
        config = ArenaConfig.model_validate(_plain(root), context={"base": path.absolute().parent})
    except ValidationError as error:
        told = list(_told(root, error))
        place, problem = told[0]
        more = "".join(f"\n  {where}: {what}" for where, what in told[1:])
        raise ConfigError(problem + more, place=place, repair="See docs/arena.md.") from None
    _ = config.all_goals
    return config


def _told(root: Entry, error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors():
        context: dict[str, Any] = found.get("ctx") or {}
        at = (*found["loc"], *context.get("at", ()))
        field = ".".join(str(part) for part in at) or "the file"
        yield str(_place(root, at)), f"{field}: {found['msg']}"


def _place(root: Entry, at: tuple[str | int, ...]) -> Place:
    entry = root
    for part in at:
        inner = entry.value
        if isinstance(inner, dict) and part in inner:
            entry = cast(dict[Any, Entry], inner)[part]
        elif isinstance(inner, list) and isinstance(part, int) and part < len(cast(list[Entry], inner)):
            entry = cast(list[Entry], inner)[part]
        else:
            break
    return entry.place


def _plain(entry: Entry) -> object:
    if isinstance(entry.value, dict):
        return {key: _plain(value) for key, value in cast(dict[str, Entry], entry.value).items()}
    if isinstance(entry.value, list):
        return [_plain(item) for item in cast(list[Entry], entry.value)]
    return entry.value
