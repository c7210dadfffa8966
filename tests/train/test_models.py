"""Torch and its serving twins say the same; a small encoder learns, is kept, resumed and exported."""

import itertools
import json
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from tiny import RULES, SHAPE, base_folder, rows, tokenizer

from solon.engines.classifiers.encoder import EncoderModel
from solon.engines.classifiers.reasoning import ReasoningModel, RuleEmbedding
from solon.train import fit as fit_module
from solon.train.encoder import Encoder, PolicyHead, Shape
from solon.train.export import export_encoder
from solon.train.fit import Fit, Labels, Settings, head_names
from solon.train.reasoning import BookRule, RuleBook, RuleRound

torch.set_num_threads(1)  # small tensors: more threads only wait for each other
HEADS = ["harm", "jailbreak", "injection", "rule:a", "rule:b"]


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    made = rng.normal(size=shape).astype(np.float32)
    return made / np.linalg.norm(made, axis=-1, keepdims=True)


@pytest.mark.parametrize("present", [0, 3, 8])
def test_the_reasoning_model_says_what_torch_says(present: int) -> None:
    torch.manual_seed(present)
    rng = np.random.default_rng(present)
    head = PolicyHead(width=32).eval()
    halves, forbidden, allowed = unit(rng, 2, 32), np.zeros((8, 32), np.float32), np.zeros((8, 32), np.float32)
    forbidden[:present], allowed[:present] = unit(rng, present, 32), unit(rng, present, 32)
    texts = unit(rng, 20, 32)
    state = {name: value.numpy() for name, value in head.state_dict().items()}
    served = ReasoningModel(state).score(texts, RuleEmbedding(halves=halves, forbidden=forbidden, allowed=allowed))
    with torch.no_grad():
        repeated = [torch.from_numpy(np.repeat(part[None], 20, 0)) for part in (halves, forbidden, allowed)]
        taught = head(torch.from_numpy(texts), *repeated).numpy()
    assert np.abs(served - taught).max() < 1e-4
    assert np.ptp(taught) > 1e-2


def windows(seed: int, longest: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, SHAPE.vocabulary, (6, longest)).astype(np.int32)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, length in enumerate((longest, 30, 17, 9, 3, 1)):
        mask[row, :length] = 1
        types[row, length // 2 : length] = row % 2
    return ids * mask, types, mask


def opened(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "e.onnx"), options, providers=["CPUExecutionProvider"])


