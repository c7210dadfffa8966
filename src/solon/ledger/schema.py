"""One schema for SQLite and PostgreSQL, and the triggers that make it append-only.

``records`` takes inserts only, and so do ``leaves`` and ``checkpoints``, the log over them. ``contents`` takes inserts
and one kind of update: the one that empties a row and says that it expired or was erased. Text columns hold ASCII or
valid UTF-8 without NUL; whatever else a person wrote lies in JSON escapes or in bytes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
)

from solon.ledger.record import SCHEMA_VERSION, LedgerError

FACETS = ("request_id", "key", "tenant", "policy", "model", "conversation", "action", "exchange")
"""Fields of a body that have a column of their own, so that the database can filter by them."""

FACET_LENGTH = 200

metadata = MetaData()

_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "solon_meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False)
)

records = Table(
    "solon_records",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("writer", String(80), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("schema", Integer, nullable=False),
    *(Column(name, String(FACET_LENGTH)) for name in FACETS),
    UniqueConstraint("writer", "seq", name="solon_records_writer_seq"),
    sqlite_autoincrement=True,
)
Index("solon_records_kind_at", records.c.kind, records.c.at)
Index("solon_records_kind_action", records.c.kind, records.c.action, records.c.number)
for _name in ("request_id", "exchange", "conversation"):
    _column = records.c[_name]
    Index(
        f"solon_records_{_name}",
        _column,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

contents = Table(
    "solon_contents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("state", String(10), nullable=False),
    Column("data", LargeBinary),
    Column("secret", LargeBinary),
    Column("key_id", String(12), nullable=False),
    Column("commitment", LargeBinary),
)

leaves = Table(
    "solon_leaves",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
)

checkpoints = Table(
    "solon_checkpoints",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("size", BigInteger, nullable=False, index=True),
    Column("note", Text, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER solon_records_no_update BEFORE UPDATE ON solon_records
       BEGIN SELECT RAISE(ABORT, 'solon_records is append-only'); END""",
    """CREATE TRIGGER solon_records_no_delete BEFORE DELETE ON solon_records
       BEGIN SELECT RAISE(ABORT, 'solon_records is append-only'); END""",
    """CREATE TRIGGER solon_contents_no_delete BEFORE DELETE ON solon_contents
       BEGIN SELECT RAISE(ABORT, 'solon_contents is emptied, never deleted'); END""",
)

_POSTGRESQL_TRIGGERS = (
    """CREATE OR REPLACE FUNCTION solon_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER solon_records_append_only BEFORE UPDATE OR DELETE ON solon_records
       FOR EACH ROW EXECUTE FUNCTION solon_refuse()""",
    """CREATE TRIGGER solon_records_no_truncate BEFORE TRUNCATE ON solon_records
       FOR EACH STATEMENT EXECUTE FUNCTION solon_refuse()""",
    """CREATE TRIGGER solon_contents_no_delete BEFORE DELETE ON solon_contents
       FOR EACH ROW EXECUTE FUNCTION solon_refuse()""",
    """CREATE TRIGGER solon_contents_no_truncate BEFORE TRUNCATE ON solon_contents
       FOR EACH STATEMENT EXECUTE FUNCTION solon_refuse()""",
)

_SQLITE_LOG_TRIGGERS = (
    """CREATE TRIGGER solon_contents_erasure_only BEFORE UPDATE ON solon_contents
       WHEN NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at OR NEW.key_id IS NOT OLD.key_id
         OR NEW.commitment IS NOT OLD.commitment
         OR NEW.data IS NOT NULL OR NEW.secret IS NOT NULL OR NEW.state NOT IN ('expired', 'erased')
       BEGIN SELECT RAISE(ABORT, 'solon_contents can only be emptied'); END""",
    *(
        f"""CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name}
       BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"""
        for table in (leaves, checkpoints)
        for verb in ("UPDATE", "DELETE")
    ),
)

_POSTGRESQL_LOG_TRIGGERS = (
    """CREATE TRIGGER solon_contents_erasure_only BEFORE UPDATE ON solon_contents FOR EACH ROW
       WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.at IS DISTINCT FROM OLD.at
         OR NEW.key_id IS DISTINCT FROM OLD.key_id
         OR NEW.commitment IS DISTINCT FROM OLD.commitment OR NEW.data IS NOT NULL OR NEW.secret IS NOT NULL
         OR NEW.state NOT IN ('expired', 'erased'))
       EXECUTE FUNCTION solon_refuse()""",
    *(
        f"""CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE ON {table.name}
       FOR EACH ROW EXECUTE FUNCTION solon_refuse()"""
        for table in (leaves, checkpoints)
    ),
    *(
        f"""CREATE TRIGGER {table.name}_no_truncate BEFORE TRUNCATE ON {table.name}
       FOR EACH STATEMENT EXECUTE FUNCTION solon_refuse()"""
        for table in (leaves, checkpoints)
    ),
)

_POSTGRESQL_LOCK = 0x534F4C4F4E  # "SOLON"


def prepare(connection: Connection) -> None:
    """Create what is missing; several processes may do it at once. The caller has begun a transaction.

    Raises:
        LedgerError: where the database was written by a newer Solon.
    """
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
    tables = set(inspect(connection).get_table_names())
    if meta.name not in tables:
        metadata.create_all(connection)
        for statement in _POSTGRESQL_TRIGGERS if postgresql else _SQLITE_TRIGGERS:
            connection.execute(text(statement))
        connection.execute(insert(meta).values(name="schema_version", value=str(SCHEMA_VERSION)))
    found = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one()
    if int(found) > SCHEMA_VERSION:
        raise LedgerError(
            f"the database has schema version {found}, this Solon knows {SCHEMA_VERSION}",
            place="ledger.dsn",
            repair="Update Solon, or name another database.",
        )
    if leaves.name not in tables:
        _add_log(connection, made_before=meta.name in tables)


def _add_log(connection: Connection, *, made_before: bool) -> None:
    """Give a ledger its log; one that an earlier Solon made goes on taking that one's records."""
    postgresql = connection.dialect.name == "postgresql"
    if made_before:
        on = f" ON {contents.name}" if postgresql else ""
        connection.execute(text(f"DROP TRIGGER IF EXISTS solon_contents_erasure_only{on}"))
        kind = "BYTEA" if postgresql else "BLOB"
        connection.execute(text(f"ALTER TABLE {contents.name} ADD COLUMN commitment {kind}"))
        metadata.create_all(connection)
    for statement in _POSTGRESQL_LOG_TRIGGERS if postgresql else _SQLITE_LOG_TRIGGERS:
        connection.execute(text(statement))
