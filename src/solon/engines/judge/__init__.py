"""The judge: a language model reads the concerned rules in full and says which clauses decide."""

from solon.engines.judge.judge import Judge

__all__ = ["Judge"]
