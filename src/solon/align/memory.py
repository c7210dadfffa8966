"""Out of memory, told as an error that names what to lower."""

from collections.abc import Generator
from contextlib import contextmanager

from solon.core.errors import TrainingError

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def room_for(what: str, batch: int) -> Generator[None]:
    """Turn a lack of memory, the device's or the machine's, into an error that names ``--batch``.

    Raises:
        TrainingError: where the block runs out of memory; everything else passes through.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in _SIGNS):
            raise
        raise TrainingError(
            f"out of memory with {batch} rows at a time",
            place=what,
            repair=f"Give --batch {max(1, batch // 2)}"
            + (", or fewer tokens (--max-tokens, --longest)." if batch == 1 else "; finished stages are kept."),
        ) from error
