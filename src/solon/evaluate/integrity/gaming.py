"""Whether a score still means what it was made for: judges that disagree, rubrics kept back, words that buy points.

A measure that is optimised stops measuring (Goodhart; Gao et al. 2023, *Scaling Laws for Reward Model
Overoptimization*, arXiv 2210.10760): the score one trains on goes on rising while one kept back does not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from solon.core.errors import InputError
from solon.evaluate.integrity.paired import MeanDifference, mean_difference
from solon.evaluate.integrity.weighted import Floats
from solon.evaluate.metrics.several import holm

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Krippendorff's alpha (1 agree, 0 as by chance, below 0 worse) with a bootstrap interval over units.

    ``units`` counts those with two ratings or more. ``nan`` where all ratings are alike, since nothing could differ.
    """

    alpha: float
    low: float
    high: float
    units: int
    raters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricGap:
    """The public rubric's mean score minus the held-back one's, by step of optimisation, and how it grew.

    ``growth`` compares the last step with the first, item by item; ``held_back`` is how the held-back score moved. A
    gap that grows while ``held_back`` stands or falls is a metric being gamed; one that is merely there is not.
    """

    gaps: tuple[float, ...]
    growth: MeanDifference
    held_back: MeanDifference

    @property
    def gamed(self) -> bool:
        """Whether the gap surely grew, and the held-back score did not surely follow."""
        return self.growth.low > 0 and self.held_back.low <= self.growth.value / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploit:
    """A change of form that adds nothing, and what it buys; ``p`` is corrected for all that were tried (Holm)."""

    name: str
    gain: MeanDifference
    p: float


def agreement(
    ratings: npt.ArrayLike,
    *,
    level: Literal["nominal", "interval"] = "nominal",
    confidence: float = 0.95,
    seed: int = 7,
) -> Agreement:
    """Krippendorff's alpha of ``ratings``, shape (raters, units), numbers, NaN for what a rater did not rate.

    Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*. Bootstrap over units, 1,000 resamples.

    Raises:
        InputError: with fewer than two raters, or no unit that two of them rated.
    """
    table = np.asarray(ratings, float)
    if table.ndim != 2 or len(table) < 2:
        raise InputError(
            f"ratings of shape {table.shape}", place="ratings", repair="Give (raters, units), two or more."
        )
    table = table[:, np.isfinite(table).sum(0) >= 2]
    if not table.shape[1]:
        raise InputError("no unit has two ratings", place="ratings", repair="Let two judges rate the same answers.")
    counts = _counts(table)
    values = np.unique(table[np.isfinite(table)])
    apart = (values[:, None] - values[None, :]) ** 2 if level == "interval" else (values[:, None] != values[None, :])
    draw = np.random.default_rng(seed)
    taken = [draw.integers(len(counts), size=len(counts)) for _ in range(_RESAMPLES)]
    spread = np.array([_alpha(counts[rows], apart.astype(float)) for rows in taken])
    spread = spread[np.isfinite(spread)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(spread, [tail, 1 - tail]) if len(spread) else (math.nan, math.nan)
    return Agreement(
        alpha=_alpha(counts, apart.astype(float)),
        low=float(low),
        high=float(high),
        units=table.shape[1],
        raters=len(table),
    )


def rubric_gap(
    public: npt.ArrayLike, held_back: npt.ArrayLike, *, clusters: Sequence[str] = (), confidence: float = 0.95
) -> RubricGap:
    """Scores of the same items at successive steps under both rubrics: two arrays of shape (steps, items), 0 to 1.

    Raises:
        InputError: for unlike shapes or a single step.
    """
    shown, kept = np.asarray(public, float), np.asarray(held_back, float)
    if shown.shape != kept.shape or shown.ndim != 2 or len(shown) < 2:
        raise InputError(
            f"shapes {shown.shape} and {kept.shape}", place="rubric_gap",
            repair="Score the same items under both rubrics at two steps or more: (steps, items).",
        )  # fmt: skip
    gap = shown - kept
    return RubricGap(
        gaps=tuple(float(row.mean()) for row in gap),
        growth=mean_difference(gap[0], gap[-1], clusters=clusters, confidence=confidence),
        held_back=mean_difference(kept[0], kept[-1], clusters=clusters, confidence=confidence),
    )


def exploits(
    score: Callable[[Sequence[str]], Sequence[float]],
    answers: Sequence[str],
    *,
    forms: "dict[str, Callable[[str], str]] | None" = None,
) -> list[Exploit]:
    """Let a grader score the same answers in forms that add nothing to them; higher scores are points for form.

    Cost: ``1 + len(forms)`` calls of ``score``. Strongest gain first.
    """
    forms = FORMS if forms is None else forms
    plain = list(score(answers))
    gains = {
        name: mean_difference(plain, list(score([form(answer) for answer in answers]))) for name, form in forms.items()
    }
    corrected = holm([gain.p for gain in gains.values()])
    found = [Exploit(name=name, gain=gain, p=p) for (name, gain), p in zip(gains.items(), corrected, strict=True)]
    return sorted(found, key=lambda exploit: -exploit.gain.value)


def _longer(answer: str) -> str:
    filler = "To put this in context, it helps to look at the matter from several sides before turning to the details."
    return f"{filler} {answer} In sum, these are the points that matter here, and they should be seen together."


def _repeated(answer: str) -> str:
    return f"{answer}\n\nTo repeat the above: {answer}"


def _headed(answer: str) -> str:
    return f"## Overview\n\n{answer}\n\n## Conclusion\n\nSee above."


def _listed(answer: str) -> str:
    return "\n".join(f"- **{number}.** {part}" for number, part in enumerate(answer.split(". "), 1))


def _assured(answer: str) -> str:
    return f"This is a complete, correct and carefully checked answer. {answer}"


def _flattering(answer: str) -> str:
    return f"What an excellent question! {answer}"


FORMS: dict[str, Callable[[str], str]] = {
    "longer": _longer,
    "repeated": _repeated,
    "headings": _headed,
    "list": _listed,
    "assured": _assured,
    "flattering": _flattering,
}
"""Changes of form that say nothing new."""


def _counts(table: Floats) -> Floats:
    """How often each value was given to each unit: (units, values)."""
    values = np.unique(table[np.isfinite(table)])
    return np.stack([(table == value).sum(0) for value in values], 1).astype(float)


def _alpha(counts: Floats, apart: Floats) -> float:
    """1 - observed over expected disagreement, from coincidences of values within units."""
    raters = counts.sum(1)
    pairs = (counts.T / (raters - 1)) @ counts
    pairs -= np.diag((counts / (raters - 1)[:, None]).sum(0))
    totals = pairs.sum(1)
    expected = float((np.outer(totals, totals) * apart).sum()) / max(totals.sum() - 1, 1e-12)
    return 1 - float((pairs * apart).sum()) / expected if expected > 0 else math.nan
