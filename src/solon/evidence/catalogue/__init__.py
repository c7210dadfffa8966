"""Frameworks as data: what each asks, in our words, with where that was read and how far it can be relied on."""

from solon.evidence.catalogue.load import Ask, Catalogue, Item, Place, load_all, load_catalogue

__all__ = ["Ask", "Catalogue", "Item", "Place", "load_all", "load_catalogue"]
