"""The written norm: a policy, its categories and their rules."""

from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from solon.core.action import Action
from solon.core.record import digest


class ResponseStyle(StrEnum):
    """How a model should answer where a rule applies (arXiv 2412.16339, section 2)."""

    COMPLY = "comply"
    SAFE_COMPLETION = "safe_completion"
    REFUSE = "refuse"


class Severity(StrEnum):
    """How bad a missed violation is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Examples(_Frozen):
    """A rule's own unit tests: texts that break it and texts that only look as if they did."""

    forbidden: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class Rule(_Frozen):
    """One testable clause.

    ``action`` is the strictest action the rule may ask for; ``on_undetermined`` is what it asks for when
    no engine could say. ``notice`` is the only wording a client ever sees.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")
    title: str = Field(min_length=3)
    forbidden: str = Field(min_length=20)
    allowed: str = Field(min_length=20)
    notice: str = Field(min_length=10)
    style: ResponseStyle = ResponseStyle.REFUSE
    severity: Severity = Severity.MEDIUM
    action: Action = Action.BLOCK
    on_undetermined: Action = Action.REFINE
    examples: Examples = Examples()

    @field_validator("action", "on_undetermined", mode="before")
    @classmethod
    def _read_action(cls, value: object) -> object:
        return Action.parse(value) if isinstance(value, str) else value

    @property
    def text(self) -> str:
        """The rule in words, as a judge or the policy-reasoning engine reads it."""
        return f"{self.title}. Forbidden: {self.forbidden} Allowed: {self.allowed}"


class Category(_Frozen):
    """A chapter: rules about one hazard, with its place in public taxonomies."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    description: str = ""
    taxonomies: dict[str, tuple[str, ...]] = {}
    rules: tuple[Rule, ...]


class BenignBudget(_Frozen):
    """Shares of benign traffic that may be stopped, and that may be stopped or refined (DESIGN 5.8)."""

    block: float = Field(default=0.005, gt=0, lt=0.5)
    flag: float = Field(default=0.01, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _ordered(self) -> "BenignBudget":
        if self.flag < self.block:
            raise ValueError(f"flag {self.flag} must not be below block {self.block}")
        return self


class Policy(_Frozen):
    """A whole policy pack. Its ``digest`` names the version everywhere."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    version: str
    description: str = ""
    benign_budget: BenignBudget = BenignBudget()
    categories: tuple[Category, ...]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in the order of the pack."""
        return tuple(rule for category in self.categories for rule in category.rules)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON form, as 64 hex digits."""
        return digest(self.model_dump(mode="json"))

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id.

        Raises:
            KeyError: where the policy has no such rule.
        """
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    @model_validator(mode="after")
    def _unique(self) -> "Policy":
        seen: set[str] = set()
        for category in self.categories:
            for rule in category.rules:
                if rule.id in seen:
                    raise ValueError(f"rule {rule.id} appears twice")
                if not rule.id.startswith(category.id + "."):
                    raise ValueError(f"rule {rule.id} must start with its category {category.id}.")
                seen.add(rule.id)
        return self
