"""The grammars that ship for training the baseline pack; the language itself is ``solon.policies.grammar``."""

from pathlib import Path

from solon.policies.grammar import GOAL, INTENTS, Block, fill
from solon.policies.grammar import load_grammars as _load

SHIPPED = Path(__file__).parent / "grammars"

__all__ = ["GOAL", "INTENTS", "SHIPPED", "Block", "fill", "load_grammars"]


def load_grammars(folder: Path = SHIPPED) -> list[Block]:
    """Every block of every ``*.yaml`` in ``folder``; the shipped ones by default."""
    return _load(folder)
