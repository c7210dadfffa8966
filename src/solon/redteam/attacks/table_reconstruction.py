"""The goal's words in the rows of a table, out of order, with a column that says the order.

Liu et al. 2024, *Making Them Ask and Answer* (DRA, arXiv 2402.18104): disguise and reconstruction.
"""

import random

from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.seeds import seeds

_HEADS = ("item", "word", "entry", "label", "token")
_ORDERS = ("no", "rank", "year", "page", "position")
_COVERS = ("colour", "shelf", "grade", "unit", "region")
_COVER_WORDS = ("green", "B4", "north", "kg", "second", "blue", "A1", "south", "litre", "first", "amber", "C2")


class TableReconstruction(BaseAttack):
    """Markdown or comma-separated, with a column of no meaning."""

    name = "table_reconstruction"
    family = "splitting"
    paper = "2402.18104"
    tests = "whether a request is read out of the rows of a table"
    verbatim = False

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The table and how to read it."""
        head, order, cover = rng.choice(_HEADS), rng.choice(_ORDERS), rng.choice(_COVERS)
        step, first = rng.randint(1, 9), rng.randint(1, 2000)
        words = goal.text.split() or [goal.text]
        rows = [(str(first + step * at), word, rng.choice(_COVER_WORDS)) for at, word in enumerate(words)]
        rng.shuffle(rows)
        columns = [0, 1, 2]
        rng.shuffle(columns)
        lines = [[row[column] for column in columns] for row in [(order, head, cover), *rows]]
        if rng.random() < 0.5:
            table = "\n".join(",".join(cell.replace(",", ";") for cell in line) for line in lines)
        else:
            marked = ["| " + " | ".join(line) + " |" for line in lines]
            table = "\n".join([marked[0], "|---|---|---|", *marked[1:]])
        return Prompt.of(seeds("splitting").write("ask_table", rng, table=table, head=head, order=order))


attack = TableReconstruction()
