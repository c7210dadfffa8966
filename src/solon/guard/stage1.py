"""Stage 1 and 2 without a judge: segments to one risk a rule, through views, windows, engines and stacks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from solon.core.policy import Policy
from solon.core.verdict import Span
from solon.engines.classifiers.encoder import SIZE, Window
from solon.engines.classifiers.minors import RULE, SEXUAL_RULES, mentions_minor
from solon.engines.classifiers.ngram import FORMS
from solon.engines.classifiers.scout import GUESSED
from solon.engines.classifiers.weights import Weights
from solon.engines.ensemble.pool import soft_top
from solon.engines.ensemble.stack import RULE_GAP, Stack, risk, rule_family
from solon.engines.normalize import Budget, Normalized, Normalizer, View, blanked, veil
from solon.guard.own_rules import OwnRules
from solon.guard.parts import Part, Parts
from solon.guard.segments import DOCUMENT, REPLY, TEXT, Segment

Floats = npt.NDArray[np.float32]
MOST_WINDOWS = 320
"""Windows of one segment that the encoder reads at most: the riskiest by the cheap engines, which read them all."""
RISKIEST_WINDOWS = 16
"""Windows that the encoder reads of a segment whose windows the scout has ranked: a buried request was among the first
twelve in all of 90 documents of 8k word pieces (docs/LOG.md)."""
_QUOTES = " \t\n\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
_CHUNK = 200_000
"""Characters of a view that are tokenised at once."""
_UNHURRIED = Budget(ms=30_000)
_WARMING = (
    "Decode: 48656c6c6f20776f726c64 SGVsbG8gd29ybGQsIGhvdyBhcmUgeW91PyBJIGFtIGZpbmUu uryyb jbeyq "
    "\u0440\u0430\u03bf\u200b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A segment's risks by rule, the view windows behind them, and what the normalizer found."""

    segment: Segment
    risks: dict[str, float]
    families: dict[str, float]
    best: dict[str, Span]
    views: tuple[View, ...]
    unscannable: tuple[tuple[int, int], ...]
    exhausted: str | None
    n_windows: int
    n_encoded: int
    encoder: Floats | None
    ngram: Floats
    summary: Floats | None = None
    """The encoder's unit-length summary of the window riskiest in content; ``None`` where it was left out."""
    guesses: Floats = field(default_factory=lambda: np.zeros((0, len(GUESSED)), np.float32))
    """What the scout guessed of every window (windows, guessed); empty in weights without a scout."""


@dataclass(slots=True)
class _Reading:
    """One segment on its way: windows of all its views, cheap scores, and the rows it has in the encoder's batch."""

    segment: Segment
    normalized: Normalized
    context: tuple[int, ...]
    windows: list[Window] = field(default_factory=list[Window])
    owners: list[int] = field(default_factory=list[int])
    cheap: Floats = field(default_factory=lambda: np.zeros((0, len(FORMS)), np.float32))
    guesses: Floats = field(default_factory=lambda: np.zeros((0, len(GUESSED)), np.float32))
    chosen: list[int] = field(default_factory=list[int])
    parts: list[Part] = field(default_factory=list[Part])


class _ViewScore(NamedTuple):
    families: dict[str, float]
    risks: dict[str, float]
    encoder: Floats | None
    ngram: Floats


