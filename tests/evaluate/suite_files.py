"""Files in each benchmark's published layout, with words of our own: no row of any benchmark is here."""

import csv
import gzip
import io
import json
from pathlib import Path

HARM = "Do the bad thing number {n} [withheld]"
FINE = "How do I bake bread number {n}?"


def csv_bytes(heads: list[str], rows: list[list[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([heads, *rows])
    return text.getvalue().encode()


def jsonl_bytes(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_bytes(rows: list[dict]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def _wildguard() -> bytes:
    labels = [("harmful", "harmful"), ("unharmful", "unharmful"), (None, None)]
    return parquet_bytes(
        [
            {
                "prompt": HARM.format(n=n), "response": f"[withheld] {n}", "adversarial": n == 0,
                "prompt_harm_label": asked, "response_harm_label": replied, "response_refusal_label": "refusal",
                "subcategory": "others",
            }
            for n, (asked, replied) in enumerate(labels)
        ]
    )  # fmt: skip


def _wildchat() -> bytes:
    def turn(role: str, content: str) -> dict:
        return {"role": role, "content": content, "language": "English", "toxic": False, "redacted": False}

    talk = [turn("user", FINE.format(n=1)), turn("assistant", "Mix flour and water."), turn("user", "And then?")]
    rows = [(False, False), (True, False), (False, True)]
    return parquet_bytes(
        [
            {"conversation_hash": f"h{n}", "conversation": talk, "language": "English", "toxic": t, "redacted": r}
            for n, (t, r) in enumerate(rows)
        ]
    )


def _agentharm(side: str) -> bytes:
    rows = [
        {
            "id": f"1-{n}", "id_original": "1", "name": "x", "detailed_prompt": True, "hint_included": False,
            "prompt": side.format(n=n), "target_functions": ["a"], "grading_function": "g", "category": "Fraud",
        }
        for n in (1, 2)
    ]  # fmt: skip
    return json.dumps({"behaviors": rows}).encode()


def _injecagent() -> bytes:
    told = '{"review": "<Attacker Instruction>"}'
    row = {
        "User Tool": "Shop", "User Instruction": FINE.format(n=3), "Tool Parameters": "{}", "Attack Type": "Other",
        "Tool Response Template": told, "Tool Response": told.replace("<Attacker Instruction>", HARM.format(n=3)),
        "Attacker Tools": ["Pay"], "Attacker Instruction": HARM.format(n=3),
    }  # fmt: skip
    return json.dumps([row]).encode()


JBB = ["Index", "Goal", "Target", "Behavior", "Category", "Source"]
ORB = ["prompt", "category"]
AIL = ["release_prompt_id", "prompt_text", "hazard", "persona", "locale", "prompt_hash"]


def layouts() -> dict[str, dict[str, bytes]]:
    """By suite and file name: bytes as the benchmark's owners publish them."""
    return {**_tables(), **_objects()}


def _tables() -> dict[str, dict[str, bytes]]:
    return {
        "strongreject": {
            "strongreject_dataset.csv": csv_bytes(
                ["category", "source", "forbidden_prompt"], [["Violence", "custom", HARM.format(n=1)]]
            )
        },
        "xstest": {
            "xstest_prompts.csv": csv_bytes(
                ["id", "prompt", "type", "label", "focus", "note"],
                [
                    [1, FINE.format(n=1), "homonyms", "safe", "", ""],
                    [2, HARM.format(n=1), "contrast", "unsafe", "", ""],
                ],
            )
        },
        "harmbench": {
            "harmbench_behaviors_text_all.csv": csv_bytes(
                ["Behavior", "FunctionalCategory", "SemanticCategory", "Tags", "ContextString", "BehaviorID"],
                [
                    [HARM.format(n=1), "standard", "illegal", "", "", "one"],
                    [HARM.format(n=2), "contextual", "illegal", "context", "A context.", "two"],
                ],
            )
        },
        "jailbreakbench": {
            "harmful-behaviors.csv": csv_bytes(JBB, [[0, HARM.format(n=1), "Sure", "b", "Malware", "Original"]]),
            "benign-behaviors.csv": csv_bytes(JBB, [[0, FINE.format(n=1), "Sure", "b", "Malware", "Original"]]),
        },
        "or_bench": {
            "or-bench-hard-1k.csv": csv_bytes(ORB, [[FINE.format(n=1), "violence"], [FINE.format(n=2), "hate"]]),
            "or-bench-toxic.csv": csv_bytes(ORB, [[HARM.format(n=1), "violence"]]),
        },
        "simple_safety_tests": {
            "sst_test_cases.csv": csv_bytes(
                ["id", "harm_area", "counter", "category", "prompt"],
                [["sst_1", "Scams", 1, "Advice", HARM.format(n=1)]],
            )
        },
        "ailuminate_demo": {
            f"airr_official_1.0_demo_{lang}_prompt_set_release.csv": csv_bytes(
                AIL, [["p1", HARM.format(n=1), "vcr", "normal", lang, "x"]]
            )
            for lang in ("en_us", "fr_fr")
        },
        "toxic_chat": {
            "toxic-chat_annotation_test.csv": csv_bytes(
                ["conv_id", "user_input", "model_output", "human_annotation", "toxicity", "jailbreaking"],
                [["c1", HARM.format(n=1), "no", "True", 1, 0], ["c2", FINE.format(n=1), "yes", "True", 0, 0]],
            )
        },
    }


def _objects() -> dict[str, dict[str, bytes]]:
    moderation = [{"prompt": HARM.format(n=1), "S": 0, "H": 1}, {"prompt": FINE.format(n=1), "S": 0, "H": 0, "V2": 0}]
    return {
        "openai_moderation": {"samples-1680.jsonl.gz": gzip.compress(jsonl_bytes(moderation), mtime=0)},
        "wildguard_test": {"wildguard_test.parquet": _wildguard()},
        "wildguard_test_replies": {"wildguard_test.parquet": _wildguard()},
        "agentharm": {
            "harmful_behaviors_test_public.json": _agentharm(HARM),
            "benign_behaviors_test_public.json": _agentharm(FINE),
        },
        "injecagent": {"test_cases_dh_base.json": _injecagent(), "test_cases_ds_base.json": _injecagent()},
        "wildchat": {"train-00000-of-00014.parquet": _wildchat()},
    }


EXPECTED = {
    "strongreject": (1, 0), "xstest": (1, 1), "harmbench": (2, 0), "jailbreakbench": (1, 1), "or_bench": (1, 2),
    "simple_safety_tests": (1, 0), "ailuminate_demo": (2, 0), "openai_moderation": (1, 1), "toxic_chat": (1, 1),
    "wildguard_test": (1, 1), "wildguard_test_replies": (1, 1), "agentharm": (2, 2), "injecagent": (2, 2),
    "wildchat": (0, 1),
}  # fmt: skip
"""Harmful and benign samples that these files give."""


def write_layouts(folder: Path) -> None:
    """``<folder>/<suite>/<file>`` for every suite."""
    for suite, files in layouts().items():
        (folder / suite).mkdir(parents=True)
        for name, content in files.items():
            (folder / suite / name).write_bytes(content)
