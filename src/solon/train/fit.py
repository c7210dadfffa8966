"""Fine-tunes the whole encoder with all its heads; a GPU where there is one, else the CPU.

Losses (see ``losses.py``) are weighted by row; an exponential moving average of the weights is what is kept.
A checkpoint every few minutes (``KEEP_EVERY``) makes an interrupted run resumable.
"""

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer
from torch import Tensor

from solon.engines.classifiers.ngram import FORMS
from solon.train import losses
from solon.train.encoder import Encoder, PolicyHead, Shape
from solon.train.grammar import INTENTS
from solon.train.reasoning import RuleBook, RuleRound
from solon.train.row import FINDING, UNKNOWN, Row
from solon.train.row import read_rows as read_rows
from solon.train.windows import Tokens, batches, tokenize

_MOST_REPEATS = 60
KEEP_EVERY = 3.0
"""Minutes between two checkpoints of the averaged weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run depends on besides its rows.

    ``resume_at`` is the share of the schedule that an interrupted run had behind it; the rates go on from there.
    """

    epochs: int = 4
    minutes: float = math.inf
    resume_at: float = 0.0
    batch: int = 64
    rate: float = 8e-5
    head_rate: float = 1e-3
    decay: float = 0.02
    ema: float = 0.998
    dropout: float = 0.0
    grammar_repeat: int = 3
    finding_share: float = 0.2
    """Share of what is read that findings make up, whatever their number; each is repeated at most 60 times."""
    sizes: tuple[int, ...] = (40, 56, 104)
    policy_weight: float = 0.5
    policy_every: int = 5
    frozen_layers: int = 0
    seed: int = 7


def head_names(rules: Sequence[str]) -> list[str]:
    """The logits in order: harm, jailbreak, injection, the intents, then one a rule."""
    return [*FORMS, *(f"intent:{name}" for name in INTENTS), *(f"rule:{name}" for name in rules)]


class Labels:
    """The rows' labels as tensors, in the order of the rows."""

    def __init__(self, rows: Sequence[Row], rules: Sequence[str], device: str) -> None:
        place = {rule: number for number, rule in enumerate(rules)}
        family = [rule.split(".")[0] for rule in rules]
        forms = np.array([[row.harm, row.jailbreak, row.injection] for row in rows], np.float32)
        target = np.zeros((len(rows), len(rules)), np.float32)
        known = np.zeros_like(target)
        bag = np.zeros_like(target)
        for number, row in enumerate(rows):
            if row.benign:
                known[number] = 1.0
                continue
            own = {rule.split(".")[0] for rule in (*row.rules, *row.bag)}
            if row.rules and not row.bag:
                known[number] = [0.0 if name in own else 0.3 for name in family]
            for rule in row.rules:
                if rule in place:
                    target[number, place[rule]] = known[number, place[rule]] = 1.0
            for rule in row.bag:
                if rule in place:
                    bag[number, place[rule]] = 1.0
        intents = [INTENTS.index(row.intent) if row.intent in INTENTS else UNKNOWN for row in rows]
        self.forms = torch.from_numpy(forms).to(device)
        self.target = torch.from_numpy(target).to(device)
        self.known = torch.from_numpy(known).to(device)
        self.bag = torch.from_numpy(bag).to(device)
        self.intent = torch.tensor(intents, device=device)
        self.weight = torch.tensor([row.weight for row in rows], device=device)

    def loss(self, logits: Tensor, index: Tensor) -> Tensor:
        """The sum of all losses of one batch; ``logits`` (batch, heads)."""
        weight = self.weight[index]
        forms = self.forms[index]
        n = len(FORMS)
        total = losses.masked_bce(logits[:, :n], forms, (forms != UNKNOWN) * weight[:, None])
        rules = logits[:, n + len(INTENTS) :]
        total = total + 4.0 * losses.masked_bce(rules, self.target[index], self.known[index] * weight[:, None])
        total = total + 0.3 * losses.bag(rules, self.bag[index], weight)
        total = total + 0.15 * losses.intent(logits[:, n : n + len(INTENTS)], self.intent[index])
        for column in range(2):
            total = total + 0.3 * losses.low_fpr_rank(logits[:, column], forms[:, column], weight)
        return total


def order_of(rows: Sequence[Row], settings: Settings) -> list[int]:
    """The places of the rows, each as often as an epoch reads it."""
    usual = [
        number
        for number, row in enumerate(rows)
        for _ in range(settings.grammar_repeat if row.source.startswith("grammar") else 1)
        if row.source != FINDING
    ]
    findings = [number for number, row in enumerate(rows) if row.source == FINDING]
    if not findings:
        return usual
    wanted = settings.finding_share / (1 - settings.finding_share) * len(usual) / len(findings)
    return usual + findings * min(max(1, round(wanted)), _MOST_REPEATS)


