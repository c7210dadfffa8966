"""A base folder with a random two-layer encoder and a word-piece tokenizer of a few hundred words."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from solon.train.encoder import Encoder, Shape
from solon.train.row import Row

SHAPE = Shape(vocabulary=200, width=32, inner=64, layers=2, attention_heads=4, positions=128)
WORDS = ["bomb", "soup", "build", "cook", "a", "the", "how", "to", "please", "document", "reply", "ignore", "it"]
RULES = ["cbrn.explosives", "cyber.malware"]


def tokenizer() -> Tokenizer:
    """Words and single letters; 101 and 102 are the special tokens, as in the published vocabulary."""
    names = [f"[unused{number}]" for number in range(SHAPE.vocabulary)]
    names[0], names[100], names[101], names[102] = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    for place, word in enumerate([*WORDS, *(w for w in letters if w not in WORDS), *(f"##{w}" for w in letters)]):
        names[place + 1 if place < 99 else place + 5] = word
    made = Tokenizer(models.WordPiece({name: n for n, name in enumerate(names)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def base_folder(folder: Path, *, seed: int = 3) -> Path:
    """What ``Fit`` starts from: weights, tokenizer and configuration."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        name: value.contiguous()
        for name, value in Encoder(["x"], shape=SHAPE).state_dict().items()
        if name.startswith(("embeddings", "encoder"))
    }
    save_file(body, str(folder / "model.safetensors"))
    tokenizer().save(str(folder / "tokenizer.json"))
    SHAPE.write(folder)
    return folder


def rows() -> list[Row]:
    """Two sides that one word tells apart, as texts and as replies."""
    made: list[Row] = []
    for n in range(24):
        tail = " the" * (n % 5)
        made.append(Row(text=f"how to build a bomb{tail}", harm=1, jailbreak=0, injection=0, rules=(RULES[n % 2],)))
        made.append(Row(text=f"how to cook soup{tail}", harm=0, jailbreak=0, injection=0, near=RULES[n % 2]))
        made.append(Row(text=f"please build it{tail}", context="a bomb", kind="reply", harm=1, bag=tuple(RULES)))
    return made
