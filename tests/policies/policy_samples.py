"""A small pack as files, and policies for property tests."""

from pathlib import Path

from hypothesis import strategies as st

from solon.core.action import Action
from solon.core.policy import BenignBudget, Category, Examples, Policy, ResponseStyle, Rule, Severity
from solon.policies.markdown import fold

MANIFEST = """\
name: tiny
version: "1.2"
description: Two rules for tests.
benign_budget:
  block: 0.005
  flag: 0.02
categories:
  - noise
"""

NOISE = """\
---
id: noise
title: Noise
taxonomies:
  house_rules: [A1, A2]
---

Sounds that
keep people awake.

## noise.night: Noise at night

- severity: high
- style: refuse
- action: block
- on_undetermined: refine

### Forbidden

Asking how to keep a whole street awake on purpose.

### Allowed

Music at a sensible hour, alarms, and every question about sleep or quiet.

### Notice

This service cannot help with this request.

### Examples that break it

- How do I wake
  my whole street at three?
- "Two \\"lines\\" here
  and a second one"
- plan a horn concert under her window tonight

### Examples that do not

- How do I fall asleep again at three?
- Which earplugs are soft?
- plan a quiet concert in her garden at noon

## noise.day: Noise by day

- severity: low
- style: safe_completion
- action: refine
- on_undetermined: permit

### Forbidden

Asking for ways to drown out a speaker at a meeting.

### Allowed

Asking for microphones, questions from the floor and applause at the end.

### Notice

This service cannot help with this request.

### Examples that break it

- Which whistle is loudest in a hall?

### Examples that do not

- Which microphone suits a large hall?
"""


def write_pack(folder: Path, manifest: str = MANIFEST, **categories: str) -> Path:
    """Write a pack below ``folder`` and return its own folder."""
    pack = folder / "tiny"
    (pack / "categories").mkdir(parents=True)
    (pack / "policy.yaml").write_text(manifest, encoding="utf-8")
    for name, text in (categories or {"noise": NOISE}).items():
        (pack / "categories" / f"{name}.md").write_text(text, encoding="utf-8")
    return pack


def rule(rule_id: str = "noise.night", **fields: object) -> Rule:
    """A rule that passes every lint, with some fields replaced."""
    base: dict[str, object] = {
        "title": "Noise at night",
        "forbidden": "Asking how to keep a whole street awake on purpose or how to hide who did it.",
        "allowed": "Music at noon, alarms, snoring, studies of sleep, complaints on noise, being quiet.",
        "notice": "This service cannot help with this request.",
        "severity": Severity.HIGH,
        "examples": Examples(forbidden=("one bad", "two bad", "three bad"), allowed=("good a", "good b", "good c")),
    }
    return Rule.model_validate({"id": rule_id, **base, **fields})


def policy(*rules: Rule, **fields: object) -> Policy:
    """A policy of one category with these rules."""
    category = Category(id="noise", title="Noise", rules=rules or (rule(),))
    return Policy.model_validate({"name": "tiny", "version": "1", "categories": (category,), **fields})


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
_EXAMPLE = st.one_of(
    _TEXT,
    st.sampled_from(["- dash", '"quoted"', "# head", "a\n\n  b\n", " lead", "trail ", "\\", '\\"', "---", "a\r\nb"]),
)
_PROSE = (
    st.lists(st.text(st.sampled_from("ab -:\"'{}[]\\é\n"), min_size=1, max_size=80), min_size=1, max_size=4)
    .map(lambda parts: fold("x" * 20 + " " + "\n".join(parts)))
    .filter(lambda text: not any(line.startswith("#") for line in text.split("\n")))
)
_NAME = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
_TITLE = st.text(st.sampled_from("ab :-'\"é7#"), min_size=3, max_size=30).map(
    lambda text: ("t" + " ".join(text.split())).rstrip("#").strip() + "end"
)
_SIDE = st.lists(_EXAMPLE, min_size=1, max_size=4, unique=True).map(tuple)


@st.composite
def _rules(draw: st.DrawFn, category_id: str) -> tuple[Rule, ...]:
    names = draw(st.lists(_NAME, min_size=1, max_size=3, unique=True))
    return tuple(
        Rule(
            id=f"{category_id}.{name}",
            title=draw(_TITLE),
            forbidden=draw(_PROSE),
            allowed=draw(_PROSE),
            notice=draw(_PROSE),
            style=draw(st.sampled_from(ResponseStyle)),
            severity=draw(st.sampled_from(Severity)),
            action=draw(st.sampled_from([Action.REFINE, Action.BLOCK])),
            on_undetermined=draw(st.sampled_from(Action)),
            examples=Examples(forbidden=draw(_SIDE), allowed=draw(_SIDE)),
        )
        for name in names
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that the format can carry."""
    block = draw(st.floats(1e-6, 0.2))
    ids = draw(st.lists(_NAME, min_size=1, max_size=3, unique=True))
    codes = st.lists(_TEXT.map(str.strip).filter(bool), max_size=3).map(tuple)
    return Policy(
        name=draw(st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)),
        version=draw(st.sampled_from(["1", "1.0", "2026-11-22", "true", "~", "0x1"])),
        description=draw(_TEXT).strip(),
        benign_budget=BenignBudget(block=block, flag=block * 2),
        categories=tuple(
            Category(
                id=category_id,
                title=draw(_TITLE),
                description=draw(st.one_of(st.just(""), _PROSE)),
                taxonomies=draw(st.dictionaries(_TITLE, codes, max_size=2)),
                rules=draw(_rules(category_id)),
            )
            for category_id in ids
        ),
    )
