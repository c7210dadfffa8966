"""Boundary-point search: against a classifier that gives away one bit, pass or stop (arXiv 2602.15001).

Far from the boundary one bit teaches nothing: every wrapper fails on the request as it is. So the request is hidden
in noise until it just passes. Such boundary points, passed inside some wrappers of the population and stopped inside
others, tell which wrapper is a little stronger; as wrappers get stronger the noise is taken away (the curriculum),
until the request itself passes. Built from the published description; the schedule and the changes are our own.
"""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from solon.core.attempt import Goal
from solon.redteam.attack import Lab
from solon.redteam.searches.trail import Trail
from solon.redteam.searches.universal import Board, Found, split
from solon.redteam.searches.wrapper import Weaver, Wrapper

_HALVINGS = 4  # questions to find how much noise lets a request pass alone
_KEPT = 5  # rounds on the same points, unless they are mastered or hopeless before
_SEEDS = 3  # noises a request is seen through


@dataclass(slots=True)
class _Level:
    """How much noise hides a goal at present: 1 is nothing but noise, 0 the request itself."""

    goal: Goal
    noise: float = 1.0


@dataclass(slots=True, kw_only=True)
class Boundary:
    """``rounds`` of ``children`` each on ``points`` boundary points; ``step`` is the noise taken away at a time.

    A level counts as mastered when the best wrapper passes ``mastered`` of its points. ``held_out`` harmful goals are
    set apart and only reported on, as in the universal search.
    """

    name: str = "boundary"
    family: str = "boundary"
    paper: str = "2602.15001"
    rounds: int = 150
    population: int = 6
    children: int = 3
    points: int = 10
    step: float = 0.15
    mastered: float = 0.7
    held_out: float = 0.5
    longest: int = 300
    trail: Trail = field(default_factory=Trail)
    found: list[Found] = field(default_factory=list[Found])
    """Each best wrapper on the requests themselves in turn, the last one best."""

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Search until one wrapper passes all training goals without noise, or the rounds are over.

        Raises:
            BudgetSpent: where the lab's budget ends; ``found`` stays.
        """
        self.trail, self.found = Trail(), []
        train, held, benign = split(goals, lab, self.held_out)
        if not train:
            return
        board = Board(lab, self.trail)
        weaver = Weaver(lab.rng, longest=self.longest)
        levels = await self._first_levels(train, board)
        living = [Wrapper(), *(weaver.fresh() for _ in range(self.population - 1))]
        points: list[Goal] = []
        for round_number in range(self.rounds):
            if not points or round_number % _KEPT == 0:
                points = await self._points(levels, living, board, lab.rng)
            living = await self._select(living, points, weaver, board)
            best, passed = living[0], board.passed(living[0], points)
            if passed >= self.mastered * len(points):
                self._move(levels, -self.step)
                points = []
                if await self._try(best, levels, board, (train, held, benign)):
                    return
            elif passed <= (1 - self.mastered) / 2 * len(points):
                self._move(levels, self.step / 2)  # too far from the boundary to learn anything
                points = []

    def _move(self, levels: Sequence[_Level], noise: float) -> None:
        for level in levels:
            level.noise = min(1.0, max(0.0, level.noise + noise))

    async def _first_levels(self, train: Sequence[Goal], board: Board) -> list[_Level]:
        """Bisect the noise at which each goal passes alone; all goals in one batch a halving."""
        ends = {goal.id: (0.0, 1.0) for goal in train}
        for _ in range(_HALVINGS):
            middles = {goal.id: blurred(goal, sum(ends[goal.id]) / 2, 0) for goal in train}
            await board.fill([Wrapper()], list(middles.values()))
            for goal in train:
                low, high = ends[goal.id]
                middle = (low + high) / 2
                passes = board.passed(Wrapper(), [middles[goal.id]])
                ends[goal.id] = (low, middle) if passes else (middle, high)
        return [_Level(goal, ends[goal.id][0]) for goal in train]

    async def _points(
        self, levels: Sequence[_Level], living: Sequence[Wrapper], board: Board, rng: random.Random
    ) -> list[Goal]:
        """Noisy requests that tell the living apart, those first on which the best two disagree."""
        drawn: dict[str, Goal] = {}
        for _ in range(2 * self.points):
            level = rng.choice(levels)
            noise = min(1.0, max(0.0, level.noise + rng.choice((-0.1, 0.0, 0.0, 0.1))))
            point = blurred(level.goal, noise, rng.randrange(_SEEDS))
            drawn.setdefault(point.id, point)
        candidates = list(drawn.values())
        pair = living[:2]
        await board.fill(pair, candidates)
        told = [sum(board.passed(wrapper, [point]) for wrapper in pair) for point in candidates]
        order = sorted(range(len(candidates)), key=lambda at: (told[at] != 1, told[at]))
        return [candidates[at] for at in order[: self.points]]

    async def _select(
        self, living: Sequence[Wrapper], points: Sequence[Goal], weaver: Weaver, board: Board
    ) -> list[Wrapper]:
        """The best of the living and their children on these points; a tie goes to the younger, then the shorter."""
        children: list[Wrapper] = []
        for _ in range(self.children):
            if weaver.rng.random() < 0.2:
                children.append(weaver.crossed(weaver.rng.choice(living), weaver.child(living[0])))
            else:
                children.append(weaver.child(weaver.rng.choice(living)))
        everyone = list(dict.fromkeys((*children, *living)))
        await board.fill(everyone, points)
        return sorted(everyone, key=lambda wrapper: -board.passed(wrapper, points))[: self.population]

    async def _try(
        self, best: Wrapper, levels: Sequence[_Level], board: Board, goals: tuple[list[Goal], list[Goal], list[Goal]]
    ) -> bool:
        """Try the best wrapper on the requests themselves; whether all pass. Levels follow what is learnt."""
        train, held, benign = goals
        await board.fill([best], train)
        for level in levels:
            if board.passed(best, [level.goal]):
                level.noise = 0.0
        passed = board.passed(best, train)
        if not self.found or passed > self.found[-1].passed:
            questions = board.asked
            await board.fill([best], [*held, *benign])
            board.asked = questions  # the report's questions are no part of the search's cost
            self.found.append(
                Found(
                    wrapper=best, questions=questions, passed=passed, of=len(train),
                    held_out=board.passed(best, held), of_held_out=len(held),
                    benign=board.passed(best, benign), of_benign=len(benign),
                )
            )  # fmt: skip
        return passed == len(train)


def blurred(goal: Goal, noise: float, seed: int) -> Goal:
    """A probe: the goal with a share of its letters replaced at random, the same ones first at every share.

    At 0 it is the goal itself, which counts.
    """
    letters = [at for at, character in enumerate(goal.text) if character.isalnum()]
    count = round(noise * len(letters))
    if not count:
        return goal
    rng = random.Random(f"{seed}:{goal.text}")
    rng.shuffle(letters)
    text = list(goal.text)
    for at in letters[:count]:
        text[at] = rng.choice(string.ascii_lowercase)
    return replace(goal, id=f"{goal.id}~{count}~{seed}", text="".join(text), probe=True)
