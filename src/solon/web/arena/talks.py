"""Conversations with the guarded target: limits first, then the message is kept, then it is asked, then the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from solon.core.attempt import Answer, Prompt, Target
from solon.core.exchange import Exchange, Message, Role
from solon.web.arena.config import ArenaConfig, ArenaGoal
from solon.web.arena.schema import participants, talks, turns
from solon.web.arena.store import ArenaError, Row, Store, fresh_id, now_us, packed, paused, unpacked

_MINUTE_US = 60_000_000
STOPPED = "The safeguard stopped this."


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message and what came back; ``answered`` is false where nothing did."""

    number: int
    at: int
    asked: str
    reply: str = ""
    answered: bool = False
    blocked: bool = False
    layer: str = ""
    error: str = ""

    @property
    def usable(self) -> bool:
        """Whether there is a reply that could hold something forbidden."""
        return self.answered and not self.blocked and not self.error and bool(self.reply.strip())


def require_active(connection: Connection, participant_id: str) -> None:
    """Refuse whoever is suspended, and everyone while the arena is paused.

    Raises:
        ArenaError: with the reason.
    """
    if reason := paused(connection):
        raise ArenaError(f"The arena is paused: {reason}")
    query = select(participants.c.suspended).where(participants.c.id == participant_id)
    if connection.execute(query).scalar() is not False:
        raise ArenaError("You are suspended. The organisers can tell you why.")


def start(store: Store, participant_id: str, goal: ArenaGoal) -> str:
    """Begin a conversation; returns its id.

    Raises:
        ArenaError: where they may not.
    """
    talk = fresh_id()
    with store.writing() as connection:
        require_active(connection, participant_id)
        row = {"id": talk, "participant": participant_id, "goal": goal.id, "at": now_us()}
        connection.execute(insert(talks).values(row))
    store.tell("began", {"participant": participant_id, "talk": talk, "goal": goal.id})
    return talk


def talk_of(store: Store, talk: str, participant_id: str | None) -> Row | None:
    """A conversation; another participant's is no more there than one that never was (operators give ``None``)."""
    query = select(talks).where(talks.c.id == talk)
    if participant_id is not None:
        query = query.where(talks.c.participant == participant_id)
    with store.reading() as connection:
        return connection.execute(query).mappings().first()


def talks_of(store: Store, participant_id: str, goal: str) -> Sequence[Row]:
    """A participant's conversations about a goal, the newest first."""
    query = select(talks).where(talks.c.participant == participant_id, talks.c.goal == goal)
    with store.reading() as connection:
        return connection.execute(query.order_by(talks.c.at.desc())).mappings().all()


def history(store: Store, talk: str) -> list[Turn]:
    """The turns of a conversation, in order."""
    with store.reading() as connection:
        rows = connection.execute(select(turns).where(turns.c.talk == talk).order_by(turns.c.number)).mappings().all()
    return [_turn(row) for row in rows]


def prompt_of(said: Sequence[Turn], system: str, *, upto: int | None = None) -> Prompt:
    """The conversation as the target gets it: every message, and the replies that were let through."""
    messages = [Message(role=Role.SYSTEM, content=system)] if system else []
    for turn in said:
        if upto is not None and turn.number > upto:
            break
        last = upto is not None and turn.number == upto
        if turn.usable or last or turn is said[-1]:
            messages.append(Message(role=Role.USER, content=turn.asked))
        if turn.usable and not last and turn is not said[-1]:
            messages.append(Message(role=Role.ASSISTANT, content=turn.reply))
    return Prompt(exchange=Exchange(messages=tuple(messages)))


def reserve(store: Store, config: ArenaConfig, participant_id: str, talk: str, words: str) -> int:
    """Take a message within every limit, before anything is asked; returns its number.

    Raises:
        ArenaError: naming the limit.
    """
    limits, at = config.limits, now_us()
    if not words.strip():
        raise ArenaError("Write something first.")
    if len(words) > limits.characters:
        raise ArenaError(f"A message has at most {limits.characters:,} characters; this one has {len(words):,}.")
    with store.writing() as connection:
        require_active(connection, participant_id)
        mine = select(func.count()).select_from(turns).where(turns.c.participant == participant_id)
        if connection.execute(mine.where(turns.c.at > at - _MINUTE_US)).scalar_one() >= limits.messages_a_minute:
            raise ArenaError(f"At most {limits.messages_a_minute} messages a minute. Wait a little.")
        if connection.execute(mine).scalar_one() >= limits.messages:
            raise ArenaError(f"Your budget of {limits.messages:,} messages is spent.")
        last = connection.execute(select(func.max(turns.c.number)).where(turns.c.talk == talk)).scalar()
        number = 0 if last is None else last + 1
        if number >= limits.turns:
            raise ArenaError(f"A conversation has at most {limits.turns} messages. Begin another one.")
        row = {"talk": talk, "number": number, "participant": participant_id, "at": at, "asked": packed(words)}
        connection.execute(insert(turns).values(blocked=False, layer="", error="", **row))
    return number


async def ask(target: Target, prompt: Prompt) -> Answer:
    """The target's answer; whatever goes wrong in it is an answer with an error, never a lost message."""
    try:
        return (await target.ask([prompt]))[0]
    except Exception as error:  # a target of anyone's may fail in any way
        return Answer(error=f"{type(error).__name__}: {error}")


def keep(store: Store, talk: str, number: int, participant_id: str, answer: Answer) -> None:
    """Keep what came back."""
    values = {
        "reply": packed(answer.text),
        "blocked": answer.blocked,
        "layer": answer.layer[:20],
        "error": answer.error.encode("utf-8", "replace").decode().replace("\0", "")[:500],
    }
    with store.writing() as connection:
        connection.execute(update(turns).where(turns.c.talk == talk, turns.c.number == number).values(values))
        asked = connection.execute(
            select(turns.c.asked).where(turns.c.talk == talk, turns.c.number == number)
        ).scalar_one()  # fmt: skip
    body = {"participant": participant_id, "talk": talk, "number": number, "blocked": answer.blocked,
            "layer": answer.layer, "risk": answer.risk, "failed": bool(answer.error)}  # fmt: skip
    store.tell("said", body, {"messages": unpacked(asked), "response": answer.text})


def left(store: Store, config: ArenaConfig, participant_id: str) -> int:
    """Messages that a participant may still send."""
    query = select(func.count()).select_from(turns).where(turns.c.participant == participant_id)
    with store.reading() as connection:
        return max(0, config.limits.messages - connection.execute(query).scalar_one())


def _turn(row: Row) -> Turn:
    return Turn(
        number=row["number"],
        at=row["at"],
        asked=unpacked(row["asked"]),
        reply=unpacked(row["reply"]),
        answered=row["reply"] is not None,
        blocked=row["blocked"],
        layer=row["layer"],
        error=row["error"],
    )
