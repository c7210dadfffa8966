"""Encodings are views: a text, its plain form and everything it decodes to within a budget."""

from solon.engines.normalize.normalizer import Normalizer
from solon.engines.normalize.veil import blanked, veil
from solon.engines.normalize.views import Budget, Normalized, View

__all__ = ["Budget", "Normalized", "Normalizer", "View", "blanked", "veil"]
