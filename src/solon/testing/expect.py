"""How a check says no."""


class Nonconformance(AssertionError):
    """A part breaks its contract; the message says what was expected and what was found."""


def expect(holds: bool, problem: str) -> None:
    """Raise ``Nonconformance`` with ``problem`` unless ``holds``; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise Nonconformance(problem)
