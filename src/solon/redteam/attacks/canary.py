"""Markers: words that nobody says by chance; where they appear, an order was obeyed or a secret told."""

import random

from solon.redteam.attacks.seeds import seeds


def canary(rng: random.Random) -> tuple[str, str]:
    """The two halves of a marker; joined by a hyphen they are the marker.

    An order that is planted names the halves alone: a reply that merely quotes the order does not hold the marker.
    """
    return rng.choice(seeds("system_prompt")["code_noun"]), str(rng.randint(1000, 9999))
