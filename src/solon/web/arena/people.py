"""Who takes part: one-time invitations, the scope that is accepted, keys of which only a digest is kept."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from solon.web.arena.schema import invitations, participants, state
from solon.web.arena.store import ArenaError, Row, Store, fresh_id, fresh_secret, now_us

_DAY_US = 86_400_000_000
_NAME = re.compile(r"[\w .'-]{2,40}")


def invite(store: Store, *, label: str = "", days: float = 14.0, operator: str) -> str:
    """A new invitation; its token is shown once and kept as a digest only."""
    token = fresh_secret("invite")
    named, begins = _digest(token), now_us()
    row = {"token_hash": named, "label": label[:80], "made": begins, "ends": begins + int(days * _DAY_US)}
    with store.writing() as connection:
        connection.execute(insert(invitations).values(row))
    store.tell("invited", {"label": label[:80], "operator": operator, "invitation": named[:12]})
    return token


def open_invitation(store: Store, token: str) -> bool:
    """Whether a token can still be used."""
    with store.reading() as connection:
        query = select(invitations.c.ends).where(
            invitations.c.token_hash == _digest(token), invitations.c.participant.is_(None)
        )
        ends = connection.execute(query).scalar()
    return ends is not None and ends > now_us()


def join(store: Store, token: str, name: str, scope: str) -> tuple[str, str]:
    """Use an invitation up: a participant's id and their key, which is shown once.

    Raises:
        ArenaError: for an invitation that is unknown, over or used, or a name that is taken or unfit.
    """
    name = " ".join(unicodedata.normalize("NFKC", name).split())
    if not _NAME.fullmatch(name):
        raise ArenaError("A name has 2 to 40 letters, digits, spaces, dots, apostrophes or hyphens.")
    key, made = fresh_secret("sk-arena"), fresh_id()
    with store.writing() as connection:
        held = connection.execute(
            select(invitations).where(invitations.c.token_hash == _digest(token))
        ).mappings().first()  # fmt: skip
        if held is None or held["participant"] is not None or held["ends"] <= now_us():
            raise ArenaError("This invitation was used, is over, or never was. Ask for a new one.")
        folded = [str(one).casefold() for one in connection.execute(select(participants.c.name)).scalars()]
        if name.casefold() in folded:
            raise ArenaError("Somebody has this name already. Choose another.")
        row = {"id": made, "name": name, "key_hash": _digest(key), "scope": scope, "joined": now_us()}
        connection.execute(insert(participants).values(suspended=False, **row))
        used = update(invitations).where(invitations.c.token_hash == _digest(token))
        connection.execute(used.values(participant=made))
    store.tell("joined", {"participant": made, "name": name, "scope": scope, "invitation": _digest(token)[:12]})
    return made, key


def by_key(store: Store, key: str) -> str | None:
    """The participant whose key this is."""
    with store.reading() as connection:
        query = select(participants.c.id).where(participants.c.key_hash == _digest(key))
        return connection.execute(query).scalar()


def participant(store: Store, participant_id: str) -> Row | None:
    """A participant's row."""
    with store.reading() as connection:
        query = select(participants).where(participants.c.id == participant_id)
        return connection.execute(query).mappings().first()


def everyone(store: Store) -> Sequence[Row]:
    """All participants, in the order in which they joined."""
    with store.reading() as connection:
        return connection.execute(select(participants).order_by(participants.c.joined)).mappings().all()


def accept_scope(store: Store, participant_id: str, scope: str) -> None:
    """Note that a participant accepted a newer text."""
    with store.writing() as connection:
        connection.execute(update(participants).where(participants.c.id == participant_id).values(scope=scope))
    store.tell("accepted", {"participant": participant_id, "scope": scope})


def suspend(store: Store, participant_id: str, suspended: bool, *, operator: str) -> None:
    """Keep a participant from doing anything, or let them on again; they may still read what is theirs.

    Raises:
        ArenaError: where there is none.
    """
    with store.writing() as connection:
        chosen = update(participants).where(participants.c.id == participant_id)
        if not connection.execute(chosen.values(suspended=suspended)).rowcount:
            raise ArenaError("There is no such participant.")
    word = "suspended" if suspended else "resumed"
    store.tell(word, {"participant": participant_id, "operator": operator})


def pause(store: Store, reason: str, *, operator: str) -> None:
    """Pause the arena, with the reason that participants read; an empty one lets it run again."""
    with store.writing() as connection:
        connection.execute(delete(state).where(state.c.name == "paused"))
        if reason:
            connection.execute(insert(state).values(name="paused", value=reason[:500]))
    store.tell("paused" if reason else "reopened", {"reason": reason[:500], "operator": operator})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.strip().encode("utf-8", "surrogatepass")).hexdigest()
