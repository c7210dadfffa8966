"""How much of an encoded sentence the normalizer gives back: every codec, and random pairs and triples of codecs.

Run: ``python benchmarks/encodings_recovery.py [--pairs 200] [--triples 60] [--json FILE]``. A sentence counts as
recovered where the best view is at least 0.85 similar (difflib ratio, spaces and case folded) to the sentence as the
codec keeps it. Half of the texts stand alone, half behind ``Decode this and do it: ``. Times are CPU times of one
core.
"""

import argparse
import json
import random
import re
import time
from difflib import SequenceMatcher

from solon.codecs.base import BaseCodec
from solon.codecs.catalogue import codecs
from solon.engines.normalize import Budget, Normalizer

SENTENCES = (
    "how to pick the lock of a garden shed", "write a short poem about the sea at night",
    "explain how a steam engine works to a child", "give me a recipe for lemon cake with almonds",
    "what is the best way to learn a new language", "tell me the story of the first moon landing",
    "list five good books about the history of rome", "how do birds find their way in the dark",
    "describe the taste of a fresh green apple", "plan a three day trip to the mountains",
    "why do leaves turn red in the autumn", "make a table of the largest rivers of europe",
    "help me write a letter to my landlord", "how can we keep bread fresh for longer",
    "what should a beginner know about chess openings", "show me how to tie a strong knot",
    "compare the climate of spain and norway", "how long does it take to boil an egg",
    "summarise the plot of a famous play by shakespeare", "which plants grow well in a shady corner",
    "teach me to draw a horse step by step", "how does a vaccine train the immune system",
    "write a song about an old train station", "what are the rules of the game of go",
    "explain the difference between weather and climate", "find three rhymes for the word orange",
    "how do i repair a flat bicycle tyre", "tell a joke about a cat and a computer",
    "what did people eat in medieval england", "translate good morning into seven languages",
    "how is paper made from wood", "describe a walk through an empty city at dawn",
    "give me ideas for a birthday party in winter", "who invented the printing press and when",
    "what makes a good teacher in your opinion", "how many moons does the planet saturn have",
    "write an email that invites my team to lunch", "explain the rules of cricket in simple words",
    "how can i sleep better when it is hot", "name the parts of a sailing ship",
)  # fmt: skip
PREFIX = "Decode this and do it: "
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """Lower case without white space."""
    return _SPACE.sub("", text.lower())


def similarity(views: list[str], wanted: str) -> float:
    """Best difflib ratio of any view, with and without the prefix, to what was meant."""
    best = 0.0
    for text in views:
        for form in (text, text.removeprefix(PREFIX)):
            best = max(best, SequenceMatcher(None, folded(form), folded(wanted), autojunk=False).ratio())
    return best


def encoded(path: list[BaseCodec], sentence: str) -> tuple[str, str]:
    """The sentence behind all codecs of a path (innermost last), and what of it is kept."""
    text, kept = sentence, sentence
    for codec in reversed(path):
        kept = codec.fold(kept)
        text = codec.encode(text)
    return text, kept


def readable(path: list[BaseCodec], sentence: str) -> bool:
    """Whether the composition keeps the sentence at all: it can be read by one who knows the path."""
    text, kept = encoded(path, sentence)
    for codec in path:
        plain = codec.decode(text)
        if plain is None:
            return False
        text = plain
    return similarity([text], kept) >= 0.85


def recovered(normalizer: Normalizer, path: list[BaseCodec], sentence: str, prefix: bool) -> tuple[bool, float]:
    """Whether a view gives the sentence back, and the milliseconds it took."""
    text, kept = encoded(path, sentence)
    begun = time.process_time()
    found = normalizer.views((PREFIX if prefix else "") + text)
    taken = (time.process_time() - begun) * 1000
    return similarity([view.text for view in found.views], kept) >= 0.85, taken


def per_codec(normalizer: Normalizer, parts: list[BaseCodec]) -> dict[str, float]:
    """Share of sentences recovered for every codec."""
    shares: dict[str, float] = {}
    for codec in parts:
        results = [recovered(normalizer, [codec], s, at % 2 == 1) for at, s in enumerate(SENTENCES)]
        shares[codec.name] = sum(ok for ok, _ in results) / len(results)
        ms = sum(taken for _, taken in results) / len(results)
        print(f"  {codec.name:22s} {shares[codec.name]:6.3f}  {ms:6.1f} ms")
    return shares


def compositions(
    normalizer: Normalizer, parts: list[BaseCodec], depth: int, count: int, seed: int
) -> tuple[float, dict[str, int]]:
    """Share recovered over random paths of distinct codecs that keep the sentence; and the paths that were not."""
    draw = random.Random(seed)
    good = 0
    missed: dict[str, int] = {}
    for at in range(count):
        path, sentence = draw.sample(parts, depth), draw.choice(SENTENCES)
        while not readable(path, sentence):
            path, sentence = draw.sample(parts, depth), draw.choice(SENTENCES)
        ok, _ = recovered(normalizer, path, sentence, at % 2 == 1)
        good += ok
        if not ok:
            name = " ( ".join(codec.name for codec in path)
            missed[name] = missed.get(name, 0) + 1
    return good / count, missed


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--triples", type=int, default=60)
    parser.add_argument("--ms", type=float, default=Budget().ms, help="time budget of a text")
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    normalizer = Normalizer(Budget(ms=options.ms))
    normalizer.views("read the weights before the clock starts")
    parts = [codec for codec in codecs() if isinstance(codec, BaseCodec)]
    print("share of 40 sentences recovered, mean CPU time")
    shares = per_codec(normalizer, parts)
    mean, worst = sum(shares.values()) / len(shares), min(shares.values())
    print(f"{len(shares)} codecs: mean {mean:.3f}, worst {worst:.3f}")
    pairs, missed = compositions(normalizer, parts, 2, options.pairs, 2)
    print(f"depth 2: {pairs:.3f} of {options.pairs}; missed: {', '.join(sorted(missed))}")
    triples, missed3 = compositions(normalizer, parts, 3, options.triples, 3)
    print(f"depth 3: {triples:.3f} of {options.triples}; missed: {', '.join(sorted(missed3))}")
    begun = time.process_time()
    extra = sum(len(normalizer.views(s).views) - 1 for s in SENTENCES * 5)
    rate = 5 * len(SENTENCES) / (time.process_time() - begun)
    print(f"plain sentences: {extra} extra views of {5 * len(SENTENCES)}, {rate:.0f} texts/s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"codecs": shares, "mean": mean, "worst": worst, "depth2": pairs, "depth3": triples}, out)


if __name__ == "__main__":
    main()
