"""In this process, several shards at once: for targets that are waited for, such as models behind HTTP.

How many questions are under way is the target's business; several shards keep it busy while the last answers of one
are still awaited.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from solon.redteam.executors.executor import OpenWorker
from solon.redteam.line import Line

SHARDS = 4


class Overlapped:
    """Keeps ``shards`` shards under way on one event loop."""

    name = "overlapped"

    def __init__(self, shards: int = SHARDS) -> None:
        self._shards = shards

    async def run(self, open_worker: OpenWorker, shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
        """The lines of every shard, as they are done."""
        worker = open_worker()
        running: set[asyncio.Task[list[Line]]] = set()
        try:
            for shard in shards:
                running.add(asyncio.create_task(worker.attempt(shard)))
                if len(running) >= self._shards:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        yield task.result()
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await worker.aclose()
