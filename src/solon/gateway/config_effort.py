"""What an operator says of reasoning effort: floors, a ceiling, caps, and what is done where a cap is reached."""

from functools import cached_property
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from solon.core.errors import ConfigError
from solon.core.policy import Severity
from solon.engines.router.budget import Caps
from solon.engines.router.level import Level
from solon.engines.router.plan import EffortPolicy
from solon.gateway.config_base import Settings, Share, misplaced

LevelName = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
SeverityName = Literal["low", "medium", "high", "critical"]


class EffortCaps(Settings):
    """The most that may be used; what is left out is no bound."""

    reasoning_tokens: NonNegativeInt | None = None
    """Tokens of reasoning."""
    output_tokens: NonNegativeInt | None = None
    """Tokens of output, reasoning among them."""
    usd: NonNegativeFloat | None = None
    """US dollars, by the price table. Models without a price are refused under such a cap."""

    @property
    def caps(self) -> Caps:
        """As the router has them."""
        return Caps(**self.model_dump())


class EffortSettings(Settings):
    """How much thought requests get on a route. Signals raise the floor; a client may ask for more, never for less."""

    floor: LevelName = "none"
    """The least, whatever the request."""
    ceiling: LevelName = "max"
    """The most, whatever a client asks."""
    default: LevelName | None = None
    """What is sent where a client asks for nothing; the model's own otherwise."""
    refine: LevelName | None = None
    """Floor for what the guard refines; one step above what the client asked for otherwise."""
    undetermined: LevelName = "none"
    """Floor where an engine gave no answer."""
    refused_before: LevelName = "none"
    """Floor after a refusal in the same conversation, for as long as it is remembered."""
    near: Share = 0.5
    """Share of the threshold for refinement from which a request counts as near to a rule."""
    near_floor: LevelName = "none"
    """Floor for requests that come near to a rule."""
    severity: dict[SeverityName, LevelName] = Field(default_factory=dict[SeverityName, LevelName])
    """Floors by the worst severity among the rules concerned; worse ones have that of milder ones at least."""
    caps: EffortCaps = EffortCaps()
    """Of one request."""
    session: EffortCaps = EffortCaps()
    """Of one conversation, for as long as a worker remembers it."""
    on_breach: Literal["stop", "answer", "refuse"] = "stop"
    """Where a cap is reached: `stop` ends the reply as if at its length, `answer` asks once more for a short answer if
    none has begun (reasoning is held back until then), `refuse` ends it with the notice."""
    answer_tokens: PositiveInt = 1024
    """Tokens of output for that short answer."""
    notice: str = Field(default="This answer was stopped: it reached the limit set for it.", min_length=10)
    """What a client is told under `refuse`."""
    on_unsupported: Literal["pass", "refuse"] = "pass"
    """Where a model must have some effort and nothing is known of how it is told: pass it on as it is, or refuse."""

    @model_validator(mode="after")
    def _floors_fit(self) -> Self:
        try:
            _ = self.policy
        except ConfigError as error:
            raise misplaced(error.problem, tuple(error.place.split("."))) from None
        most = self.caps.output_tokens
        if self.on_breach == "answer" and most is not None and self.answer_tokens >= most:
            raise misplaced(f"{self.answer_tokens} leave nothing of caps.output_tokens {most}", ("answer_tokens",))
        return self

    @cached_property
    def policy(self) -> EffortPolicy:
        """As the router has it."""
        names = ("floor", "ceiling", "default", "refine", "undetermined", "refused_before", "near_floor")
        levels = {name: None if (word := getattr(self, name)) is None else Level.parse(word) for name in names}
        return EffortPolicy(
            **levels,  # pyright: ignore[reportArgumentType]
            near=self.near,
            severity={Severity(name): Level.parse(level) for name, level in self.severity.items()},
            caps=self.caps.caps,
            session=self.session.caps,
            on_breach=self.on_breach,
            on_unsupported=self.on_unsupported,
        )
