"""Append-only records of everything that was decided, in SQLite or PostgreSQL."""

from solon.ledger.ledger import Health, Ledger, Window, open_ledger
from solon.ledger.record import ContentState, Gap, LedgerError, LedgerFull, Record, Stored
from solon.ledger.store import Query

__all__ = [
    "ContentState",
    "Gap",
    "Health",
    "Ledger",
    "LedgerError",
    "LedgerFull",
    "Query",
    "Record",
    "Stored",
    "Window",
    "open_ledger",
]
