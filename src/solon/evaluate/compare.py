"""Two versions over the same samples: what changed, where, and whether it can be told from chance.

A row says what one sample came to under one version. Samples are matched by ``id``; whatever is in one run only, or
without a verdict in either, is counted and left out of the test, never taken for a side.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.core.stats import Interval
from solon.evaluate.metrics.clustered import clustered_outcomes
from solon.evaluate.metrics.paired import Difference, clustered_difference, paired
from solon.evaluate.metrics.planning import pairs_to_separate
from solon.evaluate.metrics.rates import jeffreys
from solon.evaluate.metrics.several import holm

BY = ("suite", "rule", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one sample came to. For a harmful sample success means that the attack got through (lower is better);
    for a ``benign`` one that a legitimate request was answered (higher is better).

    ``cluster`` joins samples that are variants of one thing; empty: the sample stands by itself.
    """

    id: str
    outcome: Outcome
    benign: bool = False
    suite: str = ""
    rule: str = ""
    language: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One stratum (``by`` and ``name``; all samples where both are empty) under both versions.

    ``p`` is corrected for all changes of the comparison. ``needed`` says how many pairs would separate a change of the
    size seen with power 0.8, where these could not; ``None`` where none was seen.
    """

    by: str
    name: str
    benign: bool
    before: Interval
    after: Interval
    difference: Difference
    p: float
    separated: bool
    needed: int | None

    @property
    def better(self) -> bool | None:
        """Whether the second version is better; ``None`` where the two cannot be told apart."""
        return (self.difference.value > 0) == self.benign if self.separated else None

    @property
    def says(self) -> str:
        """The finding in words."""
        if self.difference.n == 0:
            return "nothing to compare: no sample has a verdict under both versions"
        if self.separated:
            return "better" if self.better else "worse"
        if self.needed is None:
            return f"cannot separate: as many changed one way as the other among {self.difference.n}"
        more = self.needed if self.needed > self.difference.n else None
        tail = f"{more} samples would be needed for a change of this size" if more else "too close after correction"
        return f"cannot separate: {tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All changes, and what was left out: samples in one run only, and pairs without two verdicts."""

    first: str
    second: str
    changes: tuple[Change, ...]
    only_first: int
    only_second: int
    without_verdict: int
    confidence: float
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def separated(self) -> tuple[Change, ...]:
        """The changes that hold after correction."""
        return tuple(change for change in self.changes if change.separated)


def compare(
    first: Iterable[Row], second: Iterable[Row], *, names: tuple[str, str] = ("first", "second"),
    by: Sequence[str] = BY, confidence: float = 0.95,
) -> Comparison:  # fmt: skip
    """Pair two runs and test the whole and each stratum, harmful and benign samples apart.

    Strata of one value are left out (they are the whole). P-values are corrected together (Holm). Where samples come in
    clusters, intervals and tests go over clusters.

    Raises:
        SuiteError: where a run names a sample twice, a sample changes sides, or the runs share nothing.
    """
    unknown = [name for name in by if name not in BY]
    if unknown:
        raise SuiteError(f"cannot compare by {unknown[0]!r}", place="by", repair=f"name some of {', '.join(BY)}")
    one, two = _by_id(first, names[0]), _by_id(second, names[1])
    shared = [key for key in one if key in two]
    if not shared:
        raise SuiteError(
            f"{names[0]} ({len(one)} samples) and {names[1]} ({len(two)}) share no sample", place="compare",
            repair="run both versions over the same suite and revision",
        )  # fmt: skip
    for key in shared:
        if one[key].benign != two[key].benign:
            raise SuiteError(
                f"sample {key!r} is benign in one run and harmful in the other", place="compare",
                repair="run both versions over the same revision of the suite",
            )  # fmt: skip
    pairs = [(one[key], two[key]) for key in shared if _scored(one[key]) and _scored(two[key])]
    drafts = [
        _change(stratum, name, benign, chosen, confidence)
        for stratum, name, benign, chosen in _strata(pairs, by)
    ]  # fmt: skip
    corrected = holm([draft.difference.p for draft in drafts])
    level = 1 - confidence
    changes = tuple(
        _corrected(draft, p, level) for draft, p in zip(drafts, corrected, strict=True)
    )  # fmt: skip
    return Comparison(
        first=names[0], second=names[1], changes=changes, only_first=len(one) - len(shared),
        only_second=len(two) - len(shared), without_verdict=len(shared) - len(pairs), confidence=confidence,
        notes=_notes(len(drafts), len(shared), len(pairs), len(one), len(two)),
    )  # fmt: skip


