"""In many processes of this machine: for targets that compute, such as the guard, one worker a core."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from solon.core.errors import SolonError
from solon.redteam.executors.executor import OpenWorker
from solon.redteam.line import Line
from solon.redteam.worker import Worker

AHEAD = 2
"""Shards a process has: one under way, one waiting."""


class Pool:
    """``workers`` processes, each with a worker of its own; ``open_worker`` has to be picklable."""

    name = "pool"

    def __init__(self, workers: int) -> None:
        self._workers = workers

    async def run(self, open_worker: OpenWorker, shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
        """The lines of every shard, as they are done.

        Raises:
            SolonError: where a process ends by itself; what was recorded stays.
        """
        loop = asyncio.get_running_loop()
        pool = ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),  # the inference runtime does not survive a fork
            initializer=_open,
            initargs=(open_worker,),
        )
        running: set[asyncio.Future[list[Line]]] = set()
        try:
            for shard in shards:
                running.add(loop.run_in_executor(pool, _attempt, shard))
                if len(running) >= AHEAD * self._workers:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise SolonError(
                f"a worker process ended by itself: {error}",
                place="workers",
                repair="Give the same command again to go on; use fewer workers if the memory ran out.",
            ) from error
        finally:
            for future in running:
                future.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            pool.shutdown(cancel_futures=True)


_worker: Worker | None = None
"""The worker of a process of the pool."""
_loop: asyncio.AbstractEventLoop | None = None
"""Its event loop: one for good, so that a target's connections outlive a shard."""


def _open(open_worker: OpenWorker) -> None:
    global _worker, _loop
    parent = multiprocessing.parent_process()
    if parent is not None:  # a worker whose parent was killed would wait for work for ever
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    _worker = open_worker()
    _loop = asyncio.new_event_loop()


def _attempt(shard: Sequence[int]) -> list[Line]:
    if _worker is None or _loop is None:
        raise RuntimeError("_open did not run in this process")
    return _loop.run_until_complete(_worker.attempt(shard))
