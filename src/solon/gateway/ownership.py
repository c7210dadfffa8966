"""Whose stored response it is: an upstream keeps those of all clients under one key, the operator's.

A request may go on from a response (``previous_response_id``) only where its own key got it through this gateway. That
is kept beside the shared counts, so that it holds over workers and replicas: a digest of the id, and the key's id.
Conversations of the upstream are made by a path that is never relayed, so that nobody here can own one.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from solon.gateway.dialects.base import WireError
from solon.gateway.quota import open_database

R = TypeVar("R")

_log = logging.getLogger(__name__)
_KEPT_S = 60 * 86_400.0
"""Longer than an upstream keeps a response."""

_TABLES = sa.MetaData()
_OWNED = sa.Table(
    "solon_owned",
    _TABLES,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("at", sa.Float(53), nullable=False),
)


class Owners:
    """Remembers and asks. Belongs to one event loop; the database is opened when first needed.

    Args:
        dsn: where workers share it, as for ``Quota``.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._engine: sa.Engine | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="solon-owners")

    async def claim(self, response_id: str, key_id: str) -> None:
        """A response goes out to that key. Where this cannot be kept nobody may go on from it."""
        try:
            await self._off_loop(partial(self._claim, _name(response_id), key_id))
        except Exception as error:
            _log.error("the owner of a response cannot be kept", extra={"error": repr(error)})

    async def require(self, body: Mapping[str, object], key_id: str) -> None:
        """Let a request in Responses go on only from what its own key was given.

        Raises:
            WireError: of kind ``not_found``, the same for what is another's and for what is not there; of kind
                ``overloaded`` where it cannot be known.
        """
        if body.get("conversation") is not None:
            raise WireError(
                "conversations of the upstream cannot be used here",
                place="conversation",
                repair="Send the turns, or go on with previous_response_id.",
            )
        response_id = body.get("previous_response_id")
        if response_id is None:
            return
        try:
            owner = await self._off_loop(partial(self._owner, _name(str(response_id))))
        except Exception as error:
            _log.error("the owner of a response cannot be looked up", extra={"error": repr(error)})
            raise WireError("stored responses cannot be reached now", status=503, kind="overloaded") from None
        if owner != key_id:
            raise WireError(
                "there is no such response for this key",
                place="previous_response_id",
                repair="Send the turns themselves as input.",
                status=404,
                kind="not_found",
            )

    async def close(self) -> None:
        """Close the database."""
        if self._engine is not None:
            await self._off_loop(self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _off_loop(self, call: Callable[[], R]) -> "asyncio.Future[R]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _open(self) -> sa.Engine:
        if self._engine is None:
            self._engine = open_database(self._dsn, _TABLES)
            with self._engine.begin() as connection:
                connection.execute(sa.delete(_OWNED).where(_OWNED.c.at < time.time() - _KEPT_S))
        return self._engine

    def _claim(self, name: str, key_id: str) -> None:
        """The first who is given a response owns it."""
        insert = sa.text(
            "insert into solon_owned (name, owner, at) values (:name, :owner, :at) on conflict (name) do nothing"
        )
        with self._open().begin() as connection:
            connection.execute(insert, {"name": name, "owner": key_id, "at": time.time()})

    def _owner(self, name: str) -> str | None:
        with self._open().begin() as connection:
            return connection.execute(sa.select(_OWNED.c.owner).where(_OWNED.c.name == name)).scalar_one_or_none()


def _name(response_id: str) -> str:
    return hashlib.sha256(response_id.encode("utf-8", "surrogatepass")).hexdigest()
