"""A decision with everything behind it: views, windows, engines' logits, rules and the nearest training texts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from solon.core.decision import Decision
from solon.core.exchange import Exchange
from solon.core.verdict import Span
from solon.engines.classifiers.neighbours import Neighbour, read_neighbours
from solon.engines.classifiers.ngram import FORMS
from solon.engines.classifiers.scout import GUESSED
from solon.engines.normalize import View
from solon.guard.guard import Guard, as_exchange
from solon.guard.segments import input_segments
from solon.guard.stage1 import Scored
from solon.guard.stream import Stream

_TOP_LOGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision, what every text of the exchange scored, and the training texts nearest to the worst one."""

    decision: Decision
    scored: tuple[Scored, ...]
    worst: Scored | None
    neighbours: tuple[Neighbour, ...]


def explain(guard: Guard, exchange: Exchange | str, *, nearest: int = 5) -> Explanation:
    """Judge an exchange as ``Guard.check`` does and keep everything it rests on; costs one more window."""
    started = time.perf_counter()
    exchange = as_exchange(exchange)
    scored = guard.score(exchange)
    if exchange.response is not None:
        stream = Stream(guard, exchange, scored=scored)
        stream.push(exchange.response)
        stream.finish()
        scored = [*scored, *stream.scored]
    decision = guard.conclude(exchange, scored)
    decision = replace(decision, elapsed_ms=1e3 * (time.perf_counter() - started))
    worst = max(scored, key=lambda part: max(part.families.values()), default=None)
    neighbours = _nearest(guard, worst, nearest) if worst else ()
    return Explanation(decision=decision, scored=tuple(scored), worst=worst, neighbours=neighbours)


def explanation_json(guard: Guard, explanation: Explanation) -> dict[str, Any]:
    """What an explanation adds to ``decision_json``."""
    return {
        "segments": [scored_json(guard, scored) for scored in explanation.scored],
        "neighbours": [
            {"similarity": near.similarity, "side": near.side, "rules": list(near.rules), "text": near.text}
            for near in explanation.neighbours
        ],
    }


def scored_json(guard: Guard, scored: Scored) -> dict[str, Any]:
    """One text's views, windows, logits and family risks. The encoder's logits are null where it was left out."""
    logits: dict[str, float] | None = None
    if scored.encoder is not None:
        logits = dict(zip(guard.weights.heads, map(float, scored.encoder), strict=True))
    return {
        "segment": scored.segment.name,
        "kind": scored.segment.kind,
        "start": scored.segment.base,
        "characters": len(scored.segment.text),
        "views": [{"path": list(view.path), "bits": view.bits, "text": view.text[:500]} for view in scored.views],
        "windows": scored.n_windows,
        "encoded": scored.n_encoded,
        "exhausted": scored.exhausted,
        "unscannable": [list(span) for span in scored.unscannable],
        "encoder": logits,
        "ngram": dict(zip(FORMS, map(float, scored.ngram), strict=True)),
        "scout": dict(zip(GUESSED, map(float, scored.guesses.max(0)), strict=True)) if len(scored.guesses) else None,
        "families": scored.families,
    }


def top_logits(guard: Guard, scored: Scored, prefix: str, *, most: int = _TOP_LOGITS) -> list[tuple[str, float]]:
    """The encoder's highest logits among heads of a prefix (``rule:``, ``intent:``), highest first."""
    if scored.encoder is None:
        return []
    named = zip(guard.weights.heads, map(float, scored.encoder), strict=True)
    own = [(head.removeprefix(prefix), value) for head, value in named if head.startswith(prefix)]
    return sorted(own, key=lambda pair: -pair[1])[:most]


def text_of(exchange: Exchange, span: Span) -> str:
    """The original characters of a span; empty where the exchange has no such text."""
    if span.segment == "response":
        return (exchange.response or "")[span.start : span.end]
    for segment in input_segments(exchange):
        if segment.name == span.segment:
            return segment.text[span.start : span.end]
    return ""


def read_as(scored: Sequence[Scored], span: Span) -> str:
    """What the codecs of a span read there; empty where the span is plain text."""
    for part in scored:
        base = part.segment.base
        if not span.path or part.segment.name != span.segment:
            continue
        for view in part.views:
            if view.path == span.path:
                return _behind(view, span.start - base, span.end - base)
    return ""


def _behind(view: View, start: int, end: int) -> str:
    """The characters of a view that come from ``[start, end)`` of the original."""
    starts, ends = view.offsets.arrays(len(view.text))
    inside = ((starts >= start) & (ends <= end)).nonzero()[0]
    return view.text[int(inside[0]) : int(inside[-1]) + 1] if len(inside) else ""


def _nearest(guard: Guard, scored: Scored, most: int) -> tuple[Neighbour, ...]:
    """Training texts nearest to the riskiest window of the text."""
    known = read_neighbours(guard.weights.folder, guard.weights.manifest["files"])
    family = max(scored.families, key=lambda name: scored.families[name])
    span = scored.best.get(family)
    if known is None or span is None:
        return ()
    view = next((view for view in scored.views if view.path == span.path), scored.views[0])
    text = _behind(view, span.start - scored.segment.base, span.end - scored.segment.base)
    windows = guard.weights.encoder.windows(text)
    if not windows:
        return ()
    _, summaries = guard.weights.encoder.run(windows[:1])
    return tuple(known.nearest(summaries[0], most))
