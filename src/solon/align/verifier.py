"""A verifier: does a chain of reasoning name the rule that decides, and rightly?

A linear head reads the model's last hidden state at the end of *rules, prompt, reasoning*, and how likely the model
finds the reasoning's tokens there: a clause that does not belong is a surprise to a model that has the rules in sight.
It costs one pass without sampling, and is bound to the checkpoint whose states it reads.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from solon.align.chain import Chain, Task
from solon.align.chat import Chat
from solon.align.memory import room_for
from solon.align.sample import padded
from solon.align.spec import spec_for
from solon.core.errors import TrainingError
from solon.core.policy import Policy

RIDGE = 1.0


@dataclass(frozen=True, kw_only=True)
class Head:
    """Logistic regression over standardised features: ``weights`` and ``bias``, of ``mean`` and ``scale``."""

    weights: torch.Tensor
    bias: float
    mean: torch.Tensor
    scale: torch.Tensor

    def chances(self, features: torch.Tensor) -> list[float]:
        """How likely each row's reasoning is right, 0 to 1."""
        logits = ((features.double() - self.mean) / self.scale) @ self.weights + self.bias
        return [float(value) for value in torch.sigmoid(logits)]


def fit(features: torch.Tensor, right: Sequence[bool], *, ridge: float = RIDGE) -> Head:
    """The head that tells right from wrong rows; both kinds weigh the same.

    Raises:
        TrainingError: where only one kind is there.
    """
    target = torch.tensor(list(right), dtype=torch.float64)
    positives = float(target.sum())
    if positives in (0.0, float(len(right))):
        raise TrainingError(
            f"{int(positives)} right and {len(right) - int(positives)} wrong chains: both are needed",
            place="verify",
            repair="Generate more samples, or chains that name rules by their ids.",
        )
    data = features.double()
    mean, scale = data.mean(0), data.std(0).clamp(min=1e-6)
    data = (data - mean) / scale
    share = torch.where(target > 0, 0.5 / positives, 0.5 / (len(right) - positives))
    weights = torch.zeros(data.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        each = torch.nn.functional.binary_cross_entropy_with_logits(data @ weights + bias, target, reduction="none")
        total = (each * share).sum() + ridge * (weights**2).sum() / len(right)
        total.backward()
        return total

    optimiser.step(loss)  # pyright: ignore[reportArgumentType]
    return Head(weights=weights.detach(), bias=float(bias.detach()), mean=mean, scale=scale)


@torch.inference_mode()
def features(
    model: Any, chat: Chat, policy: Policy, rows: Sequence[tuple[Task, str]], *, batch: int = 8
) -> torch.Tensor:
    """``(rows, hidden + 2)``: the last hidden state at the closing tag, the mean and the least log-probability.

    ``rows`` are tasks with reasoning; whoever calls sees to it that each fits the model (``fits``).
    """
    found: list[torch.Tensor] = []
    device = next(model.parameters()).device
    with room_for("verify", batch):
        for start in range(0, len(rows), batch):
            pairs = [_ids(chat, policy, task, reasoning) for task, reasoning in rows[start : start + batch]]
            ids, mask = padded([[*prompt, *thought] for prompt, thought in pairs], 0, left=False)
            out = model(input_ids=ids.to(device), attention_mask=mask.to(device), output_hidden_states=True)
            states = out.hidden_states[-1].float().cpu()
            for number, (prompt, thought) in enumerate(pairs):
                first, last = len(prompt), len(prompt) + len(thought) - 1
                logits = out.logits[number, first - 1 : last].float().cpu()
                taken = torch.log_softmax(logits, -1).gather(-1, ids[number, first : last + 1, None])[:, 0]
                found.append(torch.cat([states[number, last], taken.mean()[None], taken.min()[None]]))
    return torch.stack(found)


def fits(model: Any, chat: Chat, policy: Policy, task: Task, reasoning: str) -> bool:
    """Whether rules, prompt and reasoning go into the model's positions together."""
    prompt, thought = _ids(chat, policy, task, reasoning)
    return len(prompt) + len(thought) <= int(getattr(model.config, "max_position_embeddings", 1 << 30))


def _ids(chat: Chat, policy: Policy, task: Task, reasoning: str) -> tuple[list[int], list[int]]:
    """The prompt with its rules, the opening tag included, and the reasoning up to the closing one."""
    prompt = chat.prompt_ids(task, rules=spec_for(policy, task.category))
    thought = [*chat.tokenizer.encode(reasoning, add_special_tokens=False), *chat.tags.closing]
    return [*prompt, *(() if chat.tags.opened else chat.tags.opening)], thought


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """A filter's judge that reads the reasoning with the model's own states.

    Args:
        model: the model whose states it reads.
        chat: its chat.
        policy: whose rules it has.
        head: what was fitted.
        name: says which, in records.
    """

    model: Any
    chat: Chat
    policy: Policy
    head: Head
    name: str

    def score(self, task: Task, chain: Chain, *, seed: int) -> float | None:
        """How likely the reasoning names the deciding rule rightly, 0 to 1; ``None`` where it does not fit the model.

        The same at every seed: more gradings of one chain say nothing new.
        """
        del seed
        if not fits(self.model, self.chat, self.policy, task, chain.reasoning):
            return None
        row = features(self.model, self.chat, self.policy, [(task, chain.reasoning)])
        return self.head.chances(row)[0]


def save_head(path: Path, head: Head, **bound: Any) -> None:
    """Write a head with what it is bound to (``model``, ``policy``)."""
    body: dict[str, Any] = {
        "weights": head.weights.tolist(),
        "bias": head.bias,
        "mean": head.mean.tolist(),
        "scale": head.scale.tolist(),
    }
    path.write_text(json.dumps({**bound, "head": body}), encoding="utf-8")


def load_verifier(path: Path, model: Any, chat: Chat, policy: Policy, *, checkpoint: str) -> Verifier:
    """The verifier of a file, for the checkpoint that it was fitted on.

    Raises:
        TrainingError: where the file is none, or belongs to another checkpoint or policy.
    """
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        body = kept["head"]
        head = Head(
            weights=torch.tensor(body["weights"], dtype=torch.float64),
            bias=float(body["bias"]),
            mean=torch.tensor(body["mean"], dtype=torch.float64),
            scale=torch.tensor(body["scale"], dtype=torch.float64),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"no verifier could be read: {error}", place=str(path), repair="Run `solon align verify`."
        ) from None
    for part, here in (("model", checkpoint), ("policy", policy.digest)):
        if kept[part] != here:
            raise TrainingError(
                f"the verifier was fitted on another {part}",
                place=str(path),
                repair=f"Give that {part}, or run `solon align verify` for this one.",
            )
    return Verifier(model=model, chat=chat, policy=policy, head=head, name=f"verifier@{kept['digest'][:12]}")
