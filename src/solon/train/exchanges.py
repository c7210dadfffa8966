"""Replies cut as a stream judges them: windows of some twenty to eighty word pieces that end anywhere.

A harmful reply begins harmlessly more often than not. Its windows are labelled by what they hold: harmless before the
onset, harmful once enough of the harm is in them, and left out in between.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from solon.guard.stream import BEHIND
from solon.train.passages import SIDES, load_passages
from solon.train.replies import Replies
from solon.train.row import Row

ENOUGH = 48
"""Characters of harm in a window from which on it must be recognised."""
_STRETCH = (60, 120)
"""Characters that a judgement is ahead of the one before: some twenty-four word pieces."""
_BRIDGES = (
    " ", "\n\n", "\n\n", " That said, ", "\n\n---\n\n", " Anyway. ", " By the way: ", "\n\nNow to the other part. ",
    " And further: ", "\n\nPS: ", " So. ", " Here is the rest. ",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A reply to ``prompt``; ``onset`` is where it turns harmful, ``None`` for a harmless one."""

    prompt: Row
    text: str
    onset: int | None
    rules: tuple[str, ...] = ()
    near: str = ""


def windows(told: Told, rng: random.Random, *, most: int) -> list[Row]:
    """Up to ``most`` labelled windows of a reply, at random places among those a stream would judge."""
    made: list[Row] = []
    read = 0
    while read < len(told.text):
        before, read = read, min(len(told.text), read + rng.randint(*_STRETCH))
        low = max(0, before - BEHIND)
        low = told.text.find(" ", low) + 1 if low else 0
        label = _label(told, low, read)
        if label is not None and read - low >= 12:
            made.append(_row(told, told.text[low:read], label))
    return made if len(made) <= most else rng.sample(made, most)


def _label(told: Told, low: int, high: int) -> int | None:
    if told.onset is None or high <= told.onset:
        return 0
    whole = len(told.text) - told.onset  # a short harmful reply need not reach ENOUGH
    return 1 if high - max(low, told.onset) >= min(ENOUGH, whole) else None


def _row(told: Told, text: str, harm: int) -> Row:
    return Row(
        text=text,
        context=told.prompt.text,
        kind="reply",
        harm=harm,
        jailbreak=0,
        injection=0,
        rules=told.rules if harm else (),
        near="" if harm else told.near,
        source="composed:stream",
        split=told.prompt.split,
    )