Pairs = Sequence[tuple[Row, Row]]


def _strata(pairs: Pairs, by: Sequence[str]) -> list[tuple[str, str, bool, Pairs]]:
    found: list[tuple[str, str, bool, Pairs]] = []
    for benign in (False, True):
        side = [pair for pair in pairs if pair[0].benign == benign]
        if not side:
            continue
        found.append(("", "", benign, side))
        for stratum in by:
            named: dict[str, list[tuple[Row, Row]]] = {}
            for pair in side:
                named.setdefault(str(getattr(pair[0], stratum)), []).append(pair)
            if len(named) > 1:
                found += [(stratum, name, benign, named[name]) for name in sorted(named)]
    return found


def _change(by: str, name: str, benign: bool, pairs: Pairs, confidence: float) -> Change:
    before = [row.outcome is Outcome.SUCCESS for row, _ in pairs]
    after = [row.outcome is Outcome.SUCCESS for _, row in pairs]
    clusters = [row.cluster or row.id for row, _ in pairs]
    alone = len(set(clusters)) == len(clusters)
    if alone:
        lost = sum(a and not b for a, b in zip(before, after, strict=True))
        gained = sum(b and not a for a, b in zip(before, after, strict=True))
        difference = paired(lost, gained, len(pairs), confidence=confidence)
        rates = [jeffreys(sum(side), len(side), confidence=confidence) for side in (before, after)]
    else:
        difference = clustered_difference(before, after, clusters, confidence=confidence)
        rates = [clustered_outcomes(side, clusters, confidence=confidence).interval for side in (before, after)]
    return Change(
        by=by, name=name, benign=benign, before=rates[0], after=rates[1], difference=difference, p=difference.p,
        separated=False, needed=None,
    )  # fmt: skip


def _corrected(draft: Change, p: float, level: float) -> Change:
    difference, separated = draft.difference, p <= level
    needed = None
    if not separated and difference.n:
        n = difference.n
        needed = pairs_to_separate(difference.only_first / n, difference.only_second / n, confidence=1 - level)
        worth = _design(difference)
        needed = math.ceil(needed * worth) if needed is not None else None
    return Change(
        by=draft.by, name=draft.name, benign=draft.benign, before=draft.before, after=draft.after,
        difference=difference, p=p, separated=separated, needed=needed,
    )  # fmt: skip


def _design(difference: Difference) -> float:
    """How much wider the clustered interval is than that of as many independent pairs, squared; 1 without clusters."""
    if not difference.clusters:
        return 1.0
    plain = paired(difference.only_first, difference.only_second, difference.n, confidence=difference.confidence)
    return max(1.0, ((difference.high - difference.low) / (plain.high - plain.low)) ** 2)


def _notes(tests: int, shared: int, scored: int, first: int, second: int) -> tuple[str, ...]:
    notes = [f"{tests} comparisons, corrected together (Holm): the chance of even one false change is held."]
    if scored < shared:
        notes.append(f"{shared - scored} of {shared} shared samples have no verdict under both versions: left out.")
    if first + second > 2 * shared:
        notes.append(f"{first + second - 2 * shared} samples are in one run only: left out.")
    return tuple(notes)


def _by_id(rows: Iterable[Row], run: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        if row.id in found:
            raise SuiteError(
                f"sample {row.id!r} appears twice", place=run, repair="give each sample and try its own id"
            )
        found[row.id] = row
    return found


def _scored(row: Row) -> bool:
    return row.outcome in (Outcome.SUCCESS, Outcome.FAILURE)
