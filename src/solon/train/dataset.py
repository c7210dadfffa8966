"""The training set: what the grammars say, licensed rows, and compositions of both."""

import gzip
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from solon.train import compose
from solon.train.decoded import decoded
from solon.train.exchanges import Exchanges, cut
from solon.train.grammar import Block, load_grammars
from solon.train.replies import Replies
from solon.train.row import UNKNOWN, Row, write_rows
from solon.train.sources import load_table, read_source

_LONGEST = 6000  # characters: more of a long document teaches nothing new
_FRESH = ("composed:stream", "composed:reply", "composed:decoded", "expanded:oddities", "expanded:personas")
"""Kinds of rows that the first weights were not taught."""
_PASSAGE = re.compile(r"\n{1,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How much of each part; ``per_line`` expansions of a grammar line, the rest numbers of rows."""

    per_line: int = 4
    framed_harmful: int = 3000
    framed_benign: int = 2200
    buried: int = 4500
    wrapped: int = 3500
    disturbed: int = 4500
    chained: int = 1500
    prose: int = 4500
    replies: int = 7000
    stream: int = 20000
    decoded: int = 9000
    apart: int = 2400


def build(data: Path | None, *, mix: Mix | None = None, seed: int = 7) -> list[Row]:
    """Every training and calibration row; without ``data`` only what the grammars say.

    The calibration share of grammar rows is chosen by whole lines, that of sources by document or group, and a
    composition belongs to calibration as soon as one of its parts does.
    """
    mix = mix or Mix()
    rng = random.Random(seed)
    rows = _grammar_rows(load_grammars(), mix.per_line, rng)
    if data is not None:
        for source in load_table():
            rows.extend(_some(list(read_source(source, data)), source.most, rng))
        rows.extend(_prose_rows(data / "text", mix.prose, rng))
    rows = _distinct(rows)
    rows.extend(_compositions(rows, mix, rng))
    rows = [row for row in rows if not compose.waits_for_goal(row)]
    rows.extend(decoded(rows, mix.decoded, rng))
    exchanges = Exchanges(rng, rows)
    rows = [*rows, *exchanges.rows(mix.stream), *exchanges.apart(mix.apart), *_reply_rows(rows, mix.replies, rng)]
    rng.shuffle(rows)
    return _distinct(rows)


def mostly_fresh(rows: Sequence[Row], *, familiar: float = 0.25, seed: int = 7) -> list[Row]:
    """All rows of the kinds in ``_FRESH`` and a share of the others, for a run that goes on from served weights."""
    rng = random.Random(seed)
    return [row for row in rows if row.source.startswith(_FRESH) or rng.random() < familiar]


def save(rows: Sequence[Row], path: Path) -> None:
    """Write the set, its folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, rows)


def _grammar_rows(blocks: Iterable[Block], per_line: int, rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for block in blocks:
        kind = "expanded" if block.many else "grammar"  # what is expanded much is not repeated as well
        for number, line in enumerate(block.lines):
            split = "calibration" if rng.random() < 0.1 else "train"
            single = replace(block, lines=(line,))
            for text in single.expand(per_line, rng):
                rows.append(replace(_label(block, text), split=split, source=f"{kind}:{block.place}:{number}"))
    return rows


def _label(block: Block, text: str) -> Row:
    kind = "document" if block.form == "document" and (block.rule or "").startswith("injection") else "text"
    family = (block.rule or "").split(".")[0]
    if block.side == "benign":
        return Row(text=text, kind=kind, harm=0, jailbreak=0, injection=0, near=block.rule or "", intent=block.intent)
    rules = (block.rule,) if block.rule else ()
    if family == "safeguards":
        is_form = block.rule != "safeguards.evasion_help"
        return Row(text=text, harm=UNKNOWN if is_form else 1, jailbreak=int(is_form), injection=UNKNOWN, rules=rules)
    if family == "injection":
        return Row(text=text, kind=kind, injection=1, harm=UNKNOWN, jailbreak=UNKNOWN, rules=rules)
    return Row(text=text, kind=kind, harm=1, jailbreak=0, injection=0, rules=rules, intent=block.intent)


def _some(rows: list[Row], most: int, rng: random.Random) -> list[Row]:
    return rows if len(rows) <= most else rng.sample(rows, most)


def _prose_rows(folder: Path, count: int, rng: random.Random) -> list[Row]:
    """Paragraphs of plain text in many languages, an equal share a file."""
    files = sorted(folder.glob("*.txt*"))
    rows: list[Row] = []
    for path in files:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as text:
            paragraphs = [part.strip() for part in _PASSAGE.split(text.read()) if len(part.strip()) > 40]
        for paragraph in rng.sample(paragraphs, min(len(paragraphs), count // len(files))):
            split = "calibration" if rng.random() < 0.2 else "train"
            rows.append(
                Row(
                    text=paragraph[:2500],
                    harm=0,
                    jailbreak=0,
                    injection=0,
                    intent="everyday",
                    source=f"text:{path.name.split('.')[0]}",
                    split=split,
                    weight=0.7,
                )
            )
    return rows


def _compositions(rows: Sequence[Row], mix: Mix, rng: random.Random) -> list[Row]:
    whole = [row for row in rows if row.kind == "text" and not compose.waits_for_goal(row)]
    short = [row for row in whole if len(row.text) < 260 and row.harm != UNKNOWN and row.jailbreak == 0]
    harmful = [row for row in short if row.harm == 1 and row.weight >= 0.6]
    benign = [row for row in short if row.benign]
    frames = [row for row in rows if row.jailbreak == 1 and row.kind == "text"]
    passages = [row for row in whole if row.benign and len(row.text) > 300]
    made = [compose.frame(rng.choice(frames), rng.choice(harmful)) for _ in range(mix.framed_harmful)]
    made += [compose.frame(rng.choice(frames), rng.choice(benign)) for _ in range(mix.framed_benign)]
    if passages:
        for side in (harmful, benign):
            made += [compose.bury(rng.choice(side), rng.choice(passages), rng) for _ in range(mix.buried // 2)]
    for side in (harmful, benign):
        made += [compose.wrap(rng.choice(side), rng) for _ in range(mix.wrapped // 2)]
        made += list(compose.chain(rng.choices(side + benign, k=mix.chained), rng))
    made += [compose.disturb(row, rng) for row in rng.choices(whole, k=mix.disturbed)]
    return made


def _reply_rows(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    asked = [row for row in rows if row.kind == "text" and len(row.text) < 400 and not compose.waits_for_goal(row)]
    harmful = [row for row in asked if row.harm == 1 and row.weight >= 0.6]
    benign = [row for row in asked if row.benign]
    prose = [
        row
        for row in rows
        if row.intent in ("capability", "fiction", "everyday")
        and 60 < len(row.text) < 900
        and row.source.startswith("grammar")
    ]
    whole = Replies(rng).rows(harmful, benign, prose, count)
    return [part for row in whole for part in cut(row, rng, most=1)]


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """One row a text and context, cut to the longest that teaches."""
    seen: set[tuple[str, str, str]] = set()
    kept: list[Row] = []
    for row in rows:
        key = (row.kind, row.text.casefold().strip(), row.context[:80] if row.kind == "reply" else "")
        if row.text.strip() and key not in seen:
            seen.add(key)
            kept.append(row if len(row.text) <= _LONGEST else replace(row, text=row.text[:_LONGEST]))
    return kept
