"""In this process, one shard after the other: for targets that compute here."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from solon.redteam.executors.executor import OpenWorker
from solon.redteam.line import Line


class Inline:
    """The plainest executor, and the measure of the others."""

    name = "inline"

    async def run(self, open_worker: OpenWorker, shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
        """The lines of every shard, in order."""
        worker = open_worker()
        try:
            for shard in shards:
                yield await worker.attempt(shard)
                await asyncio.sleep(0)  # lets a cancelled run end here
        finally:
            await worker.aclose()
