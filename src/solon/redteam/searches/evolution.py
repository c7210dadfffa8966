"""Evolutionary search over compositions of rewordings, codecs, wrappers and attacks, goal by goal.

The idea of AutoDAN's genetic search and GPTFuzzer (arXiv 2310.04451, 2309.10253), on compositions instead of words.
Where the target shows its risk, or the grader a score, that is climbed; on one bit all failures are alike and new
genomes replace old ones. What won on one goal is tried on every other goal first: most of the gain is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.core.attempt import Goal, Outcome, Prompt
from solon.redteam.attack import Attack, Lab
from solon.redteam.searches.genes import Breeder, Genome, attack_genes, codec_genes, express, move_genes, name_of
from solon.redteam.searches.trail import Trail, merit
from solon.redteam.searches.wrapper import Weaver

_TRIES = 20  # drawn genomes for one that can be expressed and is new
_SHARED = 2  # winners of other goals a generation tries first


@dataclass(slots=True)
class _Line:
    """A goal with its living genomes, best first, and all prompts it has seen."""

    goal: Goal
    living: list[tuple[float, Genome]] = field(default_factory=list[tuple[float, Genome]])
    seen: set[str] = field(default_factory=set[str])


@dataclass(slots=True, kw_only=True)
class Evolution:
    """``generations`` of ``population`` prompts a goal, the plain request being the very first.

    ``whole`` admits only prompts that carry the request word for word or reversibly. ``attacks`` join the genes;
    ``encodings`` says whether codecs do.
    """

    name: str = "evolution"
    family: str = "evolution"
    paper: str = "2310.04451"
    generations: int = 12
    population: int = 6
    parents: int = 4
    whole: bool = True
    encodings: bool = True
    attacks: Sequence[Attack] = ()
    longest: int = 300
    trail: Trail = field(default_factory=Trail)
    winners: dict[str, str] = field(default_factory=dict[str, str])
    """Names of the winning compositions by goal id."""

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Breed on all goals in step until each is reached or its generations are over.

        Raises:
            BudgetSpent: where the lab's budget ends.
        """
        self.trail, self.winners = Trail(), {}
        pool = [*move_genes(), *(codec_genes() if self.encodings else ()), *attack_genes(self.attacks, lab.rng)]
        breeder = Breeder(lab.rng, pool, Weaver(lab.rng, longest=self.longest))
        lines = [_Line(goal) for goal in goals]
        shared: dict[Genome, int] = {}
        await self._generation([(line, (), line.goal.text) for line in lines], lab, shared)
        for _ in range(self.generations):
            born: list[tuple[_Line, Genome, str]] = []
            for line in lines:
                if not self.trail.won(line.goal):
                    born += self._born(line, breeder, shared)
            if not born:
                return
            await self._generation(born, lab, shared)

    def _born(self, line: _Line, breeder: Breeder, shared: dict[Genome, int]) -> list[tuple[_Line, Genome, str]]:
        proven = sorted(shared, key=lambda genome: -shared[genome])
        made: list[tuple[_Line, Genome, str]] = []
        for genome in proven:
            text = self._new(line, genome)
            if text is not None:
                made.append((line, genome, text))
            if len(made) == _SHARED:
                break
        for _ in range(_TRIES * self.population):
            if len(made) >= self.population:
                break
            genome = self._draw(line, breeder)
            text = self._new(line, genome)
            if text is not None:
                made.append((line, genome, text))
        return made

    def _draw(self, line: _Line, breeder: Breeder) -> Genome:
        if not line.living or breeder.rng.random() < 0.2:
            return breeder.fresh()
        genomes = [genome for _, genome in line.living]
        return breeder.child(breeder.rng.choice(genomes), breeder.rng.choice(genomes))

    def _new(self, line: _Line, genome: Genome) -> str | None:
        """The genome's prompt where it can be expressed and was not tried on this goal; it counts as tried then."""
        text = express(genome, line.goal, whole=self.whole)
        if text is None or text in line.seen:
            return None
        line.seen.add(text)
        return text

    async def _generation(self, born: Sequence[tuple[_Line, Genome, str]], lab: Lab, shared: dict[Genome, int]) -> None:
        heard = await self.trail.ask(lab, [(line.goal, Prompt.of(text)) for line, _, text in born])
        for (line, genome, _), (answer, grade) in zip(born, heard, strict=True):
            if grade.outcome is Outcome.SUCCESS:
                shared[genome] = shared.get(genome, 0) + 1
                self.winners.setdefault(line.goal.id, name_of(genome))
            if grade.outcome is not Outcome.ERROR:
                line.living = [(merit(answer, grade), genome), *line.living]
        for line in {line.goal.id: line for line, _, _ in born}.values():
            self._cull(line)

    def _cull(self, line: _Line) -> None:
        line.living = sorted(line.living, key=lambda pair: -pair[0])[
            : self.parents
        ]  # stable: newest first among equals
