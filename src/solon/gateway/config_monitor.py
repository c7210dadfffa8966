"""What an operator may say of the monitor and of the memory of refusals: two sections of a policy."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from solon.engines.monitor.overthinking import Ratios
from solon.gateway.config_base import Settings
from solon.gateway.session import Persistence


class MonitorSettings(Settings):
    """Reads reasoning, prompts and tool calls for signs of manipulation and deceit. It records, and stops nothing."""

    enabled: bool = False
    """Watch. Off by default: its heads find few signs of deceit yet, and what it costs was not measured."""
    actions: Literal["off", "record"] = "record"
    """Rule on tool calls too, as `approve`, `refine` or `hold`, in the record."""
    spend_limit: float | None = Field(default=None, ge=0)
    """Amount of one call above which the ruling is `hold`; none by default."""
    trusted: tuple[str, ...] = ()
    """Hosts, addresses and accounts that tools may reach whoever named them; `example.org` is all of it."""
    always_hold: tuple[str, ...] = ()
    """Tools whose calls a person always confirms."""
    reasoning_least: PositiveInt = 2_000
    """Reasoning tokens below which nothing is overthought."""
    reasoning_to_prompt: PositiveFloat = 20.0
    """Reasoning tokens for one of the prompt from which it may be."""
    reasoning_to_answer: PositiveFloat = 20.0
    """And for one of the answer; both must be passed, and what the model usually spends where that is known."""

    @property
    def ratios(self) -> Ratios:
        """For the engine."""
        return Ratios(
            least=self.reasoning_least, to_prompt=self.reasoning_to_prompt, to_answer=self.reasoning_to_answer
        )


class PersistenceSettings(Settings):
    """How a refusal stays with its conversation; the memory itself is under `session`."""

    halved_after: PositiveFloat = 2.0
    """Turns after which a refusal weighs half as much."""
    forgotten: float = Field(default=0.2, gt=0, lt=1)
    """Weight below which it counts no more: with the defaults after five turns."""
    lift: float = Field(default=1.5, ge=0, le=6)
    """How far a rephrasing of what was refused is taken to be riskier, in powers of ten of benign traffic."""
    rephrased: Literal["refine", "block"] = "refine"
    """The most that likeness to what was refused may do."""

    @property
    def memory(self) -> Persistence:
        """For the session."""
        return Persistence(
            halved_after=self.halved_after,
            forgotten=self.forgotten,
            lift=self.lift,
            blocks=self.rephrased == "block",
        )