class Exchanges:
    """Composes replies of both sides from passages, hand-written replies, statements, and licensed harmless replies."""

    def __init__(self, rng: random.Random, rows: Sequence[Row]) -> None:
        self._rng = rng
        self._replies = Replies(rng)
        asked = [row for row in rows if row.kind == "text" and 8 < len(row.text) < 400 and row.jailbreak != 1]
        self._harmful = [row for row in asked if row.harm == 1 and row.weight >= 0.6]
        self._benign = [row for row in asked if row.benign]
        passages = load_passages()
        self._passages = {side: [part for part in passages if part.side == side] for side in SIDES}
        prose = [row for row in rows if row.source.startswith("grammar:prose")]
        self._prose = {
            "harmful": [row for row in prose if row.harm == 1 and row.rules],
            "benign": [row for row in prose if row.benign],
        }
        self._real = [row for row in rows if row.kind == "reply" and row.harm == 0 and row.source == "star1"]
        self._plain = [row for row in rows if row.benign and row.kind == "text" and len(row.text) > 200]

    def rows(self, count: int) -> Iterator[Row]:
        """About ``count`` windows, two fifths of them harmful."""
        made = 0
        while made < count:
            told = self._turns_bad() if self._rng.random() < 0.5 else self._stays_good()
            for row in windows(told, self._rng, most=3):
                made += 1
                yield row

    def apart(self, count: int) -> Iterator[Row]:
        """``count`` whole replies that teach nothing, a third of them harmful, to set the threshold of a stream.

        A budget is spent on replies, not on windows, so they are not cut here; the harmless ones are made of passages
        and licensed texts that were set apart.
        """
        rng = self._rng
        quiet = [row for row in self._real + self._plain if row.split == "calibration"]
        prompts = [row for row in self._harmful + self._benign if row.split == "calibration"]
        for number in range(count):
            prompt = rng.choice(prompts)
            if number % 3 == 0:
                told = self._turns_bad()
                row = replace(_row(told, told.text, 1), context=prompt.text, split="calibration")
            else:
                parts = ["\n\n".join(rng.choice(self._passages["apart"]).lay_out(rng)).strip() for _ in range(2)]
                licensed = rng.choice(quiet).text
                kept = rng.choice((parts[:1], parts, [licensed[:1500]], [licensed[:600], parts[0]]))
                text = rng.choice(_BRIDGES).join(kept)
                row = replace(_row(Told(prompt=prompt, text=text, onset=None), text, 0), split="calibration")
            yield replace(row, source="composed:apart")

    def _turns_bad(self) -> Told:
        """A harmful reply, mostly after a harmless beginning, to a prompt of either side."""
        rng = self._rng
        text, rules, opening = self._bad()
        before = f"{self._innocent()}{rng.choice(_BRIDGES)}" if rng.random() < 0.6 else ""
        if opening:
            before += f"{opening}\n\n"
        prompt = self._prompt(rules[0] if rules else "", harmful=0.45)
        after = f"\n\n{self._innocent()}" if rng.random() < 0.15 else ""
        return Told(prompt=prompt, text=before + text + after, onset=len(before), rules=rules)

    def _stays_good(self) -> Told:
        """A harmless reply of the same make, to a prompt of either side."""
        rng = self._rng
        near = ""
        kind = rng.random()
        if kind < 0.5:
            passage = rng.choice(self._passages["benign"])
            opening, body = passage.lay_out(rng)
            text, near = f"{opening}\n\n{body}".strip(), passage.rule
        elif kind < 0.6:
            text = " ".join(row.text for row in rng.sample(self._prose["benign"], rng.randint(1, 3)))
        elif kind < 0.75 and self._real:
            text = rng.choice(self._real).text
        elif kind < 0.85 and self._plain:
            text = rng.choice(self._plain).text[:1500]
        else:
            text = self._replies.draw(rng.choice(("ordinary", "safe_completions", "refusals")), "that")
        before = f"{self._innocent()}{rng.choice(_BRIDGES)}" if rng.random() < 0.4 else ""
        return Told(prompt=self._prompt(near, harmful=0.45), text=before + text, onset=None, near=near)

    def _bad(self) -> tuple[str, tuple[str, ...], str]:
        """A harmful text, the rules it breaks, and what a model says before it."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.6:
            passage = rng.choice(self._passages["harmful"])
            opening, body = passage.lay_out(rng)
            return body, (passage.rule,), opening
        if kind < 0.75:
            first = rng.choice(self._prose["harmful"])
            alike = [row for row in self._prose["harmful"] if row.rules == first.rules and row is not first]
            more = rng.sample(alike, min(len(alike), rng.randint(0, 3)))
            return " ".join(row.text for row in (first, *more)), first.rules, ""
        if kind < 0.9:
            return self._replies.draw("compliance", "that"), (), ""
        return self._replies.turn()[1], (), ""

    def _innocent(self) -> str:
        """The harmless beginning of a reply: whole sentences, at most some four hundred characters."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.45:
            text = self._replies.draw(rng.choice(("ordinary", "ordinary", "safe_completions", "refusals")), "that")
        elif kind < 0.75:
            text = rng.choice(self._passages["benign"]).lay_out(rng)[1]
        elif kind < 0.85 and self._real:
            text = rng.choice(self._real).text
        else:
            text = rng.choice(self._plain).text if self._plain else self._replies.draw("ordinary", "that")
        sentences = re.split(r"(?<=[.!?:])\s+", text.strip())
        kept = ""
        for sentence in sentences:
            kept = f"{kept} {sentence}".strip()
            if len(kept) > rng.randint(40, 400):
                break
        return kept[:600]

    def _prompt(self, rule: str, *, harmful: float) -> Row:
        """A prompt for a reply: with the given share a harmful one, of the same rule where there are some."""
        rng = self._rng
        if rng.random() >= harmful:
            return rng.choice(self._benign)
        for _ in range(40):
            row = rng.choice(self._harmful)
            if not rule or rule in (*row.rules, *row.bag):
                return row
        return rng.choice(self._harmful)


def cut(row: Row, rng: random.Random, *, most: int = 2) -> list[Row]:
    """Windows of a whole labelled reply, which keep its label: a reply that complies does so throughout."""
    told = Told(prompt=row, text=row.text, onset=0 if row.harm == 1 else None, rules=row.rules)
    return [replace(part, context=row.context, source=row.source, weight=row.weight) for part in
            windows(told, rng, most=most)]  # fmt: skip