class Fit:
    """One training run: model, optimiser, schedule and the averaged weights."""

    def __init__(
        self,
        rows: Sequence[Row],
        rules: Sequence[str],
        base: Path,
        settings: Settings,
        *,
        report: Callable[[str], None] = print,
    ) -> None:
        self.report = report
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.rng = random.Random(settings.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.heads = head_names(rules)
        self.shape = Shape.read(base)
        self.model = Encoder(self.heads, shape=self.shape, dropout=settings.dropout).to(self.device)
        self.policy = PolicyHead(self.shape.width).to(self.device)
        # Half of all weights are the word table; it moves little in fine-tuning and costs much to update.
        self.model.embeddings.word_embeddings.requires_grad_(False)
        if settings.frozen_layers:
            self.model.embeddings.requires_grad_(False)
            self.model.encoder.layer[: settings.frozen_layers].requires_grad_(False)
        self._start_from(load_file(str(base / "model.safetensors")))
        self.rows = rows
        self.tokens: list[Tokens] = tokenize(rows, self.tokenizer)
        self.labels = Labels(rows, rules, self.device)
        self.order = order_of(rows, settings)
        self.average = {name: value.detach().clone() for name, value in self._named().items()}

    def _start_from(self, state: dict[str, Tensor]) -> None:
        """Take over every tensor of that name and shape: a published body, or an earlier run of ours."""
        own = self._named()
        with torch.no_grad():
            for name, value in state.items():
                if name in own and own[name].shape == value.shape:
                    own[name].copy_(value.float())

    def _named(self) -> dict[str, Tensor]:
        own: dict[str, Tensor] = dict(self.model.named_parameters())
        return own | {f"policy.{name}": value for name, value in self.policy.named_parameters()}

    def run(self, book: RuleBook | None = None, *, keep: Callable[["Fit", float], None] | None = None) -> None:
        """Train to the end of the schedule: ``epochs`` or ``minutes``, whichever comes first.

        ``keep`` is called every ``KEEP_EVERY`` minutes with the share of the schedule that is done.
        """
        settings = self.settings
        steps = settings.epochs * math.ceil(len(self.order) / settings.batch)
        optimiser = self._optimiser()
        rates = [group["lr"] for group in optimiser.param_groups]
        rounds = RuleRound(book, self.tokenizer, self.device, self.rng) if book else None
        started, step, kept = time.monotonic(), 0, 0.0
        for epoch in range(settings.epochs):
            self.model.train()
            for index, *arrays in batches(
                self.tokens, self.order, size=settings.batch, sizes=settings.sizes, rng=self.rng
            ):
                minutes = (time.monotonic() - started) / 60
                done = max(step / steps, minutes / settings.minutes)
                progress = settings.resume_at + (1 - settings.resume_at) * done
                if progress >= 1:
                    return
                for group, rate in zip(optimiser.param_groups, rates, strict=True):
                    group["lr"] = rate * _warm_cosine(progress)
                with torch.autocast(self.device, dtype=torch.bfloat16, enabled=_halves_are_fast(self.device)):
                    logits, _ = self.model(*(torch.from_numpy(a).to(self.device) for a in arrays))
                    loss = self.labels.loss(logits.float(), torch.tensor(index, device=self.device))
                    if rounds is not None and step % settings.policy_every == 0:
                        loss = loss + settings.policy_weight * rounds.loss(self.model, self.policy)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.policy.parameters()], 1.0)
                optimiser.step()
                step += 1
                self._follow(min(settings.ema, step / (step + 20)))
                if keep is not None and minutes - kept > KEEP_EVERY:
                    kept = minutes
                    keep(self, progress)
                if step % 50 == 0:
                    self.report(f"epoch {epoch} step {step}/{steps} loss {loss.item():.3f} {minutes:.1f} min")

    def _optimiser(self) -> torch.optim.Optimizer:
        settings = self.settings
        body: list[Tensor] = []
        heads: list[Tensor] = []
        for name, value in self._named().items():
            if not value.requires_grad:
                continue
            (body if name.startswith(("embeddings", "encoder")) else heads).append(value)
        return torch.optim.AdamW(
            [{"params": body, "lr": settings.rate}, {"params": heads, "lr": settings.head_rate}],
            weight_decay=settings.decay,
            fused=True,
            betas=(0.9, 0.98),
        )

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        for name, value in self._named().items():
            if value.requires_grad:
                self.average[name].lerp_(value.detach(), 1 - keep)

    def adopt_average(self) -> None:
        """Put the averaged weights into the model, for evaluation and export."""
        with torch.no_grad():
            for name, value in self._named().items():
                value.copy_(self.average[name])
        self.model.eval()
        self.policy.eval()

    def save(self, folder: Path, rules: Sequence[str], *, progress: float = 1.0) -> None:
        """Write half-precision averaged weights and the facts that the export, or a resumed run, reads."""
        folder.mkdir(parents=True, exist_ok=True)
        halves = {name: value.detach().half().cpu().contiguous() for name, value in self.average.items()}
        half = folder / "model.safetensors.half"
        save_file(halves, str(half))
        half.replace(folder / "model.safetensors")  # a run killed here keeps the last whole checkpoint
        self.tokenizer.save(str(folder / "tokenizer.json"))
        self.shape.write(folder)
        manifest = {"heads": self.heads, "rules": list(rules), "progress": progress, "settings": asdict(self.settings)}
        (folder / "fit.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _halves_are_fast(device: str) -> bool:
    """Whether bfloat16 has instructions of its own; a CPU without multiplies it a hundred times slower than float32."""
    return device != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # pyright: ignore[reportPrivateUsage]


def _warm_cosine(progress: float, warm: float = 0.05) -> float:
    if progress < warm:
        return 0.02 + progress / warm
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


def rules_of(rows: Sequence[Row]) -> list[str]:
    """Every rule the rows speak of, in order of name."""
    return sorted({rule for row in rows for rule in (*row.rules, *row.bag)})
