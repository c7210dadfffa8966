"""Attacks that need no feedback, one technique a file."""
