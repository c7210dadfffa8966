"""Graders: how an attempt ended, in four values."""
