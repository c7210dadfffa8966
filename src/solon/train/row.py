"""One labelled text, as every stage of training reads and writes it."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

UNKNOWN = -1
FINDING = "finding"
"""The source of rows that findings teach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Labels are 1, 0 or ``UNKNOWN``.

    ``kind`` says how the encoder reads the text: ``text`` alone, ``document`` (third-party content), or ``reply`` to
    ``context``. ``rules`` are known to be broken; of ``bag`` at least one is; ``near`` is the rule that a benign text
    resembles.
    """

    text: str
    kind: str = "text"
    context: str = ""
    harm: int = UNKNOWN
    jailbreak: int = UNKNOWN
    injection: int = UNKNOWN
    rules: tuple[str, ...] = ()
    bag: tuple[str, ...] = ()
    near: str = ""
    intent: str = ""
    weight: float = 1.0
    source: str = ""
    split: str = "train"

    @property
    def benign(self) -> bool:
        """Nothing about it is harmful, so that every rule is known not to be broken."""
        return self.harm == 0 and self.jailbreak != 1 and self.injection != 1


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write gzip-compressed JSON lines, defaults left out; returns the number of rows."""
    default = asdict(Row(text=""))
    count = 0
    half = path.with_name(f"{path.name}.half")  # a file of that name would pass for the whole one
    with gzip.open(half, "wt", encoding="utf-8", compresslevel=6) as out:
        for row in rows:
            kept = {key: value for key, value in asdict(row).items() if key == "text" or value != default[key]}
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")
            count += 1
    half.replace(path)
    return count


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that ``write_rows`` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            raw = json.loads(line)
            for key in ("rules", "bag"):
                if key in raw:
                    raw[key] = tuple(raw[key])
            yield Row(**raw)