class Stage1:
    """Engines of one policy and one set of weights; safe to share between threads."""

    def __init__(self, policy: Policy, weights: Weights, *, budget: Budget | None = None, cascade: bool = True) -> None:
        self.policy = policy
        self.weights = weights
        self.cascade = cascade
        self._budget = budget or Budget()
        ensemble: dict[str, Any] = weights.manifest["ensemble"]
        self._stacks = {
            kind: {family: Stack.read(raw) for family, raw in stacks.items()}
            for kind, stacks in ensemble["stacks"].items()
        }
        self._skip = {kind: np.array(cuts, np.float32) for kind, cuts in ensemble["skip"].items()}
        self._scout_cut: dict[str, float] = ensemble.get("scout_cut", {})
        self._parts = Parts(weights, gap=float(ensemble["parts"]["gap"])) if "parts" in ensemble else None
        self._columns = {head: number for number, head in enumerate(weights.heads)}
        self._content = [
            number
            for head, number in self._columns.items()
            if head.startswith("rule:") and rule_family(head.removeprefix("rule:")) == "harm"
        ]
        self._own = OwnRules(policy, weights, self.summarise)
        self._form_columns: dict[str, list[int]] = {}
        for head, number in self._columns.items():
            if head.startswith("rule:") and (family := rule_family(head.removeprefix("rule:"))) != "harm":
                self._form_columns.setdefault(family, []).append(number)
        self._trained = [
            (rule.id, rule_family(rule.id), self._columns[f"rule:{rule.id}"])
            for rule in policy.rules
            if rule.id in set(weights.rules)
        ]

    def score(self, segments: Sequence[Segment]) -> list[Scored]:
        """Risks of every segment.

        A document is also read as if a user had typed it: a command to the model is one wherever it stands.
        """
        readings = [self._read(segment, self._normalizer.views(segment.text)) for segment in segments]
        typed = {
            place: self._read(replace(reading.segment, kind=TEXT), reading.normalized, as_typed=True)
            for place, reading in enumerate(readings)
            if reading.segment.kind == DOCUMENT
        }
        scored = self._judge([*readings, *typed.values()])
        for place, as_typed in zip(typed, scored[len(readings) :], strict=True):
            scored[place] = _commanding(scored[place], as_typed)
        return scored[: len(readings)]

    def _judge(self, readings: Sequence[_Reading]) -> list[Scored]:
        """Have the encoder read what each reading chose, and join the engines."""
        jobs = [(reading.windows[place], reading.context) for reading in readings for place in reading.chosen]
        parts = [(part.window, ()) for reading in readings for part in reading.parts]
        if jobs or parts:
            logits, summaries = self.weights.encoder.run(*zip(*jobs, *parts, strict=True))
        else:
            logits, summaries = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
        scored: list[Scored] = []
        first, part = 0, len(jobs)
        for reading in readings:
            last, parted = first + len(reading.chosen), part + len(reading.parts)
            whole = self._combine(reading, logits[first:last], summaries[first:last])
            scored.append(self._with_parts(whole, reading, logits[part:parted]))
            first, part = last, parted
        return scored

    @cached_property
    def _normalizer(self) -> Normalizer:
        """Warmed up: what codecs load on first use must not run out the time budget of the first text judged."""
        Normalizer(budget=_UNHURRIED).views(_WARMING)
        return Normalizer(budget=self._budget)

    def _context(self, segment: Segment) -> tuple[int, ...]:
        if segment.kind == TEXT:
            return ()
        return self.weights.encoder.context(segment.context if segment.kind == REPLY else segment.kind)

    def _read(self, segment: Segment, normalized: Normalized, *, as_typed: bool = False) -> _Reading:
        """Windows and cheap scores of all views; chooses the windows and parts the encoder must read."""
        reading = _Reading(segment, normalized, self._context(segment))
        cheap: list[Floats] = []
        room = SIZE - 2 if segment.kind == TEXT else SIZE - 3 - len(reading.context)
        parted = segment.kind == TEXT and not as_typed
        for number, view in enumerate(reading.normalized.views):
            # Quotation marks round a whole text say nothing of it, but hide it from an encoder that was not shown them.
            plain = veil(view.text if number else blanked(view.text, reading.normalized.decoded))
            lead = len(plain) - len(plain.lstrip(_QUOTES))
            bare = plain.strip(_QUOTES)
            for low in range(0, max(1, len(bare)), _CHUNK):
                text = bare[low : low + _CHUNK + 400]
                code = self.weights.encoder.encode(text)
                windows = self.weights.encoder.cut(code, room)
                if not windows:
                    continue
                parts = self._parts.of(text, code) if self._parts is not None and parted else []
                places = np.array([(window.start, window.end) for window in [*windows, *parts]], np.int64)
                scores = self.weights.ngram.score_windows(text, places)
                cheap.append(scores[: len(windows)])
                shift = low + lead
                reading.windows += [_moved(window, shift) for window in windows]
                reading.owners += [number] * len(windows)
                reading.parts += [
                    Part(view=number, window=_moved(window, shift), ngram=float(score[FORMS.index("harm")]))
                    for window, score in zip(parts, scores[len(windows) :], strict=True)
                ]
        if cheap:
            reading.cheap = np.concatenate(cheap)
            if self.weights.scout is not None:
                reading.guesses = self.weights.scout.guess([window.ids for window in reading.windows])
            reading.chosen = self._choose(reading)
        if self._parts is not None:
            reading.parts = self._parts.riskiest(reading.parts, cascade=self.cascade and not self._must_read)
        return reading

    def _choose(self, reading: _Reading) -> list[int]:
        """Windows the encoder must read: those where the cheap engines are not certain of a harmless text."""
        if not len(reading.guesses):
            return self._choose_by_ngrams(reading)
        kind = reading.segment.kind
        place = reading.guesses[:, 0]
        riskiest = np.argsort(-place, kind="stable")
        if self.cascade and not self._must_read:
            if len(reading.normalized.views) == 1:
                riskiest = riskiest[place[riskiest] > self._scout_cut.get(kind, -math.inf)]
            riskiest = riskiest[:RISKIEST_WINDOWS]
        return sorted(int(number) for number in riskiest[:MOST_WINDOWS])

    def _choose_by_ngrams(self, reading: _Reading) -> list[int]:
        """The same for weights without a scout, by a cut in every family."""
        wanted = np.arange(len(reading.cheap))
        if self.cascade and not self._must_read and len(reading.normalized.views) == 1:
            wanted = np.flatnonzero((reading.cheap > self._skip[reading.segment.kind]).any(axis=1))
        if len(wanted) > MOST_WINDOWS:
            worst = np.logaddexp.reduce(reading.cheap[wanted], axis=1)
            wanted = np.sort(wanted[np.argsort(-worst, kind="stable")[:MOST_WINDOWS]])
        return [int(place) for place in wanted]

    def _combine(self, reading: _Reading, logits: Floats, summaries: Floats) -> Scored:
        """Every view is pooled and judged on its own, and the riskiest speaks: more views never dilute a text."""
        by_view = [self._view(reading, logits, number) for number in range(len(reading.normalized.views))]
        risks: dict[str, float] = {rule: max(one.risks[rule] for one in by_view) for rule in by_view[0].risks}
        _compose_minors(risks, reading.normalized.views)
        risks.update(self._own.risks(summaries))
        self._patched(risks, summaries)
        families = {family: max(one.families[family] for one in by_view) for family in by_view[0].families}
        worst = max(by_view, key=lambda one: max(one.families.values()))
        return Scored(
            segment=reading.segment,
            risks=risks,
            families={family: float(risk(u)) for family, u in families.items()},
            best=self._spans(reading, logits),
            views=reading.normalized.views,
            unscannable=reading.normalized.unscannable,
            exhausted=reading.normalized.exhausted,
            n_windows=len(reading.windows),
            n_encoded=len(reading.chosen),
            encoder=worst.encoder,
            ngram=worst.ngram,
            summary=summaries[int(logits[:, FORMS.index("harm")].argmax())] if len(summaries) else None,
            guesses=reading.guesses,
        )

    def _with_parts(self, whole: Scored, reading: _Reading, logits: Floats) -> Scored:
        """The whole's scores, or those of its riskiest part where that is riskier on a scale of its own."""
        if self._parts is None or not reading.parts:
            return whole
        stack = self._stacks[TEXT]["harm"]
        column = FORMS.index("harm")
        risks, families, best = dict(whole.risks), dict(whole.families), dict(whole.best)
        for part, row in zip(reading.parts, logits, strict=True):
            best_rule = float(row[self._content].max())
            u = stack.tail(float(row[column]), best_rule, part.ngram, 1) - self._parts.gap
            found = self._by_rule({"harm": u}, row, best_rule)
            risks = {rule: max(value, found.get(rule, 0.0)) for rule, value in risks.items()}
            if float(risk(u)) > families["harm"]:
                families["harm"] = float(risk(u))
                best["harm"] = _span(reading, part.view, part.window)
        _compose_minors(risks, whole.views)
        return replace(whole, risks=risks, families=families, best=best)

    def _patched(self, risks: dict[str, float], summaries: Floats) -> None:
        """What the findings' head says goes to the riskiest of the rules that were broken."""
        patch = self.weights.patch
        known = [rule for rule in patch.rules if rule in risks] if patch is not None else []
        if patch is not None and known and len(summaries):
            found = patch.place(float(soft_top(patch.score(summaries)[:, None])[0]))
            worst = max(known, key=lambda rule: risks[rule])
            risks[worst] = max(risks[worst], float(risk(found)))

    @property
    def _must_read(self) -> bool:
        """Whether heads that the cheap engines know nothing of need the encoder's summary of every text."""
        return bool(self._own.rules) or self.weights.patch is not None

    def _view(self, reading: _Reading, logits: Floats, number: int) -> "_ViewScore":
        """Engines pooled over one view's windows, its families' places on the benign scale and its rules' risks."""
        own = [place for place, owner in enumerate(reading.owners) if owner == number]
        rows = [row for row, place in enumerate(reading.chosen) if reading.owners[place] == number]
        pooled = soft_top(logits[rows]) if rows else None
        cheap = soft_top(reading.cheap[own]) if own else np.full(len(FORMS), -12.0, np.float32)
        best_rule = float(pooled[self._content].max()) if pooled is not None else -12.0
        families: dict[str, float] = {}
        for family, stack in self._stacks[reading.segment.kind].items():
            column = FORMS.index(family)
            if pooled is None and own and len(reading.guesses):  # where the encoder was left out, the guess stands
                families[family] = float(reading.guesses[own, 1 + column].max())
                continue
            encoder = None if pooled is None else float(pooled[column])
            families[family] = stack.tail(encoder, best_rule, float(cheap[column]), len(own))
        return _ViewScore(families, self._by_rule(families, pooled, best_rule), pooled, cheap)

    def _by_rule(self, families: dict[str, float], pooled: Floats | None, best_rule: float) -> dict[str, float]:
        """A family's risk goes to its best rule whole, and to the others less by the gap of their logits."""
        tops = {"harm": best_rule}
        if pooled is not None:
            tops |= {family: float(pooled[columns].max()) for family, columns in self._form_columns.items()}
        risks: dict[str, float] = {}
        for rule, family, column in self._trained:
            if family not in families:
                risks[rule] = 0.0
                continue
            u = families[family]
            if pooled is not None:
                u += (float(pooled[column]) - tops[family]) / RULE_GAP
            risks[rule] = float(risk(u))
        return risks

    def summarise(self, texts: Sequence[str]) -> Floats:
        """Unit-length summaries (texts, width) of the first window of each text."""
        encoder = self.weights.encoder
        windows = [(encoder.windows(text) or [Window(start=0, end=0, ids=())])[0] for text in texts]
        return encoder.run(windows)[1]

    def _spans(self, reading: _Reading, logits: Floats) -> dict[str, Span]:
        """Where in the original each family's riskiest window lies."""
        spans: dict[str, Span] = {}
        if not reading.windows:
            return spans
        for number, family in enumerate(FORMS):
            if len(logits):
                place = reading.chosen[int(logits[:, number].argmax())]
            else:
                place = int(reading.cheap[:, number].argmax())
            spans[family] = _span(reading, reading.owners[place], reading.windows[place])
        return spans


