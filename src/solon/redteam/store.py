"""Where the attempts of one campaign are kept: a SQLite file, a row an attempt, written a group at a time.

A planned attempt lies at its place in the plan, so that it cannot be there twice, rows stay small and a run that was
killed sees at once what is missing. A search's attempts, which nobody can number beforehand, lie behind them in the
order in which they came and are found by key. A group is there whole or not at all, whatever kills the process.
Nothing in here tells when or by whom an attempt was made: two stores of one campaign hold the same.
"""

import fcntl
import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from solon.core.attempt import Attempt, Goal, Outcome, Spent
from solon.core.errors import InputError
from solon.redteam.campaign import Plan
from solon.redteam.line import OUTCOMES, Line, read_answer, read_grade, read_prompt

FORMAT = 1
ASKED_FROM = 1 << 40
"""Places from here on belong to searches."""
_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE goals (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL, rule TEXT NOT NULL, benign INTEGER NOT NULL,
    rubric TEXT NOT NULL, grouping TEXT NOT NULL, probe INTEGER NOT NULL
);
CREATE TABLE attacks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, family TEXT NOT NULL, paper TEXT NOT NULL);
CREATE TABLE attempts (
    place INTEGER PRIMARY KEY, key BLOB NOT NULL, attack INTEGER NOT NULL, goal INTEGER NOT NULL,
    number INTEGER NOT NULL, outcome INTEGER NOT NULL, score INTEGER NOT NULL, layer INTEGER NOT NULL, risk INTEGER,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL, words INTEGER
);
CREATE UNIQUE INDEX asked ON attempts (key) WHERE place >= 1099511627776;
CREATE TABLE words (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE written (key BLOB PRIMARY KEY, failed INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = (
    "place, key, attack, goal, number, outcome, score, layer, risk, calls, prompt_tokens, completion_tokens, "
    "reasoning_tokens, micro_usd, words"
)
_INSERT = f"INSERT OR IGNORE INTO attempts ({_COLUMNS}) VALUES ({', '.join('?' * 15)})"  # noqa: S608
_ERROR = OUTCOMES.index(Outcome.ERROR)


class Count(NamedTuple):
    """How many attempts of one kind there are: attack and goal by number, whether a safeguard stopped them."""

    attack: int
    goal: int
    outcome: Outcome
    blocked: bool
    attempts: int


class Technique(NamedTuple):
    """An attack or a search as the store knows it."""

    name: str
    family: str
    paper: str


class Store:
    """Use ``open_store`` to read and ``Store.of`` to run a campaign. One process writes at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: Any = None) -> None:
        self.path = path
        self._db = connection
        self._lock = lock
        self._opened: tuple[int, dict[str, Any]] = (0, {})
        self._writing = threading.RLock()  # an attacker's model is asked in threads

    @classmethod
    def of(cls, path: Path, plan: Plan, about: Mapping[str, Any] | None = None) -> "Store":
        """Begin the store of a plan, or go on with it.

        Args:
            path: the file; made where it is not there.
            plan: what is to be tried.
            about: what a reader should know (names of target and policy, say); kept as it is the first time.

        Raises:
            InputError: where the file holds another campaign, is no store, or another process writes to it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path)
        try:
            connection = _connected(path)
            try:
                return cls(path, connection, lock)._begun(plan, about or {})
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.close()
            raise

    def _begun(self, plan: Plan, about: Mapping[str, Any]) -> "Store":
        known = self.about
        if not known:
            with self._db:
                self._db.executescript(f"BEGIN; {_SCHEMA}")
                entries = {**about, "format": FORMAT, "plan": plan.digest, "campaign": plan.campaign}
                self._db.executemany(
                    "INSERT INTO about VALUES (?, ?)", [(name, json.dumps(value)) for name, value in entries.items()]
                )
                self._db.executemany(
                    "INSERT INTO goals VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_goal_row, *_counted(plan))
                )
                self._db.executemany(
                    "INSERT INTO attacks VALUES (?, ?, ?, ?)",
                    [(n, attack.name, attack.family, attack.paper) for n, attack in enumerate(plan.attacks)],
                )
        elif known["plan"] != plan.digest:
            raise InputError(
                "holds another campaign: target, grader, goals, attacks, seed or Solon's version differ",
                place=str(self.path),
                repair="Name another store, or give the command with which this one was begun.",
            )
        with self._db:
            tries = max(plan.tries, int(known.get("tries", 0)))
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('tries', ?)", (json.dumps(tries),))
        return self

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the campaign; empty in a new file."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            return {}
        return {name: json.loads(value) for name, value in self._db.execute("SELECT name, value FROM about")}

    @property
    def goals(self) -> list[Goal]:
        """The goals by number."""
        rows = self._db.execute("SELECT name, text, rule, benign, rubric, grouping, probe FROM goals ORDER BY id")
        return [
            Goal(id=name, text=text, rule=rule, benign=bool(benign), rubric=rubric, group=group, probe=bool(probe))
            for name, text, rule, benign, rubric, group, probe in rows
        ]

    @property
    def techniques(self) -> dict[int, Technique]:
        """Attacks and searches by number."""
        rows = self._db.execute("SELECT id, name, family, paper FROM attacks ORDER BY id")
        return {number: Technique(name, family, paper) for number, name, family, paper in rows}

    def number_of(self, search: Technique) -> int:
        """The number of a search, given to it now where it is new."""
        with self._writing, self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO attacks (name, family, paper) VALUES (?, ?, ?)",
                (search.name, search.family, search.paper),
            )
        return self._db.execute("SELECT id FROM attacks WHERE name = ?", (search.name,)).fetchone()[0]

    def add_goal(self, goal: Goal) -> int:
        """The number of a goal that a search made for itself, given to it now."""
        with self._writing, self._db:
            number = self._db.execute("SELECT max(id) + 1 FROM goals").fetchone()[0] or 0
            self._db.execute("INSERT INTO goals VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _goal_row(number, goal))
        return number

    def missing(self, shard: range) -> Sequence[int]:
        """Places of ``shard`` that nothing was recorded for; the shard itself where it is all of it."""
        query = "SELECT place FROM attempts WHERE place >= ? AND place < ?"
        there = {place for (place,) in self._db.execute(query, (shard.start, shard.stop))}
        return shard if not there else [place for place in shard if place not in there]

    def write(self, lines: Sequence[Line]) -> None:
        """Record attempts, all or none; what is there already stays as it is."""
        kept = {str(line.place): line.words for line in lines if line.words is not None}
        with self._writing, self._db:
            number = None
            if kept:
                body = zlib.compress(json.dumps(kept, separators=(",", ":")).encode("ascii"))
                number = self._db.execute("INSERT INTO words (body) VALUES (?)", (body,)).lastrowid
            self._db.executemany(_INSERT, [(*line[:-1], None if line.words is None else number) for line in lines])

    def asked(self, key: bytes) -> Line | None:
        """A search's attempt by its key."""
        query = f"SELECT {_COLUMNS} FROM attempts WHERE place >= {ASKED_FROM} AND key = ?"  # noqa: S608
        row = self._db.execute(query, (key,)).fetchone()
        return None if row is None else self._line(row)

    def next_asked(self) -> int:
        """The first free place for a search's attempt."""
        found = self._db.execute("SELECT max(place) FROM attempts WHERE place >= ?", (ASKED_FROM,)).fetchone()[0]
        return ASKED_FROM if found is None else found + 1

    def written(self, key: bytes) -> dict[str, Any] | None:
        """What an attacker's model wrote under this key, or why it did not."""
        with self._writing:
            row = self._db.execute("SELECT body FROM written WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_written(self, key: bytes, body: Mapping[str, Any]) -> None:
        """Keep what an attacker's model wrote, so that a search that is given again reads it here."""
        failed = "error" in body
        with self._writing, self._db:
            self._db.execute("INSERT OR IGNORE INTO written VALUES (?, ?, ?)", (key, failed, json.dumps(body)))

    def forget_errors(self) -> int:
        """Take out the attempts that ended in an error, so that they are made again; how many."""
        with self._writing, self._db:
            self._db.execute("DELETE FROM written WHERE failed")
            return self._db.execute("DELETE FROM attempts WHERE outcome = ?", (_ERROR,)).rowcount

    @property
    def spent(self) -> Spent:
        """What all recorded attempts, and the attacker's model, cost together."""
        query = (
            "SELECT sum(calls), sum(prompt_tokens), sum(completion_tokens), sum(reasoning_tokens), sum(micro_usd) "
            "FROM attempts"
        )
        calls, prompt, completion, reasoning, micro = (value or 0 for value in self._db.execute(query).fetchone())
        total = Spent(
            calls=calls,
            prompt_tokens=prompt,
            completion_tokens=completion,
            reasoning_tokens=reasoning,
            usd=micro / 1e6,
        )
        for (body,) in self._db.execute("SELECT body FROM written"):
            total += Spent(**json.loads(body)["spent"])
        return total

    @property
    def recorded(self) -> int:
        """How many attempts there are."""
        return self._db.execute("SELECT count(*) FROM attempts").fetchone()[0]

    def planned(self, size: int) -> int:
        """How many of the first ``size`` planned attempts there are."""
        return self._db.execute("SELECT count(*) FROM attempts WHERE place < ?", (size,)).fetchone()[0]

    def counts(self) -> Iterator[Count]:
        """Attempts by attack, goal and outcome; not all of them in memory."""
        query = (
            "SELECT attack, goal, outcome, layer > 0, count(*) FROM attempts "
            "GROUP BY attack, goal, outcome, layer > 0 ORDER BY 1, 2, 3, 4"
        )
        for attack, goal, outcome, blocked, attempts in self._db.execute(query):
            yield Count(attack, goal, OUTCOMES[outcome], bool(blocked), attempts)

    def digest(self) -> str:
        """SHA-256 of all attempts, planned ones by place, then searches' by key; equal for equal results."""
        seen = hashlib.sha256()
        columns = "hex(key), number, outcome, score, layer, risk"
        for part in (f"place < {ASKED_FROM} ORDER BY place", f"place >= {ASKED_FROM} ORDER BY key"):
            rows = self._db.execute(f"SELECT {columns} FROM attempts WHERE {part}")  # noqa: S608
            while group := rows.fetchmany(4096):
                seen.update(repr(group).encode("ascii"))
        return seen.hexdigest()

    def attempts(self, *, outcome: Outcome | None = None, words: bool = True) -> Iterator[Attempt]:
        """Attempts by place; prompts and answers as far as they were kept, none unless ``words``."""
        goals, techniques = self.goals, self.techniques
        where = "" if outcome is None else f"WHERE outcome = {OUTCOMES.index(outcome)}"
        query = f"SELECT {_COLUMNS} FROM attempts {where} ORDER BY place"  # noqa: S608
        for row in self._db.execute(query):
            line = self._line(row) if words else Line._make((*row[:-1], None))
            yield Attempt(
                key=line.key.hex(),
                goal=goals[line.goal],
                attack=techniques[line.attack].name,
                index=line.number,
                prompt=read_prompt(line.words or {}),
                answer=read_answer(line),
                grade=read_grade(line),
            )

    def _line(self, row: tuple[Any, ...]) -> Line:
        """A row with its words; the group of words read last is kept open, since neighbours share one."""
        columns, number = row[:-1], row[-1]
        if number is None:
            return Line._make((*columns, None))
        if number != self._opened[0]:
            body = self._db.execute("SELECT body FROM words WHERE id = ?", (number,)).fetchone()[0]
            self._opened = (number, json.loads(zlib.decompress(body)))
        return Line._make((*columns, self._opened[1].get(str(columns[0]))))

    def close(self) -> None:
        """Close the file; another process may write then."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(path: Path) -> Store:
    """Open a store to read, also while a run writes to it.

    Raises:
        InputError: where there is none.
    """
    if not path.is_file():
        raise InputError("there is no such file", place=str(path), repair="Name the store of a campaign.")
    store = Store(path, _connected(path))
    try:
        if store.about.get("format") == FORMAT:
            return store
    except sqlite3.DatabaseError:
        pass
    store.close()
    raise InputError("is no store of a campaign", place=str(path), repair="Name a file that `redteam run` wrote.")


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InputError(f"is no store of a campaign ({error})", place=str(path), repair="Name another file.") from None
    return connection


def _locked(path: Path) -> Any:
    """Hold the right to write; it ends with the process, however that ends."""
    lock = path.with_name(f"{path.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InputError(
            "another run writes to it", place=str(path), repair="Wait for it, stop it, or name another store."
        ) from None
    return lock


def _counted(plan: Plan) -> tuple[range, Sequence[Goal]]:
    return range(len(plan.goals)), plan.goals


def _goal_row(number: int, goal: Goal) -> tuple[Any, ...]:
    return (number, goal.id, goal.text, goal.rule, goal.benign, goal.rubric, goal.group, goal.probe)
