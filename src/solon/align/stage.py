"""A stage of a run: a folder with its results and a record of what went in, kept where the run is interrupted."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.align.chain import Chain, FinalAnswer, Task
from solon.align.checkpoint import file_digest
from solon.core.errors import TrainingError
from solon.core.record import canonical_json, digest

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One folder of a run. ``inputs`` are what the results depend on: digests and parameters, prompts' among them."""

    folder: Path
    name: str
    inputs: Mapping[str, Any]

    def begin(self) -> bool:
        """Make the folder; true where the stage is finished already with the same inputs.

        Raises:
            TrainingError: where the folder holds this stage with other inputs: results would be mixed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = self.folder / "inputs.json"
        if begun.exists():
            earlier = json.loads(begun.read_text(encoding="utf-8"))
            if earlier != json.loads(canonical_json(dict(self.inputs))):
                changed = sorted(key for key in {*earlier, *self.inputs} if earlier.get(key) != self.inputs.get(key))
                raise TrainingError(
                    f"{self.name} was begun with other {', '.join(changed)}",
                    place=str(self.folder),
                    repair="Give the command as it was, or another --out; finished stages before this one are kept.",
                )
        else:
            write_whole(begun, canonical_json(dict(self.inputs)))
        return self.record_path.exists()

    @property
    def record_path(self) -> Path:
        """Where the finished stage's record stands."""
        return self.folder / "stage.json"

    def finish(self, counts: Mapping[str, Any], files: Sequence[str] = ()) -> dict[str, Any]:
        """Write the record: the stage is then done. ``files`` of its folder are bound to it by their digests."""
        bound = {name: file_digest(self.folder / name) for name in files}
        record = {
            "schema": SCHEMA,
            "stage": self.name,
            "inputs": dict(self.inputs),
            "counts": dict(counts),
            "files": bound,
            "digest": digest([self.name, dict(self.inputs), dict(counts), bound]),
        }
        write_whole(self.record_path, json.dumps(record, indent=2, ensure_ascii=False))
        return record

    def read(self) -> dict[str, Any]:
        """The record of a finished stage.

        Raises:
            TrainingError: where it is not finished, or a file was changed since.
        """
        if not self.record_path.exists():
            raise TrainingError(
                f"stage {self.name} is not finished", place=str(self.folder), repair=f"Run `solon align {self.name}`."
            )
        found: dict[str, Any] = json.loads(self.record_path.read_text(encoding="utf-8"))
        for name, expected in found["files"].items():
            path = self.folder / name
            if not path.exists() or file_digest(path) != expected:
                raise TrainingError(
                    "the file is not what the finished stage left",
                    place=str(path),
                    repair=f"Put it back, or remove {self.folder} and run `solon align {self.name}` again.",
                )
        return found


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


_FIELDS = ("id", "prompt", "category", "system", "meta")


def read_rows(path: Path) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The objects of a JSONL file, each with its place and line number; blank lines are left out.

    Raises:
        TrainingError: naming the line that is no JSON object.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            fields: Any = json.loads(line)
        except ValueError as error:
            raise TrainingError(f"not JSON: {error}", place=place, repair='Write {"prompt": "…"}.') from None
        if not isinstance(fields, dict):
            raise TrainingError("expected an object", place=place, repair='Write {"prompt": "…"}.')
        yield place, number, fields


def task_of(fields: Mapping[str, Any], place: str, number: int) -> Task:
    """A prompt from its fields; the line's number is its id where it has none.

    Raises:
        TrainingError: where there is no prompt, an unknown field, or one that is no text.
    """
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown or not fields.get("prompt") or not all(isinstance(value, str) for value in fields.values()):
        raise TrainingError(
            f"unknown fields {unknown}" if unknown else "expected an object with a prompt, every field a text",
            place=place,
            repair=f"Fields: {', '.join(_FIELDS)}.",
        )
    return Task(**{"id": str(number), **fields})


def read_tasks(path: Path) -> list[Task]:
    """Prompts from JSONL: ``{"prompt": …}`` a line, perhaps with ``id``, ``category``, ``system``, ``meta``.

    Raises:
        TrainingError: naming the line, where one is not of that form or an id appears twice.
    """
    tasks = [task_of(fields, place, number) for place, number, fields in read_rows(path)]
    apart(tasks, path)
    if not tasks:
        raise TrainingError("no prompts", place=str(path), repair='Write one {"prompt": "…"} a line.')
    return tasks


def apart(tasks: Sequence[Task], path: Path) -> None:
    """Check that no id appears twice: rows are told apart by their ids.

    Raises:
        TrainingError: naming the first id that does.
    """
    twice = [name for name, times in Counter(task.id for task in tasks).items() if times > 1]
    if twice:
        raise TrainingError(f"id {twice[0]!r} appears twice", place=str(path), repair="Give each prompt its own id.")


def chain_json(task: Task, chain: Chain, **more: Any) -> dict[str, Any]:
    """A chain with its task, as a row of a stage's file."""
    return {
        "task": asdict(task),
        "reasoning": chain.reasoning,
        "answer": chain.answer.text,
        "complete": chain.complete,
        "ended": chain.ended,
        "thought_tokens": chain.thought_tokens,
        **more,
    }


def read_chains(path: Path) -> Iterator[tuple[Task, Chain, dict[str, Any]]]:
    """The rows of ``chain_json``, whole lines only: what an interruption cut off is made again."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            row: dict[str, Any] = json.loads(line)
            chain = Chain(
                reasoning=row["reasoning"],
                answer=FinalAnswer(text=row["answer"]),
                complete=row["complete"],
                ended=row["ended"],
                thought_tokens=row["thought_tokens"],
            )
            yield Task(**row["task"]), chain, row


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a file, each whole; a cut line at its end is taken off first."""
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        if whole < size:
            file.truncate(whole)
        file.seek(0, os.SEEK_END)
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
        file.flush()
        os.fsync(file.fileno())
