"""Measurements: suites with intervals, comparisons, robustness, integrity."""
