"""What an arena has come to: the leaderboard, the cases that wait for people, the bounty ledger, and its files."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from solon.core.attempt import Outcome
from solon.redteam.findings import finding_json
from solon.web.arena.schema import bounties, participants, submissions, turns
from solon.web.arena.store import Row, Store, unpacked
from solon.web.arena.verdicts import Court

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the leaderboard: goals reached in new ways, and cents."""

    id: str
    name: str
    goals: int
    cents: int


def leaderboard(store: Store) -> list[Place]:
    """Everyone who reached a goal, by what they earned, then by goals, then by who was first."""
    reached = select(
        submissions.c.participant, func.count(func.distinct(submissions.c.goal)).label("goals"),
        func.min(submissions.c.at).label("first"),
    ).where(submissions.c.outcome == str(Outcome.SUCCESS), submissions.c.same_as.is_(None))  # fmt: skip
    with store.reading() as connection:
        rows = connection.execute(reached.group_by(submissions.c.participant)).all()
        names = {row.id: row.name for row in connection.execute(select(participants.c.id, participants.c.name))}
        paid = {
            who: int(cents)
            for who, cents in connection.execute(
                select(bounties.c.participant, func.sum(bounties.c.cents)).group_by(bounties.c.participant)
            )
        }
    ordered = sorted(rows, key=lambda row: (-paid.get(row.participant, 0), -row.goals, row.first))
    return [
        Place(id=r.participant, name=names[r.participant], goals=r.goals, cents=paid.get(r.participant, 0))
        for r in ordered
    ]


def submissions_of(store: Store, participant_id: str | None = None) -> Sequence[Row]:
    """A participant's submissions, or everyone's, the newest first."""
    query = select(submissions).order_by(submissions.c.at.desc(), submissions.c.id.desc())
    return _all(store, query if participant_id is None else query.where(submissions.c.participant == participant_id))


def waiting(store: Store) -> Sequence[Row]:
    """What people have to decide, oldest first: what no grader could score, and appeals."""
    unread = or_(
        submissions.c.outcome.in_([str(Outcome.UNSCORED), str(Outcome.ERROR)]), submissions.c.appealed.is_not(None)
    )
    return _all(store, select(submissions).where(submissions.c.decided.is_(None), unread).order_by(submissions.c.at))


def payments(store: Store, participant_id: str | None = None) -> Sequence[Row]:
    """Lines of the bounty ledger, in order."""
    query = select(bounties).order_by(bounties.c.number)
    return _all(store, query if participant_id is None else query.where(bounties.c.participant == participant_id))


def figures(store: Store) -> dict[str, int]:
    """How much happened."""
    with store.reading() as connection:

        def count(query: Select[Any]) -> int:
            return int(connection.execute(query).scalar_one() or 0)

        return {
            "participants": count(select(func.count()).select_from(participants)),
            "messages": count(select(func.count()).select_from(turns)),
            "stopped": count(select(func.count()).select_from(turns).where(turns.c.blocked.is_(True))),
            "submissions": count(select(func.count()).select_from(submissions)),
            "successes": count(
                select(func.count()).select_from(submissions).where(submissions.c.outcome == str(Outcome.SUCCESS))
            ),
            "cents": count(select(func.sum(bounties.c.cents))),
        }


def attempts_jsonl(court: Court) -> bytes:
    """Every submission with its conversation, JSON lines; people by the ids that the arena gave them."""
    lines: list[str] = []
    for row in reversed(submissions_of(court.store)):
        prompt, answer = court.said(row)
        goal = court.config.all_goals.get(row["goal"])
        line = {
            "id": row["id"], "participant": row["participant"], "at": _when(row["at"]),
            "goal": {"id": row["goal"], "text": goal.text if goal else "", "rule": goal.rule if goal else ""},
            "messages": [{"role": str(t.role), "content": t.content} for t in prompt.exchange.messages],
            "response": answer.text, "outcome": row["outcome"], "grader": row["grader"], "because": row["because"],
            "same_as": row["same_as"], "appeal": unpacked(row["appeal"]), "decider": row["decider"],
            "decision": unpacked(row["decision"]),
        }  # fmt: skip
        lines.append(json.dumps(line))
    return "".join(f"{line}\n" for line in lines).encode()


def findings_jsonl(court: Court) -> bytes:
    """The successes as ``solon redteam findings`` reads them, repetitions named."""
    lines: list[str] = []
    for row in reversed(submissions_of(court.store)):
        if row["outcome"] == Outcome.SUCCESS:
            raw = finding_json(court.finding(row))
            lines.append(json.dumps(raw | ({"same_as": row["same_as"].replace("-", "")} if row["same_as"] else {})))
    return "".join(f"{line}\n" for line in lines).encode()


def bounties_csv(court: Court) -> bytes:
    """The bounty ledger as a table; amounts in cents."""
    with court.store.reading() as connection:
        names = {row.id: row.name for row in connection.execute(select(participants.c.id, participants.c.name))}
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["number", "at", "participant", "name", "submission", "kind", "cents", "currency", "note"])
    for row in payments(court.store):
        name = names.get(row["participant"], "")
        table.writerow(
            [row["number"], _when(row["at"]), row["participant"], f"'{name}" if name.startswith(_FORMULA) else name,
             row["submission"], row["kind"], row["cents"], court.config.bounties.currency, row["note"]]
        )  # fmt: skip
    return out.getvalue().encode("utf-8", "replace")


def _all(store: Store, query: Select[Any]) -> Sequence[Row]:
    with store.reading() as connection:
        return connection.execute(query).mappings().all()


def _when(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")
