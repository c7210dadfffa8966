"""The arena's tables, for SQLite and PostgreSQL. Bounties take inserts only, as the database itself makes sure."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)

metadata = MetaData()
_ID = String(36)

state = Table(
    "arena_state", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False)
)

participants = Table(
    "arena_participants",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("scope", String(16), nullable=False),
    Column("joined", BigInteger, nullable=False),
    Column("suspended", Boolean, nullable=False, default=False),
)

invitations = Table(
    "arena_invitations",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("label", String(80), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("participant", _ID, ForeignKey("arena_participants.id")),
)

talks = Table(
    "arena_talks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("participant", _ID, ForeignKey("arena_participants.id"), nullable=False),
    Column("goal", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("arena_talks_participant", talks.c.participant, talks.c.goal)

turns = Table(
    "arena_turns",
    metadata,
    Column("talk", _ID, ForeignKey("arena_talks.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("participant", _ID, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("reply", LargeBinary),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("layer", String(20), nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
)
"""A message and its answer; ``reply`` stays empty where a process died in between. Words are UTF-8 bytes, since a
participant may send what no text column takes."""
Index("arena_turns_participant", turns.c.participant, turns.c.at)

submissions = Table(
    "arena_submissions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("talk", _ID, ForeignKey("arena_talks.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("participant", _ID, ForeignKey("arena_participants.id"), nullable=False),
    Column("goal", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("grader", String(60), nullable=False),
    Column("because", Text, nullable=False),
    Column("same_as", _ID),
    Column("appeal", LargeBinary),
    Column("appealed", BigInteger),
    Column("decided", BigInteger),
    Column("decider", String(40)),
    Column("decision", LargeBinary),
    UniqueConstraint("talk", "number", name="arena_submissions_once"),
)
Index("arena_submissions_participant", submissions.c.participant, submissions.c.at)

bounties = Table(
    "arena_bounties",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("reason", String(200), nullable=False, unique=True),
    Column("participant", _ID, ForeignKey("arena_participants.id"), nullable=False),
    Column("submission", _ID, ForeignKey("arena_submissions.id"), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""``reason`` says what is paid for, so that nothing is paid twice. A payment taken back is a further, negative line."""

_SQLITE = tuple(
    f"""CREATE TRIGGER arena_bounties_no_{verb} BEFORE {verb.upper()} ON arena_bounties
       BEGIN SELECT RAISE(ABORT, 'arena_bounties is append-only'); END"""
    for verb in ("update", "delete")
)
_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION arena_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER arena_bounties_append_only BEFORE UPDATE OR DELETE ON arena_bounties
       FOR EACH ROW EXECUTE FUNCTION arena_refuse()""",
    """CREATE TRIGGER arena_bounties_no_truncate BEFORE TRUNCATE ON arena_bounties
       FOR EACH STATEMENT EXECUTE FUNCTION arena_refuse()""",
)
LOCK = 0x4152454E41  # "ARENA"


def prepare(connection: Connection) -> None:
    """Create what is missing; the caller's transaction holds the arena's lock."""
    if inspect(connection).has_table(state.name):
        return
    metadata.create_all(connection)
    for statement in _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE:
        connection.execute(text(statement))