def both(folder: Path, shape: Shape, *, quantize: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    torch.manual_seed(5)
    model = Encoder(HEADS, shape=shape, dropout=0.0).eval()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    export_encoder(state, folder / "e.onnx", attention_heads=shape.attention_heads, quantize=quantize)
    arrays = windows(1)
    served = opened(folder).run(None, dict(zip(("ids", "types", "mask"), arrays, strict=True)))
    with torch.no_grad():
        taught = model(*(torch.from_numpy(array).long() for array in arrays))
    return [np.asarray(part) for part in served], [part.numpy() for part in taught]


@pytest.mark.parametrize("attention_heads", [2, 4])
def test_the_exported_graph_says_what_torch_says(tmp_path: Path, attention_heads: int) -> None:
    shape = Shape(**{name: getattr(SHAPE, name) for name in SHAPE.__slots__} | {"attention_heads": attention_heads})
    served, taught = both(tmp_path, shape, quantize=False)
    for mine, theirs in zip(served, taught, strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() < 1e-4
    assert np.ptp(taught[0]) > 1e-2
    assert np.allclose(np.linalg.norm(served[1], axis=1), 1, atol=1e-5)


def test_int8_is_close_and_smaller(tmp_path: Path) -> None:
    served, taught = both(tmp_path, SHAPE, quantize=True)
    small = (tmp_path / "e.onnx").stat().st_size
    for mine, theirs in zip(served, taught, strict=True):
        assert np.abs(mine - theirs).max() < 0.1
    both(tmp_path, SHAPE, quantize=False)
    assert small < (tmp_path / "e.onnx").stat().st_size


def test_padding_changes_nothing(tmp_path: Path) -> None:
    served, _ = both(tmp_path, SHAPE, quantize=False)
    ids, types, mask = windows(1)
    session = opened(tmp_path)
    cut = [array[3:4, :9] for array in (ids, types, mask)]
    alone = session.run(None, dict(zip(("ids", "types", "mask"), cut, strict=True)))
    assert np.abs(np.asarray(alone[0]) - served[0][3:4]).max() < 1e-4


def test_a_shape_is_read_where_it_was_written(tmp_path: Path) -> None:
    SHAPE.write(tmp_path)
    assert Shape.read(tmp_path) == SHAPE
    assert Shape.read(tmp_path / "nothing") == Shape()


def book() -> RuleBook:
    texts = tuple(f"how to build a bomb {'the ' * n}" for n in range(9))
    calm = tuple(f"how to cook soup {'the ' * n}" for n in range(9))
    rules = [
        BookRule(id=f"{n}.x", forbidden_half="build it", allowed_half="cook it", forbidden=texts, allowed=calm)
        for n in range(3)
    ]
    return RuleBook(rules=tuple(rules), ordinary=calm)


def quiet(line: str) -> None:
    """Nobody listens."""


def test_a_small_encoder_learns_to_tell_two_sides(tmp_path: Path) -> None:
    base = base_folder(tmp_path / "base")
    settings = Settings(epochs=12, batch=16, rate=3e-3, head_rate=1e-2, ema=0.8, sizes=(40,), policy_every=4)
    fit = Fit(rows(), RULES, base, settings, report=quiet)
    assert fit.model.shape == SHAPE
    before = whole_loss(fit)
    fit.run(book())
    fit.adopt_average()
    assert whole_loss(fit) < 0.5 * before
    fit.save(tmp_path / "fitted", RULES)
    again = Fit(rows(), RULES, tmp_path / "fitted", settings, report=quiet)
    assert whole_loss(again) == pytest.approx(whole_loss(fit), abs=0.05)
    facts = json.loads((tmp_path / "fitted" / "fit.json").read_text(encoding="utf-8"))
    assert facts["heads"] == head_names(RULES)
    assert facts["progress"] == 1.0
    assert sorted(file.name for file in (tmp_path / "fitted").iterdir()) == [
        "config.json", "fit.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip


def whole_loss(fit: Fit) -> float:
    """The loss over all rows at once, without dropout."""
    from solon.train.windows import crop, pad

    fit.model.eval()
    arrays = pad([crop(tokens, 40, random.Random(0)) for tokens in fit.tokens])
    with torch.no_grad():
        logits, _ = fit.model(*(torch.from_numpy(array) for array in arrays))
        return float(fit.labels.loss(logits, torch.arange(len(fit.rows))))


def test_the_words_do_not_move_and_the_average_follows(tmp_path: Path) -> None:
    fit = Fit(rows(), RULES, base_folder(tmp_path), Settings(epochs=1, batch=32, sizes=(40,)), report=quiet)
    words = fit.model.embeddings.word_embeddings.weight.detach().clone()
    head = fit.model.heads.weight.detach().clone()
    fit.run()
    assert torch.equal(fit.model.embeddings.word_embeddings.weight, words)
    assert not torch.equal(fit.model.heads.weight, head)
    assert not torch.equal(fit.average["heads.weight"], head)
    assert not torch.equal(fit.average["heads.weight"], fit.model.heads.weight)


def test_minutes_end_the_run_and_checkpoints_tell_how_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 60.0)  # every look at the clock is a minute later
    monkeypatch.setattr(fit_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    fit = Fit(
        rows(), RULES, base_folder(tmp_path), Settings(epochs=1000, minutes=12, batch=16, sizes=(40,)), report=quiet
    )
    kept: list[float] = []
    fit.run(keep=lambda _, progress: kept.append(progress))
    assert kept == [pytest.approx(4 / 12), pytest.approx(8 / 12)]


def test_a_resumed_run_goes_on_where_the_schedule_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "KEEP_EVERY", -1.0)
    settings = Settings(epochs=2, resume_at=0.75, batch=36, sizes=(40,))
    fit = Fit(rows(), RULES, base_folder(tmp_path), settings, report=quiet)
    kept: list[float] = []
    fit.run(keep=lambda _, progress: kept.append(progress))
    assert kept == pytest.approx([0.75, 0.8125, 0.875, 0.9375])


def test_labels_of_a_row_say_only_what_is_known() -> None:
    labels = Labels(rows()[:3], [*RULES, "cbrn.chemical"], "cpu")
    assert labels.target.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert labels.known[0].tolist() == pytest.approx([1.0, 0.3, 0.0])  # the same family is unknown
    assert labels.known[1].tolist() == [1, 1, 1]
    assert labels.known[2].tolist() == [0, 0, 0]
    assert labels.bag.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


def test_a_round_teaches_the_head_and_the_body(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model, head = Encoder(["x"], shape=SHAPE, dropout=0.0), PolicyHead(SHAPE.width)
    loss = RuleRound(book(), tokenizer(), "cpu", random.Random(1)).loss(model, head)
    loss.backward()
    assert 0 < loss.item() < 5
    for learning in (head.out.weight, head.narrow_rule.weight, model.encoder.layer[0].attention.self.query.weight):
        assert learning.grad is not None
        assert learning.grad.abs().sum() > 0
    assert model.heads.weight.grad is None  # rounds read summaries only


def test_serving_reads_the_same_windows_as_torch(tmp_path: Path) -> None:
    folder = base_folder(tmp_path)
    torch.manual_seed(5)
    model = Encoder(HEADS, shape=SHAPE, dropout=0.0).eval()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    export_encoder(state, folder / "e.onnx", attention_heads=4, quantize=False)
    served = EncoderModel(folder / "e.onnx", folder / "tokenizer.json")
    texts = ["how to build a bomb", "a", "soup " * 60]
    own = [served.windows(text, room=100)[0] for text in texts]
    context = served.context("please cook")
    logits, _ = served.run(own, [(), context, ()])
    with torch.no_grad():
        alone = model(
            *(
                torch.tensor([row])
                for row in ([101, *own[0].ids, 102], [0] * (len(own[0].ids) + 2), [1] * (len(own[0].ids) + 2))
            )
        )[0].numpy()
        head = [101, *context, 102]
        ids = [*head, *own[1].ids, 102]
        kinds = [0] * len(head) + [1] * (len(own[1].ids) + 1)
        reply = model(*(torch.tensor([row]) for row in (ids, kinds, [1] * len(ids))))[0].numpy()
    assert np.abs(logits[0] - alone[0]).max() < 1e-4
    assert np.abs(logits[1] - reply[0]).max() < 1e-4
