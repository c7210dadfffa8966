"""The texts that benchmarks judge: development groups, sets of our own, held-out shares of the teaching sources."""

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import devset
from harness import ROOT

from solon.train.dataset import build
from solon.train.row import Row, read_rows
from solon.train.sources import load_table, read_source

OWN = Path(__file__).parent / "data"
_MOST_HELD_OUT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text to judge. ``group`` is what it measures, ``detail`` its category where it has one."""

    group: str
    source: str
    harmful: bool
    text: str
    lang: str = ""
    detail: str = ""


def development(data: Path, *groups: str) -> list[Item]:
    """Rows of ``devset.py``, of some groups or all."""
    return [
        Item(
            group=row["group"],
            source=row["source"],
            harmful=row["label"] == "harmful",
            text=row["text"],
            lang=row["lang"],
        )
        for row in devset.rows(data)
        if not groups or row["group"] in groups
    ]


def written(name: str) -> list[Item]:
    """``contrastive`` or ``prose``: rows written for this project, in the repository."""
    lines = (OWN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Item(
            group=name,
            source=name,
            harmful=row["label"] == "harmful",
            text=row["text"],
            lang="en",
            detail=row.get("category") or row.get("type") or "",
        )
        for row in map(json.loads, lines)
    ]


def held_out(data: Path, *, seed: int = 11) -> list[Item]:
    """Benign rows of the teaching sources that taught nothing; some of them set the shipped thresholds."""
    items: list[Item] = []
    for source in load_table():
        rows = [r for r in read_source(source, data) if r.split == "calibration" and r.benign and r.kind == "text"]
        if not rows:
            continue
        languages = _languages(data / source.file)
        random.Random(seed).shuffle(rows)
        items += [
            Item(group="held_out", source=r.source, harmful=False, text=r.text, lang=languages.get(r.text, ""))
            for r in rows[:_MOST_HELD_OUT]
        ]
    return items


def _languages(path: Path) -> dict[str, str]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        return {row["text"]: row.get("lang", "") for row in map(json.loads, lines) if "text" in row}


def training_rows(data: Path, path: Path | None = None) -> list[Row]:
    """The training set: a file that ``solon train`` kept, else the newest one under ``runs/``, else built again."""
    kept = sorted((ROOT / "runs").glob("*/rows.jsonl.gz"), key=lambda file: file.stat().st_mtime)
    path = path or (kept[-1] if kept else None)
    return list(read_rows(path)) if path else build(data)


def teaching_texts(rows: Iterable[Row]) -> list[str]:
    """What a measured text must not repeat: harmful rows of sources, and every line of the grammars.

    Compositions are left out: their parts are among the rest.
    """
    return [
        row.text
        for row in rows
        if row.split == "train"
        and row.kind != "reply"
        and not row.source.startswith("composed")
        and (row.source.startswith("grammar") or not row.benign)
    ]


def security_lines(rows: Iterable[Row]) -> list[Item]:
    """Benign security lines of our grammars that were set apart from teaching."""
    return [
        Item(group="security", source="grammar", harmful=False, text=row.text, lang="en")
        for row in rows
        if row.split == "calibration" and row.benign and row.source.startswith("grammar:security_benign")
    ]


def unread_passages(data: Path, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Benign passages that did not teach, by source: T0 tasks, XQuAD (12 languages), verse."""
    found: dict[str, list[str]] = {}
    for source in load_table():
        if source.file.startswith(("t0_tasks", "xquad")):
            found[source.file.split(".")[0]] = [r.text for r in read_source(source, data) if r.split == "calibration"]
    taught = {row.text for row in rows if row.source.startswith("text:en_shakespeare")}
    verse = data / "text" / "en_shakespeare.txt.gz"
    if verse.exists():
        with gzip.open(verse, "rt", encoding="utf-8") as text:
            parts = [part.strip() for part in text.read().split("\n\n")]
        found["verse"] = [part for part in parts if len(part) > 40 and part[:2500] not in taught]
    return found


def sample(items: Sequence[Item], most: int, *, seed: int = 3) -> list[Item]:
    """At most ``most`` rows of every group and source, in order; all of them for ``most = 0``."""
    if not most:
        return list(items)
    chosen: list[Item] = []
    for _, part in _by_key(items):
        chosen += part if len(part) <= most else random.Random(seed).sample(part, most)
    return chosen


def _by_key(items: Iterable[Item]) -> Iterator[tuple[tuple[str, str, bool], list[Item]]]:
    groups: dict[tuple[str, str, bool], list[Item]] = {}
    for item in items:
        groups.setdefault((item.group, item.source, item.harmful), []).append(item)
    yield from groups.items()
