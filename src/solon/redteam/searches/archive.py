"""Quality-diversity search: the best attack of every kind against every group of goals (arXiv 2402.16822, MAP-Elites).

The map has a cell for each group of goals and each family of attack. A search for one winner stops where it is easy;
this one fills the map, and the cells that stay empty say where a defence holds or where nobody has looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.core.attempt import Goal, Prompt
from solon.redteam.attack import Attack, Lab
from solon.redteam.searches.genes import Breeder, Genome, attack_genes, codec_genes, express, move_genes, name_of
from solon.redteam.searches.trail import Trail, merit
from solon.redteam.searches.wrapper import Weaver

Cell = tuple[str, str]
"""A group of goals (``Goal.cluster``) and the family of a composition's outermost change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elite:
    """The best composition of a cell: how near it came (1: success), on which goal, by which changes."""

    merit: float
    goal: Goal
    genome: Genome

    @property
    def name(self) -> str:
        """The changes' names, joined by ``+``."""
        return name_of(self.genome)


@dataclass(slots=True, kw_only=True)
class Archive:
    """``rounds`` batches of ``batch`` new compositions; ``cells`` is the map afterwards."""

    name: str = "archive"
    family: str = "evolution"
    paper: str = "2402.16822"
    rounds: int = 30
    batch: int = 16
    whole: bool = True
    attacks: Sequence[Attack] = ()
    longest: int = 300
    trail: Trail = field(default_factory=Trail)
    cells: dict[Cell, Elite] = field(default_factory=dict[Cell, Elite])

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Fill the map.

        Raises:
            BudgetSpent: where the lab's budget ends; ``cells`` keeps what was found until then.
        """
        self.trail, self.cells = Trail(), {}
        if not goals:
            return
        pool = [*move_genes(), *codec_genes(), *attack_genes(self.attacks, lab.rng)]
        breeder = Breeder(lab.rng, pool, Weaver(lab.rng, longest=self.longest))
        seen: set[tuple[str, str]] = set()
        for _ in range(self.rounds):
            born: list[tuple[Goal, Genome, str]] = []
            for _ in range(self.batch):
                goal, genome = lab.rng.choice(goals), self._draw(breeder)
                text = express(genome, goal, whole=self.whole)
                if text is not None and (goal.id, text) not in seen:
                    seen.add((goal.id, text))
                    born.append((goal, genome, text))
            heard = await self.trail.ask(lab, [(goal, Prompt.of(text)) for goal, _, text in born])
            for (goal, genome, _), (answer, grade) in zip(born, heard, strict=True):
                self._place(Elite(merit=merit(answer, grade), goal=goal, genome=genome))

    def reached(self) -> list[Cell]:
        """Cells that hold a success, in order."""
        return sorted(cell for cell, elite in self.cells.items() if elite.merit >= 1.0)

    def _draw(self, breeder: Breeder) -> Genome:
        if len(self.cells) < 2 or breeder.rng.random() < 0.2:
            return breeder.fresh()
        one, other = breeder.rng.sample(sorted(self.cells), 2)
        return breeder.child(self.cells[one].genome, self.cells[other].genome)

    def _place(self, elite: Elite) -> None:
        """Keep it where its cell is empty, or it is better, or as good with fewer changes."""
        cell = (elite.goal.cluster, elite.genome[-1].family)
        held = self.cells.get(cell)
        if held is None or (elite.merit, -len(elite.genome)) > (held.merit, -len(held.genome)):
            self.cells[cell] = elite
