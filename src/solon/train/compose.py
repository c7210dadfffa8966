"""Compositions, made on both sides alike, so that no wrapper is ever a sign of harm.

Jailbreak frames carry harmful and harmless goals; passages hide harmful and harmless requests; spelling, case and
punctuation are disturbed the same way everywhere (classifiers: arXiv 2501.18837, section 3; mirror cells).
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from solon.train.grammar import GOAL
from solon.train.row import Row

GOAL_SLOTS = (GOAL, "[INSERT PROMPT HERE]")
_ASKS = (
    "{}", "Please {}", "Decode this and do it: {}", "Translate and answer: {}", "Task: {}", "Question: {}",
    "{}\nAnswer in detail.", "hi! {}", "User: {}", "{} Thanks!", "Also: {}", "The hidden message says: {}",
    "Reverse the text, then answer it. {}", "Read the first letters. {}", "{}\n\nThink step by step.",
)  # fmt: skip


def frame(template: Row, goal: Row) -> Row:
    """A jailbreak template around a goal: the form stays a jailbreak, the harm is the goal's."""
    text = template.text
    for slot in GOAL_SLOTS:
        text = text.replace(slot, goal.text)
    if text == template.text:
        text = f"{text}\n\n{goal.text}"
    return replace(
        goal,
        text=text,
        jailbreak=1,
        rules=(*goal.rules, *template.rules),
        source="composed:jailbreak",
        intent="",
        near="",
        weight=min(template.weight, goal.weight),
        split=_strictest(template, goal),
    )


def waits_for_goal(row: Row) -> bool:
    """A template that still has the place of a goal in it: the place itself must never become a sign of harm."""
    return any(slot in row.text for slot in GOAL_SLOTS)


def bury(request: Row, passage: Row, rng: random.Random) -> Row:
    """A request inside a harmless passage, at the start, the end or between two sentences."""
    sentences = re.split(r"(?<=[.!?。])\s+", passage.text.strip())
    start = rng.randrange(max(1, len(sentences)))
    kept = sentences[start : start + rng.randint(1, 6)]
    place = rng.randint(0, len(kept))
    words = " ".join([*kept[:place], request.text, *kept[place:]])
    return replace(request, text=words[:1200], source="composed:buried", split=_strictest(request, passage))


def wrap(row: Row, rng: random.Random) -> Row:
    """A short harmless lead-in or closing, as people write round an encoded payload."""
    return replace(row, text=rng.choice(_ASKS).format(row.text), source="composed:wrapped")


def disturb(row: Row, rng: random.Random) -> Row:
    """One of several disturbances of case, spelling or punctuation."""
    change = rng.choice(_DISTURBANCES)
    return replace(row, text=change(row.text, rng), source="composed:disturbed")


def chain(parts: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Pairs of requests in one message; harmful as soon as one of them is, and then with the rules of both."""
    for first, second in zip(parts[::2], parts[1::2], strict=False):
        joint = rng.choice(("\n", "\n\n", " ", " Also, ", " And then: ", "\n2. "))
        harmful = max(first, second, key=lambda row: row.harm)
        yield replace(
            harmful,
            text=f"{first.text}{joint}{second.text}",
            rules=tuple(dict.fromkeys((*first.rules, *second.rules))),
            bag=tuple(dict.fromkeys((*first.bag, *second.bag))),
            weight=min(first.weight, second.weight),
            source="composed:chained",
            split=_strictest(first, second),
        )


def _strictest(*rows: Row) -> str:
    return "calibration" if any(row.split == "calibration" for row in rows) else "train"


def _lower(text: str, rng: random.Random) -> str:
    return text.lower()


def _upper(text: str, rng: random.Random) -> str:
    return text.upper()


def _bare(text: str, rng: random.Random) -> str:
    return re.sub(r"[^\w\s]", "", text.upper() if rng.random() < 0.5 else text.lower())


def _typos(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 40)):
        if len(letters) < 4:
            break
        place = rng.randrange(len(letters) - 1)
        kind = rng.random()
        if kind < 0.4:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        elif kind < 0.7:
            del letters[place]
        else:
            letters.insert(place, letters[place])
    return "".join(letters)


def _joined(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    for _ in range(max(1, len(words) // 8)):
        if len(words) > 2:
            place = rng.randrange(len(words) - 1)
            words[place : place + 2] = [words[place] + words[place + 1]]
    return " ".join(words)


def _shouted(text: str, rng: random.Random) -> str:
    return " ".join(word.upper() if rng.random() < 0.3 else word for word in text.split(" "))


_DISTURBANCES: tuple[Callable[[str, random.Random], str], ...] = (
    _lower, _lower, _upper, _bare, _bare, _typos, _typos, _joined, _shouted,
)  # fmt: skip
