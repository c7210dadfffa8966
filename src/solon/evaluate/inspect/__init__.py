"""Solon inside Inspect AI: suites as tasks, the guard as a solver, four-valued outcomes as a scorer.

``inspect eval solon/suite --model … -T suite=xstest`` finds them by the entry point; see ``docs/evaluate.md``.
"""
