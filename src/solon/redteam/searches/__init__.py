"""Attacks that learn from answers, one technique a file."""
