"""GCG: a suffix found by gradients on a local model (Zou et al., arXiv 2307.15043), then tried on the lab's target.

The target may be the same model or another one: suffixes transfer. Needs torch (the extra ``train``), which is
imported when a search runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from solon.core.attempt import Goal, Prompt
from solon.core.errors import SolonError
from solon.redteam.attack import Lab
from solon.redteam.searches.trail import Trail

if TYPE_CHECKING:
    import torch


class Tokenizer(Protocol):
    """Text to numbers and back, without special tokens."""

    def encode(self, text: str) -> list[int]:
        """The token numbers of a text."""
        ...

    def decode(self, tokens: list[int]) -> str:
        """The text of token numbers."""
        ...


class LocalModel(Protocol):
    """A causal language model in torch, as Transformers' models are."""

    def get_input_embeddings(self) -> Any:
        """The embedding module, with ``weight`` of shape (tokens, width)."""
        ...

    def __call__(self, *, inputs_embeds: "torch.Tensor") -> Any:
        """An object with ``logits`` of shape (batch, length, tokens)."""
        ...


@dataclass(slots=True, kw_only=True)
class Gcg:
    """``steps`` exchanges of a token in a suffix of ``length`` tokens that starts as repeated ``start``.

    At each step ``candidates`` exchanges are drawn among the ``top`` steepest tokens of each place. ``opening`` is what
    the reply is to begin with. The suffix is tried on the target every ``every`` steps and at the end.
    """

    model: LocalModel
    tokenizer: Tokenizer
    name: str = "gcg"
    family: str = "gradient"
    paper: str = "2307.15043"
    opening: str = "Sure, here is"
    start: str = "!"
    length: int = 20
    steps: int = 100
    candidates: int = 64
    top: int = 64
    every: int = 10
    trail: Trail = field(default_factory=Trail)
    losses: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """The loss of the best suffix after each step, by goal id."""

    async def run(self, goals: Sequence[Goal], lab: Lab) -> None:
        """Optimise a suffix for each goal in turn.

        Raises:
            BudgetSpent: where the lab's budget ends.
            SolonError: where torch is missing, or the model's tokens cannot write ``start``.
        """
        try:
            import torch
        except ImportError as error:
            raise SolonError("torch is not installed", place="search gcg", repair="Install solon[train].") from error
        self.trail, self.losses = Trail(), {}
        for goal in goals:
            climb = _Climb(self, goal, torch.Generator().manual_seed(lab.rng.getrandbits(62)))
            kept = self.losses[goal.id] = [climb.loss]
            for step in range(1, self.steps + 1):
                climb.step()
                kept.append(climb.loss)
                if step % self.every and step != self.steps:
                    continue
                await self.trail.ask(lab, [(goal, Prompt.of(climb.text))])
                if self.trail.won(goal):
                    break


class _Climb:
    """One goal's suffix under way."""

    def __init__(self, search: Gcg, goal: Goal, generator: "torch.Generator") -> None:
        self.search, self.generator = search, generator
        self.before = search.tokenizer.encode(goal.text + " ")
        self.opening = search.tokenizer.encode(search.opening)
        first = search.tokenizer.encode(search.start)
        if not first or not self.opening:
            raise SolonError(
                f"the model's tokens cannot write {search.start if not first else search.opening!r}",
                place="search gcg",
                repair="Choose another start or opening.",
            )
        self.suffix = (first * search.length)[: search.length]
        weights: torch.Tensor = search.model.get_input_embeddings().weight.detach()
        self.weights = weights
        self.loss = self._losses([self.suffix])[0]

    @property
    def text(self) -> str:
        """The goal with the suffix, as text."""
        return self.search.tokenizer.decode([*self.before, *self.suffix])

    def step(self) -> None:
        """Try exchanges where the gradient is steepest, and keep the best if it is better."""
        steepest = self._steepest()
        tried: list[list[int]] = []
        for _ in range(self.search.candidates):
            place = self._draw(len(self.suffix))
            changed = list(self.suffix)
            changed[place] = steepest[place][self._draw(len(steepest[place]))]
            if self._survives(changed):
                tried.append(changed)
        if not tried:
            return
        losses = self._losses(tried)
        best = min(range(len(tried)), key=lambda at: losses[at])
        if losses[best] < self.loss:
            self.suffix, self.loss = tried[best], losses[best]

    def _draw(self, count: int) -> int:
        import torch

        return int(torch.randint(count, (1,), generator=self.generator).item())

    def _survives(self, suffix: list[int]) -> bool:
        """Whether the text of these tokens is read as these tokens again; else the target sees something else."""
        whole = [*self.before, *suffix]
        return self.search.tokenizer.encode(self.search.tokenizer.decode(whole)) == whole

    def _steepest(self) -> list[list[int]]:
        """For each place the tokens whose exchange lowers the loss fastest, to first order."""
        import torch

        tokens = torch.tensor([*self.before, *self.suffix, *self.opening], device=self.weights.device)
        hot = torch.nn.functional.one_hot(tokens, self.weights.shape[0]).to(self.weights.dtype).requires_grad_()
        loss = self._opening_loss((hot @ self.weights).unsqueeze(0))[0]
        (slope,) = torch.autograd.grad(loss, hot)
        start = len(self.before)
        own = slope[start : start + len(self.suffix)]
        best = (-own).topk(min(self.search.top, own.shape[1]), dim=1).indices
        return cast("list[list[int]]", best.tolist())

    def _losses(self, suffixes: Sequence[list[int]]) -> list[float]:
        import torch

        rows = [[*self.before, *suffix, *self.opening] for suffix in suffixes]
        tokens = torch.tensor(rows, device=self.weights.device)
        with torch.no_grad():
            return cast("list[float]", self._opening_loss(self.weights[tokens]).tolist())

    def _opening_loss(self, embedded: "torch.Tensor") -> "torch.Tensor":
        """Mean cross-entropy of the opening, one a row."""
        import torch

        logits: torch.Tensor = self.search.model(inputs_embeds=embedded).logits
        count = len(self.opening)
        wanted = torch.tensor(self.opening, device=logits.device).expand(logits.shape[0], count)
        said = logits[:, -count - 1 : -1].transpose(1, 2)
        return torch.nn.functional.cross_entropy(said, wanted, reduction="none").mean(dim=1)
