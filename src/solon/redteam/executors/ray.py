"""On a Ray cluster: actors that each open a worker and make shards, wherever the cluster has processors."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

from solon.core.errors import SolonError
from solon.redteam.executors.executor import OpenWorker
from solon.redteam.line import Line

AHEAD = 2
"""Shards an actor has: one under way, one waiting."""
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


class RayCluster:
    """Actors on a cluster; a shard whose actor is lost is made again by another, and recorded once.

    Args:
        address: of the cluster, as ``ray.init`` takes it; ``None``: one is started on this machine.
        actors: how many; every processor of the cluster by default.
    """

    name = "ray"

    def __init__(self, address: str | None = None, actors: int | None = None) -> None:
        self._address = address
        self._actors = actors

    async def run(self, open_worker: OpenWorker, shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
        """The lines of every shard, as they are done.

        Raises:
            SolonError: where Ray is missing, its cluster cannot be reached, or an actor fails for good.
        """
        ray = _ray()
        own = not ray.is_initialized()
        if own:
            try:
                ray.init(address=self._address, include_dashboard=False, **_QUIET)
            except Exception as error:  # whatever Ray raises, it has no cluster
                raise SolonError(
                    f"no cluster: {error}", place="ray", repair="Start one, or give its address."
                ) from error
        try:
            count = self._actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
            actor = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=3)(_Actor)
            kept = ray.put(open_worker)  # held here, so that an actor that is lost can be made again
            actors = [actor.remote(kept) for _ in range(count)]
            async for lines in _spread(actors, shards):
                yield lines
        except _errors() as error:
            raise SolonError(
                f"an actor failed: {error}", place="ray", repair="Give the same command again to go on."
            ) from error
        finally:
            if own:
                ray.shutdown()


async def _spread(actors: Sequence[Any], shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
    free = [actor for actor in actors for _ in range(AHEAD)]
    running: dict[asyncio.Future[Any], Any] = {}
    for shard in shards:
        actor = free.pop(0)
        running[asyncio.ensure_future(_result(actor.attempt.remote(shard)))] = actor
        while not free:
            async for lines in _done(running, free):
                yield lines
    while running:
        async for lines in _done(running, free):
            yield lines


async def _done(running: dict[asyncio.Future[Any], Any], free: list[Any]) -> AsyncGenerator[list[Line], None]:
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for future in done:
        free.append(running.pop(future))
        yield [Line._make(columns) for columns in future.result()]


async def _result(reference: Any) -> Any:
    return await reference


class _Actor:
    """One worker on the cluster; answers with plain tuples, which any version of Python reads."""

    def __init__(self, open_worker: OpenWorker) -> None:
        self._worker = open_worker()

    async def attempt(self, shard: Sequence[int]) -> list[tuple[Any, ...]]:
        return [tuple(line) for line in await self._worker.attempt(shard)]


def _errors() -> tuple[type[Exception], ...]:
    from ray.exceptions import RayError

    return (RayError,)


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise SolonError("ray is missing", place="executor", repair="Install it: pip install 'solon[ray]'.") from None
    return ray
