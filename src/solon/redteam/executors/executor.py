"""What runs shards: the one interface of all executors."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Protocol

from solon.redteam.line import Line
from solon.redteam.worker import Worker

OpenWorker = Callable[[], Worker]
"""Makes a worker where it is to work; executors that leave this process need it to be picklable."""


class Executor(Protocol):
    """Runs shards of places through workers.

    A shard is taken from ``shards`` only when there is room for it, so that whoever gives them can stop at any time;
    those that were taken are finished. Results come a shard at a time, in any order.
    """

    name: str

    def run(self, open_worker: OpenWorker, shards: Iterator[Sequence[int]]) -> AsyncGenerator[list[Line], None]:
        """The lines of every shard.

        Raises:
            SolonError: where no worker can be made, or one ends by itself.
        """
        ...
