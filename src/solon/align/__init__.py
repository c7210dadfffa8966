"""Deliberative alignment: a model is taught to reason over the written rules (arXiv 2412.16339)."""
