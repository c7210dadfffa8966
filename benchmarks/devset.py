"""The development set: whole sources that never teach and never set a threshold.

    python benchmarks/devset.py --data ../shared/data --out runs/dev.jsonl.gz

Groups: clear harmful requests, mixed benign traffic, in-the-wild jailbreak prompts, injections, obfuscated attacks,
other languages. Sources whose licence keeps them out of training (non-commercial, unlicensed, unseen) are exactly what
is measured on. The public benchmarks named in the README are not among them.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

GROUPS: dict[str, list[tuple[str, int, str]]] = {
    # group: (file, most rows, label wanted)
    "clear": [
        ("advbench.jsonl", 464, "harmful"),
        ("malicious_instruct.jsonl", 88, "harmful"),
        ("tdc2023.jsonl", 24, "harmful"),
        ("forbidden_questions.jsonl", 206, "harmful"),
        ("stl_i_maliciousinstructions.jsonl", 98, "harmful"),
    ],
    # Sources whose "harmful" rows are to a good part mild or advice-seeking, by their own documentation and by reading.
    "mild": [
        ("seval_base_en.jsonl.gz", 1000, "harmful"),
        ("safety_tuned_llamas_train.jsonl.gz", 500, "harmful"),
    ],
    "clear_zh": [("seval_base_zh.jsonl.gz", 400, "harmful")],
    "attacks": [("seval_attack_en.jsonl.gz", 800, "harmful")],
    "jailbreak": [("inthewild_jailbreaks.jsonl", 413, "harmful")],
    "injection": [
        ("hackaprompt_sample.jsonl.gz", 400, "harmful"),
        ("tensor_trust_hijacking.jsonl.gz", 300, "harmful"),
        ("neuralchemy_injection.jsonl", 400, "harmful"),
    ],
    "benign": [
        ("alpaca_instructions.jsonl.gz", 3000, "benign"),
        ("codealpaca_new.jsonl.gz", 1000, "benign"),
        ("instruction_wild.jsonl", 1037, "benign"),
        ("stl_i_alpaca.jsonl", 47, "benign"),
        ("stl_i_physicalsafetysafe.jsonl", 100, "benign"),
        ("neuralchemy_injection.jsonl", 700, "benign"),
    ],
}


def rows(data: Path, *, seed: int = 11) -> Iterator[dict[str, str]]:
    """Rows ``{group, source, label, text, lang}``, sampled by seed."""
    for group, files in GROUPS.items():
        for name, most, label in files:
            path = data / name
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
                kept = [row for row in map(json.loads, lines) if row["label"] == label]
            random.Random(seed).shuffle(kept)
            for row in kept[:most]:
                yield {
                    "group": group, "source": name.split(".")[0], "label": label, "text": row["text"],
                    "lang": row.get("lang", ""),
                }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/dev.jsonl.gz"))
    chosen = parser.parse_args()
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with gzip.open(chosen.out, "wt", encoding="utf-8") as out:
        for row in rows(chosen.data):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    print(f"{count} rows in {chosen.out}")


if __name__ == "__main__":
    main()