def _moved(window: Window, shift: int) -> Window:
    """The window at its place in the whole view."""
    return Window(start=window.start + shift, end=window.end + shift, ids=window.ids)


def _span(reading: _Reading, owner: int, window: Window) -> Span:
    """Where in the original a window of one of its views lies."""
    view = reading.normalized.views[owner]
    start, end = view.locate(window.start, window.end)
    base = reading.segment.base
    return Span(segment=reading.segment.name, start=base + start, end=base + end, path=view.path)


def _commanding(document: Scored, typed: Scored) -> Scored:
    """A document's scores, with the risk that it commands the model as high as its words would have if typed."""
    risks = {
        rule: value if rule_family(rule) == "harm" else max(value, typed.risks[rule])
        for rule, value in document.risks.items()
    }
    families, best = dict(document.families), dict(document.best)
    for family, value in typed.families.items():
        if family != "harm" and value > families.get(family, 0.0):
            families[family] = value
            if family in typed.best:
                best[family] = typed.best[family]
    return replace(document, risks=risks, families=families, best=best)


def _compose_minors(risks: dict[str, float], views: Sequence[View]) -> None:
    """Sexual risk in a text that mentions a minor is the risk of the rule that protects them."""
    sexual = max((risks.get(rule, 0.0) for rule in SEXUAL_RULES), default=0.0)
    if RULE in risks and sexual > max(risks[RULE], 0.1) and any(mentions_minor(view.text) for view in views):
        risks[RULE] = sexual
