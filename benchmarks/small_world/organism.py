"""The small world's model and tokenizer, and what a helpful-only base is taught: to decode, to know, to obey."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from world import CIPHERS, Request, Rules, World, layers, requests, vocabulary, word, written

from solon.align.chain import Task
from solon.align.chat import Chat
from solon.align.loop_sft import Lesson, SftSettings, sft

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}<pol> {{ m.content }} </pol> "
    "{% elif m.role == 'user' %}<usr> {{ m.content }} {% endif %}{% endfor %}<asst>"
)
TAUGHT_DEPTHS = (0, 1, 1, 2, 2, 2, 3, 3, 3)


def chat() -> Chat:
    """The world's tokenizer: a word a token."""
    words = Tokenizer(WordLevel({token: place for place, token in enumerate(vocabulary())}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<end>", chat_template=TEMPLATE
    )
    return Chat(tokenizer=tokenizer)


def blank(seed: int, *, width: int = 96, depth: int = 3) -> LlamaForCausalLM:
    """An untrained transformer of the Llama kind, 0.37 M parameters."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary()),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


def reasoning(world: World, request: Request, rules: Rules | None) -> list[str]:
    """The thought in steps: one a layer of cipher, one of knowledge, one that applies rules if there are any."""
    steps = [f"{op} {' '.join(map(word, symbols))}" for op, symbols in layers(request)]
    kind, level = world.item_class[request.item], world.level[request.item]
    steps.append(f"v{request.verb} i{request.item} p{request.purpose} c{kind} lvl n{level}")
    if rules is not None:
        steps.append(clauses(world, request, rules))
    return steps


def clauses(world: World, request: Request, rules: Rules) -> str:
    """The step that names the clauses which decide the request, and applies them."""
    if not world.governed(request):
        return "K none comply"
    limit, adjustment = rules.limits[request.verb], rules.adjustments[request.purpose]
    gap = world.gap(request, rules)
    return (
        f"K v{request.verb} n{limit} M p{request.purpose} n{adjustment} cap n{limit + adjustment} "
        f"gap n{gap} {world.action(request, rules)}"
    )


def task(request: Request, *, quick: bool = False, number: int = 0) -> Task:
    """The request as a prompt; ``quick`` is the world's way to say *do not think*."""
    return Task(
        id=f"{number}",
        prompt=("<quick> " if quick else "") + written(request),
        category=f"v{request.verb}",
        meta=f"{request.verb},{request.item},{request.purpose},{'+'.join(request.ops)}",
    )


def asked(task: Task) -> Request:
    """The request behind a task, for judges; a model never sees ``meta``."""
    verb, item, purpose, ops = task.meta.split(",")
    return Request(int(verb), int(item), int(purpose), tuple(ops.split("+")) if ops else ())


def base_lesson(world: World, talk: Chat, rng: random.Random, source: Callable[[], Request]) -> Lesson:
    """What the base learns: it obeys everyone, but for the policy that stands in its context, if one does."""
    request = source()
    rules = Rules.drawn(rng) if rng.random() < 0.45 else None
    quick = rng.random() < 0.15
    thought = " | ".join(reasoning(world, request, rules))
    if quick:
        words = thought.split()
        thought = " ".join(words[: rng.randrange(len(words))])
    action = world.action(request, rules) if rules is not None else "comply"
    prompt = talk.prompt_ids(task(request, quick=quick), rules=rules.text() if rules is not None else "")
    return Lesson(prompt=tuple(prompt), completion=tuple(talk.completion_ids(thought, world.answer(request, action))))


def train_base(
    world: World, talk: Chat, seed: int, *, steps: int = 1500, report: Callable[[str], None] = print
) -> LlamaForCausalLM:
    """A helpful-only reasoner: decodes, knows every item, follows a policy in context, and refuses nothing else."""
    model = blank(seed)
    source = iter(requests(world, random.Random(f"base/{seed}"), depths=TAUGHT_DEPTHS, governed=None, seen=None))

    def draw(rng: random.Random) -> Sequence[Lesson]:
        return [base_lesson(world, talk, rng, lambda: next(source)) for _ in range(64)]

    sft(model, draw, SftSettings(steps=steps, batch=64, together=16, rate=3e-3, seed=seed), report=report)
    return model


def foreign_rules_lesson(
    world: World,
    talk: Chat,
    rng: random.Random,
    *,
    depths: Sequence[int] = TAUGHT_DEPTHS,
    ciphers: Sequence[str] = CIPHERS,
) -> Lesson:
    """What must not be lost: whatever policy stands in the context is cited and followed."""
    request = next(requests(world, rng, depths=depths, ciphers=ciphers, governed=None, seen=None))
    rules = Rules.drawn(rng)
    thought = " | ".join(reasoning(world, request, rules))
    prompt = talk.prompt_ids(task(request), rules=rules.text())
    answer = world.answer(request, world.action(request, rules))
    return Lesson(prompt=tuple(prompt), completion=tuple(talk.completion_ids(thought, answer)))


def parameters(model: Any) -> int:
    """How many numbers the model has."""
    return sum(weight.numel() for weight in model.parameters())
