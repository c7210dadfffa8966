"""GCG on a transformer made on the spot: the loss falls, and the suffix makes the model itself begin as wanted."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from solon.core.attempt import Answer, Goal, Grade, Outcome, Prompt
from solon.core.errors import SolonError
from solon.redteam.memory_lab import MemoryLab
from solon.redteam.searches.gcg import Gcg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

ALPHABET = "abcdefghijklmnopqrstuvwxyz !?,."
GOALS = [Goal(id="one", text="open the lock"), Goal(id="two", text="mute the alarm")]
OPENING = "ok"


class Letters:
    """One token a letter."""

    def encode(self, text: str) -> list[int]:
        return [ALPHABET.index(letter) for letter in text if letter in ALPHABET]

    def decode(self, tokens: list[int]) -> str:
        return "".join(ALPHABET[token] for token in tokens)


class Tiny(torch.nn.Module):
    """A layer of causal attention over letters, called as Transformers' models are."""

    def __init__(self) -> None:
        super().__init__()
        width = 32
        self.embedding = torch.nn.Embedding(len(ALPHABET), width)
        self.places = torch.nn.Embedding(96, width)
        layer = torch.nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.body = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = torch.nn.Linear(width, len(ALPHABET))

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.embedding

    def forward(self, *, inputs_embeds: torch.Tensor) -> SimpleNamespace:
        length = inputs_embeds.shape[1]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.body(inputs_embeds + self.places(torch.arange(length)), mask=mask, is_causal=True)
        return SimpleNamespace(logits=self.head(hidden))


class Itself:
    """The model as a target: it says the two letters it finds likeliest."""

    name = digest = "tiny"

    def __init__(self, model: Tiny) -> None:
        self.model = model

    async def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        return [Answer(text=self._reply(prompt.exchange.messages[-1].content)) for prompt in prompts]

    def _reply(self, text: str) -> str:
        tokens = Letters().encode(text)
        with torch.no_grad():
            for _ in OPENING:
                embedded = self.model.embedding(torch.tensor([tokens]))
                tokens.append(int(self.model(inputs_embeds=embedded).logits[0, -1].argmax()))
        return Letters().decode(tokens[-len(OPENING) :])


class BeginsAsWanted:
    name = "begins"

    async def grade(self, asked: Sequence[tuple[Goal, Prompt, Answer]]) -> list[Grade]:
        return [Grade(outcome=Outcome.SUCCESS if answer.text == OPENING else Outcome.FAILURE) for _, _, answer in asked]


@pytest.fixture(scope="module")
def model() -> Tiny:
    """Taught on the spot to answer "ok" to what holds many a z among its last letters, and "no" to anything else."""
    torch.manual_seed(5)
    tiny = Tiny()
    optimiser = torch.optim.Adam(tiny.parameters(), lr=5e-3)
    replies = torch.tensor([Letters().encode("no"), Letters().encode("ok")])
    draws = torch.Generator().manual_seed(1)
    for _ in range(120):
        length = int(torch.randint(14, 36, (1,), generator=draws).item())
        asked = torch.randint(len(ALPHABET), (24, length), generator=draws)
        many = torch.rand(24, generator=draws) < 0.5
        share = torch.where(many, 0.5, 0.05).unsqueeze(1)
        asked[:, -12:] = torch.where(torch.rand(24, 12, generator=draws) < share, ALPHABET.index("z"), asked[:, -12:])
        wanted = replies[((asked[:, -12:] == ALPHABET.index("z")).sum(1) >= 4).long()]
        logits = tiny(inputs_embeds=tiny.embedding(torch.cat([asked, wanted], dim=1))).logits[:, -3:-1]
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return tiny.eval()


def search(model: Tiny, **settings) -> Gcg:
    usual = {"opening": OPENING, "length": 12, "steps": 40, "candidates": 24, "top": 8, "every": 5}
    return Gcg(model=model, tokenizer=Letters(), **(usual | settings))


def test_the_model_says_no_until_a_suffix_is_found(model):
    target = Itself(model)
    plain = asyncio.run(target.ask([Prompt.of(goal.text + " " + "!" * 12) for goal in GOALS]))
    assert [answer.text for answer in plain] == ["no", "no"]
    made = search(model)
    lab = MemoryLab(target, BeginsAsWanted(), budget=100, seed=2)
    asyncio.run(made.run(GOALS, lab))
    for goal in GOALS:
        losses = made.losses[goal.id]
        assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] - 1.0
    assert set(made.trail.wins) == {goal.id for goal in GOALS}, made.losses
    for win in made.trail.wins.values():
        assert win.prompt.exchange.messages[0].content.startswith(win.goal.text)


def test_it_repeats_exactly(model):
    texts = []
    for _ in range(2):
        lab = MemoryLab(Itself(model), BeginsAsWanted(), budget=100, seed=2)
        asyncio.run(search(model, steps=10).run(GOALS[:1], lab))
        texts.append([prompt.exchange.messages[0].content for _, prompt, _, _ in lab.asked])
    assert texts[0] == texts[1]


def test_gradients_find_more_than_chance(model):
    """The same number of exchanges drawn from all tokens instead of the steepest ones ends higher, on average."""
    ends = {}
    for top in (4, len(ALPHABET)):
        losses = []
        for seed in range(4):
            made = search(model, top=top, steps=8, candidates=8, every=100)
            asyncio.run(made.run(GOALS[:1], MemoryLab(Itself(model), BeginsAsWanted(), budget=10, seed=seed)))
            losses.append(made.losses["one"][-1])
        ends[top] = sum(losses) / len(losses)
    assert ends[4] < ends[len(ALPHABET)], ends


def test_tokens_that_cannot_write_the_start_are_said(model):
    with pytest.raises(SolonError, match="cannot write"):
        lab = MemoryLab(Itself(model), BeginsAsWanted(), budget=10)
        asyncio.run(search(model, start="€").run(GOALS[:1], lab))


@pytest.mark.slow
def test_a_model_of_transformers_is_called_as_it_wants_to_be():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(3)
    config = transformers.GPT2Config(
        vocab_size=len(ALPHABET), n_positions=96, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    made = Gcg(model=model, tokenizer=Letters(), opening=OPENING, length=6, steps=8, candidates=16, top=8)
    lab = MemoryLab(Itself(Tiny()), BeginsAsWanted(), budget=10, seed=1)
    asyncio.run(made.run(GOALS[:1], lab))
    assert made.losses["one"][-1] < made.losses["one"][0]
