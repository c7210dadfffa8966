"""Licensed rows from a data folder, turned into training rows by the table in ``sources.yaml``."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import yaml

from solon.core.errors import TrainingError
from solon.train.row import Row

_TABLE = Path(__file__).parent / "sources.yaml"
_CALIBRATION_SHARE = 0.2
_DECLINES = re.compile(
    r"sorry|apologi[sz]e|can(no|')t (assist|help|provide|support|condone|fulfil|comply|encourage|endorse|engage)"
    r"|not able to|unable to|against (my|the|our)|not (appropriate|ethical|acceptable)|I must (decline|refuse)"
    r"|(illegal|unethical)( and| or|,) (unethical|illegal|harmful|immoral)|important to (note|remember|prioriti[sz]e)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How one file may teach: trust in its labels, and which rules its categories speak of."""

    file: str
    weight: float = 1.0
    most: int = 5000
    form: str = ""
    reply: bool = False
    prompt_only: bool = False
    safe_reply: bool = False
    skip: str = ""
    rules: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])


def load_table(path: Path = _TABLE) -> list[Source]:
    """The files that may teach, in order of name."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    return [Source(file=name, **settings) for name, settings in sorted(table.items())]


def read_source(source: Source, folder: Path) -> Iterator[Row]:
    """Rows of one file; a fifth of the documents, chosen by hash, is set apart for calibration.

    Raises:
        TrainingError: where the file is missing.
    """
    path = folder / source.file
    if not path.exists():
        raise TrainingError(
            f"{source.file} is not in {folder}", place="--data", repair="Name the folder of labelled rows."
        )
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            raw = json.loads(line)
            row = _convert(raw, source)
            if row is not None:
                yield row
                if source.safe_reply:
                    yield _safe(raw, row)


def _convert(raw: dict[str, Any], source: Source) -> Row | None:
    category = raw.get("category")
    category = " ".join(map(str, cast(list[Any], category))) if isinstance(category, list) else str(category or "")
    if raw["label"] == "unknown" or (source.skip and re.search(source.skip, category)):
        return None
    harmful = raw["label"] == "harmful"
    name = source.file.split(".")[0]
    split = "calibration" if _apart(str(raw.get("group") or raw.get("cluster") or raw["id"])) else "train"
    common: dict[str, Any] = {"source": name, "split": split, "weight": source.weight}
    if source.reply:
        if harmful and _DECLINES.search(raw["response"]):
            return None  # cut after its first sentences, a reply that complies later looks like a refusal
        return Row(
            text=raw["response"].removesuffix("[…cut]").strip(),
            context=raw["text"],
            kind="reply",
            harm=int(harmful),
            jailbreak=0,
            injection=0,
            **common,
        )
    if source.form == "jailbreak":
        return Row(text=raw["text"], jailbreak=1, rules=("safeguards.jailbreak",), **common)
    if source.form == "injection":
        return Row(
            text=raw["text"], context=raw["injection"], kind="document", injection=1,
            rules=("injection.indirect",), **common,
        )  # fmt: skip
    bag = next((tuple(rules) for pattern, rules in source.rules if re.search(pattern, category)), ())
    return Row(
        text=raw["text"],
        harm=int(harmful),
        jailbreak=0,
        injection=0,
        bag=bag if harmful else (),
        intent="capability" if harmful else "everyday",
        **common,
    )


def _safe(raw: dict[str, Any], row: Row) -> Row:
    """The safe reply to a harmful prompt, without the thinking before it."""
    text = raw["response"].rsplit("</think>", 1)[-1].strip()
    return replace(row, text=text, context=row.text, kind="reply", harm=0, injection=0, bag=(), intent="", weight=1.0)


def _apart(key: str) -> bool:
    return hashlib.sha256(key.encode()).digest()[0] < 256 * _CALIBRATION_SHARE
