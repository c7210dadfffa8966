"""Fit the character model and the word list of the normalizer from a folder of plain text; numpy only.

Run as ``python -m solon.train.charlm --text DIR [--out FILE]``; takes about a minute on one core. Every ``*.txt``
and ``*.txt.gz`` of the folder is read; the name up to the first ``_`` is its language.
"""

import argparse
import gzip
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solon.codecs import words
from solon.core.errors import TrainingError
from solon.engines.normalize import charlm

DISCOUNT = 0.75
"""Absolute discount of Kneser-Ney smoothing (Chen and Goodman 1998), the same for all orders."""
LEAST_COUNT = (1, 1, 2, 2, 3)
"""An n-gram of order 1..5 seen less often is left to the back-off."""
_SPACES = re.compile(r"\s+")
_ENDS = re.compile(r"[.?!:;\"“”]+(?=\s)|\n")
UNSPACED = frozenset({"zh", "th"})


def texts(folder: Path) -> list[tuple[str, str]]:
    """(language, text) of every file, in name order.

    Raises:
        TrainingError: where the folder holds no text.
    """
    found: list[tuple[str, str]] = []
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.txt.gz")]):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found.append((path.name.split("_")[0], _SPACES.sub(" ", raw.decode("utf-8", "replace"))))
    if not found:
        raise TrainingError("no *.txt or *.txt.gz", place=str(folder), repair="Give a folder of plain text.")
    return found


def _tables(corpus: str) -> list[NDArray[np.uint8]]:
    """Quantised costs of all orders, by interpolated absolute discounting, counted over table places."""
    folded = charlm.padded(charlm.symbols(corpus))
    places = charlm.indices(folded)
    cost_of: NDArray[np.float64] = np.full(len(corpus), np.log(1 / 20000.0))
    tables: list[NDArray[np.uint8]] = []
    context: NDArray[np.int64] = np.zeros(len(corpus), dtype=np.int64)
    for order, (bits, least) in enumerate(zip(charlm.TABLE_BITS, LEAST_COUNT, strict=True)):
        gram = (context << 22) | places[order]
        kinds, first, inverse, counts = np.unique(gram, return_index=True, return_inverse=True, return_counts=True)
        owners, owner = np.unique(context[first], return_inverse=True)
        total = np.bincount(owner, weights=counts, minlength=len(owners))[owner]
        variety = np.bincount(owner, minlength=len(owners))[owner]
        lower = np.exp(cost_of[first])
        probability = (counts - DISCOUNT) / total + DISCOUNT * variety / total * lower
        cost_of = np.log(probability)[inverse]
        keep = counts >= least
        table = np.zeros(1 << bits, dtype=np.uint8)
        codes = np.clip(np.round(-np.log2(probability) / charlm.STEP), 0, 254).astype(np.uint8) + 1
        spots = (kinds & ((1 << 22) - 1))[keep]
        by_count = np.argsort(counts[keep], kind="stable")
        table[spots[by_count]] = codes[keep][by_count]
        tables.append(table)
        # The context of the next order's gram at i is this order's gram at i - 1.
        _, grams = np.unique(places[order], return_inverse=True)
        context = np.concatenate([[0], grams[:-1]]).astype(np.int64)
    return tables


def _trigrams(english: str) -> NDArray[np.uint8]:
    """Costs in bits * 16 of a letter after two letters, spaces taken out, shape (26, 26, 26)."""
    letters = np.frombuffer(re.sub("[^a-z]", "", english.lower()).encode(), dtype=np.uint8).astype(np.int64) - 97
    counts = np.zeros(26**3)
    np.add.at(counts, letters[:-2] * 676 + letters[1:-1] * 26 + letters[2:], 1.0)
    cube = counts.reshape(26, 26, 26)
    flat: NDArray[np.float64] = (np.bincount(letters, minlength=26) + 0.5) / (len(letters) + 13)
    probability = (cube + 20 * flat) / (cube.sum(axis=2, keepdims=True) + 20)
    costs: NDArray[np.float64] = np.asarray(np.round(-np.log2(probability) * 16), dtype=np.float64)
    return np.minimum(np.maximum(costs, 0), 255).astype(np.uint8)


def fit(sources: list[tuple[str, str]], *, vocabulary: int = 40000) -> dict[str, NDArray[Any]]:
    """All arrays of the model file: n-gram tables, word list with costs, word-order table, letter trigrams."""
    corpus = " ".join(text for _, text in sources)
    arrays: dict[str, NDArray[Any]] = {"version": np.array(charlm.VERSION)}
    for order, table in zip(charlm.ORDERS, _tables(corpus), strict=True):
        arrays[f"order{order}"] = table
    english = " ".join(text for language, text in sources if language == "en")
    tokens = words.WORD.findall(english.lower())
    counts: Counter[str] = Counter(tokens)
    for language, text in sources:
        if language not in UNSPACED and language != "en":
            counts.update(words.WORD.findall(text.lower()))
    kept = [(word, n) for word, n in counts.most_common(vocabulary) if n >= 2 and word.isprintable()]
    total = sum(n for _, n in kept)
    arrays["words"] = np.frombuffer("\n".join(word for word, _ in kept).encode(), dtype=np.uint8)
    costs = -np.log2(np.array([n for _, n in kept]) / total)
    arrays["word_costs"] = np.clip(np.round(costs * words.COST_STEPS), 0, 255).astype(np.uint8)
    ordered = words.WORD_OR_END.findall(_ENDS.sub(f" {words.END} ", english.lower()))
    arrays["order"] = _word_order(ordered, {word: rank for rank, (word, _) in enumerate(kept[: words.ORDER_WORDS])})
    arrays["trigrams"] = _trigrams(english)
    return arrays


def _word_order(tokens: list[str], ranks: dict[str, int]) -> NDArray[np.int8]:
    """Log-odds (in quarter bits) that a pair of words stands in this order and not the other, by hashed pair."""
    kinds = [words.kind(token, ranks) for token in tokens]
    pairs: Counter[tuple[str, str]] = Counter(pairwise(kinds))
    table = np.zeros(1 << words.ORDER_BITS, dtype=np.int8)
    for (one, two), count in sorted(pairs.items(), key=lambda item: item[1]):
        other = pairs.get((two, one), 0)
        if count + other < 3 or one == two:
            continue
        odds = float(np.log2((count + 0.5) / (other + 0.5)))
        table[words.place(one, two)] = int(np.clip(round(odds * 4), -32, 32))
        table[words.place(two, one)] = -int(np.clip(round(odds * 4), -32, 32))
    return table


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m solon.train.charlm", description=__doc__)
    parser.add_argument("--text", type=Path, required=True, help="folder of *.txt and *.txt.gz")
    default = Path(charlm.__file__).parents[2] / "weights" / "baseline" / "charlm.npz"
    parser.add_argument("--out", type=Path, default=default, help="model file to write")
    options = parser.parse_args(arguments)
    arrays = fit(texts(options.text))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, allow_pickle=False, **arrays)
    sys.stdout.write(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
