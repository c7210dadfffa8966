"""The records of a bundle: one pass over leaves, bodies and words, against every checkpoint on the way."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from io import BufferedReader
from typing import Any, TextIO

from solon.evidence.verifier.notes import Tree, sha256

KNOWN_SCHEMA = 1  # of records
LINE_BYTES = 64 << 20
SHOWN = 20  # of each kind of finding


class Findings:
    """Problems (exit 1), what could not be determined (exit 3), notes, and the figures."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.unknown: list[str] = []
        self.notes: list[str] = []
        self.figures: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def add(self, kind: str, text: str) -> None:
        """Something was altered or is missing."""
        self._keep(self.problems, kind, text)

    def undetermined(self, kind: str, text: str) -> None:
        """Something that this bundle cannot show."""
        self._keep(self.unknown, kind, text)

    def note(self, kind: str, text: str) -> None:
        """Something to know that shows no alteration."""
        self._keep(self.notes, kind, text)

    @property
    def code(self) -> int:
        """The exit code."""
        return 1 if self.problems else 3 if self.unknown else 0

    @property
    def verdict(self) -> str:
        """In one line."""
        return {0: "INTACT", 1: "NOT INTACT", 3: "COULD NOT BE DETERMINED"}[self.code]

    def show(self, out: TextIO) -> None:
        """Print everything."""
        for title, lines in (("ALTERED", self.problems), ("UNKNOWN", self.unknown), ("NOTE", self.notes)):
            out.writelines(f"{title}  {line}\n" for line in lines)
        more = [(kind, count) for kind, count in self.counts.items() if count > SHOWN]
        out.writelines(f"{kind}: {count} in all, {SHOWN} of them shown\n" for kind, count in more)
        out.writelines(f"{name}: {value}\n" for name, value in self.figures.items())
        out.write(self.verdict + "\n")

    def _keep(self, lines: list[str], kind: str, text: str) -> None:
        """The first of each kind; the others are counted."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= SHOWN:
            lines.append(f"{kind}: {text}")


class Writer:
    """One process: it numbers its records without gaps, and stamps them by its clock."""

    __slots__ = ("at", "last", "later", "next")

    def __init__(self, first: int, at: int) -> None:
        self.next, self.last, self.at = first, first, at
        self.later: set[int] = set()

    def again(self, number: int) -> bool:
        """Whether this number was there before; remembers it."""
        if number < self.next or number in self.later:
            return True
        self.later.add(number)
        while self.next in self.later:
            self.later.remove(self.next)
            self.next += 1
        return False

    def back(self, number: int, at: int) -> int:
        """By how many microseconds the clock ran backwards between the latest record and this one."""
        behind = self.at - at if number > self.last else at - self.at if number < self.last else 0
        if number > self.last:
            self.last, self.at = number, at
        return max(0, behind)

    def gaps(self) -> list[tuple[int, int]]:
        """Numbers that never came, before ones that did."""
        found: list[tuple[int, int]] = []
        expected = self.next
        for number in sorted(self.later):
            if number > expected:
                found.append((expected, number - 1))
            expected = number + 1
        return found


class Records:
    """Reads the records of a bundle once, and compares the tree over them with every checkpoint on the way."""

    def __init__(self, findings: Findings, tree: Tree, words: BufferedReader | None) -> None:
        self.findings, self.tree, self.first = findings, tree, tree.size
        self.sound = self.first
        self.writers: dict[str, Writer] = {}
        self.words, self.spoken = words, None
        self.confirmed = 0
        self.next_words()

    def run(self, lines: BufferedReader, bodies: BufferedReader, checkpoints: Sequence[tuple[int, bytes, str]]) -> None:
        """``checkpoints``: size, root, name, the smallest first; those that end before the first record are no use."""
        findings = self.findings
        waiting = [one for one in checkpoints if one[0] >= self.first]
        while True:
            while waiting and waiting[0][0] == self.tree.size:
                self.compare(*waiting.pop(0)[1:])
            line, body = lines.readline(LINE_BYTES), bodies.readline(LINE_BYTES)
            if not line:
                break
            self.take(line, body)
        if body:
            findings.add("bodies.jsonl", "it goes on after the last record")
        if self.spoken is not None:
            findings.add("words.jsonl", f"words of record {self.spoken[0]}, which is not here")
        for size, _, name in waiting:
            findings.add("log", f"{name} covers {size} records and the bundle ends after {self.tree.size}")
        for name, writer in sorted(self.writers.items()):
            for first, last in writer.gaps():
                findings.add("gap", f"records {first} to {last} of {name} were written and are not in the log")

    def compare(self, root: bytes, name: str) -> None:
        """The tree so far against a checkpoint of its size."""
        if root == self.tree.root():
            self.sound = self.tree.size
        elif self.sound == self.tree.size:
            self.findings.add("log", f"{name} was signed for other records than those before {self.tree.size}")
        else:
            where = f"not all of records {self.sound} to {self.tree.size - 1} are as they were signed for"
            kept = f"; those before {self.sound} are" if self.sound > self.first else ""
            self.findings.add("log", f"{where} ({name}){kept}")

    def take(self, line: bytes, body: bytes) -> None:
        """The next record: its leaf, its body, its words."""
        findings, place = self.findings, self.tree.size
        if line[-1:] != b"\n" or body[-1:] != b"\n":
            findings.add("record", f"{place}: a line was cut")
        line = line.rstrip(b"\n")
        leaf = sha256(b"\0" + line)
        try:
            record = json.loads(line)
            if list(record) == ["withheld"]:
                leaf = bytes.fromhex(record["withheld"])
                findings.add("record", f"{place}: it is not shown; its hash keeps the others provable")
                return
            self.look(place, record)
            if hashlib.sha256(body.rstrip(b"\n")).hexdigest() != record["digest"]:
                findings.add("record", f"{place}: its body is not the one that was logged ({record['id']})")
            if self.spoken is not None and self.spoken[0] == place:
                self.check_words(place, record["content"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            findings.add("record", f"{place}: it cannot be read: {error}")
        finally:
            self.tree.append(leaf)

    def look(self, place: int, record: dict[str, Any]) -> None:
        """The record's schema, its number, its time."""
        name, number, at = record["writer"], record["seq"], record["at"]
        if record["schema"] > KNOWN_SCHEMA:
            what = f"{place}: schema {record['schema']}, and this verifier knows {KNOWN_SCHEMA}"
            self.findings.note("schema", f"{what}; its bytes are checked, its meaning is not")
        writer = self.writers.get(name)
        if writer is None:
            writer = self.writers[name] = Writer(number if self.first else 1, at)
        if writer.again(number) and not (self.first and number < writer.next):
            self.findings.add("record", f"{place}: number {number} of {name} is there twice")
        if back := writer.back(number, at):
            self.findings.note("clock", f"that of {name} ran backwards by {back / 1e6:.6f} s at its record {number}")

    def next_words(self) -> None:
        """Read on in the file of words, which are in the order of the log."""
        self.spoken: tuple[int, bytes, dict[str, Any]] | None = None
        line = self.words.readline(LINE_BYTES) if self.words else b""
        try:
            if line:
                found = json.loads(line)
                self.spoken = int(found["position"]), bytes.fromhex(found["salt"]), dict(found["content"])
        except (ValueError, KeyError, TypeError, RecursionError):
            self.findings.add("words.jsonl", "a line cannot be read, and none after it was")

    def check_words(self, place: int, commitments: Any) -> None:
        """The words are those that the record's leaf committed to."""
        if self.spoken is None:
            return
        _, salt, content = self.spoken
        made = {name: hmac.new(salt, canonical(value), hashlib.sha256).hexdigest() for name, value in content.items()}
        if made == commitments:
            self.confirmed += 1
        else:
            self.findings.add("record", f"{place}: its words are not those that were logged")
        self.next_words()


def canonical(value: Any) -> bytes:
    """The bytes that commitments are made of."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
