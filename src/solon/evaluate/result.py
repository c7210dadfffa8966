"""What came of one sample: a line of a result file, and all that tables, comparisons and gates read."""

from dataclasses import asdict, dataclass
from typing import Any

from solon.core.action import Action
from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.core.policy import ResponseStyle

LAYERS = ("input", "provider", "model", "output", "judge")
"""Where a sample can be stopped, in the order in which it passes; ``model`` is the model's own refusal, ``judge`` the
guard's judge on request or reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One sample, answered.

    ``outcome`` counts as the asker does, on both sides: success is a harmful request that got through or a legitimate
    one that was answered, failure one that was stopped. ``action`` is a guard's own. ``layers`` are those on its way,
    ``layer`` is the first that stopped it, empty where none did. ``asked`` is the style that the rule asks for,
    ``shown`` the one that was given, empty where nobody could say. ``error`` says why there is no answer.
    """

    suite: str
    id: str
    benign: bool
    outcome: Outcome
    action: str = ""
    layer: str = ""
    layers: tuple[str, ...] = ()
    risk: float | None = None
    rules: tuple[str, ...] = ()
    rule: str = ""
    category: str = ""
    lang: str = ""
    length: str = ""
    group: str = ""
    asked: str = ""
    shown: str = ""
    error: str = ""

    @property
    def stopped(self) -> bool | None:
        """Whether it was stopped; ``None`` where that is not known (unscored, error)."""
        if self.outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            return self.outcome is Outcome.FAILURE
        return None

    @property
    def key(self) -> tuple[str, str]:
        """What names the sample: suite and id."""
        return self.suite, self.id

    @property
    def cluster(self) -> str:
        """The group within its suite, or the sample by itself."""
        return f"{self.suite}/{self.group or self.id}"

    def to_json(self) -> dict[str, Any]:
        """The fields that say something; nothing of the sample's text."""
        fields = {name: value for name, value in asdict(self).items() if value not in ("", (), None)}
        return {**fields, "outcome": str(self.outcome)}

    @classmethod
    def from_json(cls, fields: dict[str, Any], place: str) -> "Result":
        """Read what ``to_json`` wrote.

        Raises:
            SuiteError: for anything else.
        """
        try:
            made = dict(fields, outcome=Outcome(fields["outcome"]))
            for name in ("rules", "layers"):
                made[name] = tuple(made.get(name, ()))
            return cls(**made)
        except (KeyError, TypeError, ValueError) as error:
            raise SuiteError(
                f"is no result: {type(error).__name__}: {error}", place=place, repair="Name a file of solon evaluate."
            ) from None


def style_of_action(action: Action) -> ResponseStyle:
    """What a guard's action makes of the answer: permit leaves it, refine asks for a safe completion, block refuses."""
    return (ResponseStyle.COMPLY, ResponseStyle.SAFE_COMPLETION, ResponseStyle.REFUSE)[int(action)]
