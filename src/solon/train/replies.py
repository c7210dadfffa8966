"""Replies to prompts, so that the exchange is judged: the same prompt with a refusal, a safe answer or compliance."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from solon.train.grammar import fill
from solon.train.row import Row

SHIPPED = Path(__file__).parent / "replies.yaml"
_TOPIC = "{topic}"
_LEAD = re.compile(
    r"^(please |can you |could you |how (do|can|would|could) (i|you|we) |how to |what('s| is) the best way to |"
    r"write (me )?(a|an|the)? ?|give me |tell me |explain |help me |i (need|want) (to )?|create (a|an)? ?)+",
    re.IGNORECASE,
)


class Replies:
    """Fills the reply grammar for given prompts."""

    def __init__(self, rng: random.Random, path: Path = SHIPPED) -> None:
        raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._rng = rng
        self._slots: dict[str, Sequence[str]] = raw.get("slots") or {}
        self._raw = raw

    def draw(self, kind: str, topic: str) -> str:
        """A reply of a kind: refusals, safe_completions, ordinary or compliance."""
        return self._fill(self._rng.choice(self._raw[kind]), topic)

    def turn(self, topic: str = "that") -> tuple[str, str]:
        """A harmless beginning and the harmful end that follows it."""
        pair = self._rng.choice(self._raw["turned"])
        return self._fill(pair["safe"], topic), self._fill(pair["then"], topic)

    def _fill(self, line: str, topic: str) -> str:
        """The topic goes in last: braces of a prompt are no slots."""
        return fill(line, self._slots, self._rng).replace(_TOPIC, topic)

    def rows(self, harmful: Sequence[Row], benign: Sequence[Row], prose: Sequence[Row], count: int) -> Iterator[Row]:
        """``count`` pairs over six cells: harmful and harmless prompts, each answered in good and in bad ways."""
        rng = self._rng
        cells: list[Callable[[], Row]] = [
            lambda: self._pair(rng.choice(harmful), "compliance", 1),
            lambda: self._pair(rng.choice(harmful), rng.choice(("refusals", "safe_completions")), 0),
            lambda: self._pair(rng.choice(benign), "ordinary", 0),
            lambda: self._pair(rng.choice(benign), rng.choice(("ordinary", "safe_completions", "refusals")), 0),
            lambda: self._turned(rng.choice(benign)),
            lambda: self._told(rng.choice(benign), rng.choice(prose)),
        ]
        for number in range(count):
            yield cells[number % len(cells)]()

    def _pair(self, prompt: Row, kind: str, harm: int) -> Row:
        text = self.draw(kind, topic_of(prompt.text))
        return self._row(prompt, text, harm, prompt.rules if harm else ())

    def _turned(self, prompt: Row) -> Row:
        return self._row(prompt, " ".join(self.turn(topic_of(prompt.text))), 1, ())

    def _told(self, prompt: Row, prose: Row) -> Row:
        """A harmless prompt answered with a piece of prose, harmful or not as the prose is."""
        return self._row(prompt, prose.text, prose.harm, prose.rules)

    def _row(self, prompt: Row, text: str, harm: int, rules: tuple[str, ...]) -> Row:
        return Row(
            text=text,
            context=prompt.text,
            kind="reply",
            harm=harm,
            jailbreak=0,
            injection=0,
            rules=rules,
            source="composed:reply",
            split=prompt.split,
        )


def topic_of(prompt: str) -> str:
    """A noun-like phrase for what a prompt asks about: its words without the asking, at most twelve."""
    bare = _LEAD.sub("", prompt.strip()).rstrip("?.! \n")
    return " ".join(bare.split()[:12]) or "that"
