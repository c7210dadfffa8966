"""How often a grader is right, as counts kept beside it, so that an interval over its grades can carry its errors."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from solon.core.errors import WeightsError
from solon.core.stats import Interval, clopper_pearson


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderQuality:
    """Counts of a measurement against labels. What the grader left ``unscored`` is counted apart, as it is in use."""

    grader: str
    digest: str
    """Of the grader that was measured, 16 hex digits; another grader's counts say nothing of this one."""
    labels: str
    """Which rows, who labelled them."""
    hits: int
    """Labelled as given, graded success."""
    misses: int
    """Labelled as given, graded failure."""
    rejections: int
    """Labelled as refused, graded failure."""
    false_alarms: int
    """Labelled as refused, graded success."""
    unscored_given: int = 0
    unscored_refused: int = 0

    @property
    def sensitivity(self) -> Interval:
        """The share of given ones found, among those scored; exact interval."""
        return clopper_pearson(self.hits, self.hits + self.misses)

    @property
    def specificity(self) -> Interval:
        """The share of refused ones found, among those scored; exact interval."""
        return clopper_pearson(self.rejections, self.rejections + self.false_alarms)

    @property
    def coverage(self) -> Interval:
        """The share of answers that were scored at all; exact interval."""
        scored = self.hits + self.misses + self.rejections + self.false_alarms
        return clopper_pearson(scored, scored + self.unscored_given + self.unscored_refused)


@cache
def qualities() -> tuple[GraderQuality, ...]:
    """What ``benchmarks/graders.py`` measured and wrote to ``quality.json``.

    Raises:
        WeightsError: where the file is missing or damaged.
    """
    path = files("solon.engines.graders").joinpath("quality.json")
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return tuple(GraderQuality(**row) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"cannot be read: {error}", place=str(path), repair="Run benchmarks/graders.py.") from error


def quality_of(grader: str, digest: str) -> tuple[GraderQuality, ...]:
    """The measurements of exactly this grader; empty where it was changed since, or never measured."""
    return tuple(found for found in qualities() if found.grader == grader and found.digest == digest[:16])
