"""The model card: what the weights are, what taught them, what was measured, and what they must not be used for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from solon.core.stats import upper_bound
from solon.train.row import Row

_LICENCES = {
    "aart": "CC-BY-4.0", "arena_hard_v0_1": "Apache-2.0", "bipia_train_clean": "MIT", "bipia_train_injected": "MIT",
    "catqa_en": "Apache-2.0", "catqa_vi": "Apache-2.0", "catqa_zh": "Apache-2.0", "cse_code_instruct": "MIT",
    "cse_false_refusal": "MIT", "cse_interpreter_abuse": "MIT", "dangerousqa": "Apache-2.0",
    "do_not_answer": "Apache-2.0", "fuzzyai_adv": "Apache-2.0", "fuzzyai_benign": "Apache-2.0",
    "garak_dan": "Apache-2.0", "gptfuzz_responses_short": "MIT", "gptfuzz_templates": "MIT", "gsm8k_train": "MIT",
    "harmfulqa": "Apache-2.0", "math_500_aime": "Apache-2.0", "multijail": "MIT", "safety_prompts_zh_en": "MIT",
    "self_instruct_seed_tasks": "Apache-2.0", "star1": "Apache-2.0", "t0_tasks": "Apache-2.0",
    "vicuna_bench": "Apache-2.0", "xquad": "CC-BY-SA-4.0", "grammar": "Apache-2.0 (Solon's own)",
    "expanded": "Apache-2.0 (Solon's own)",
    "composed": "as its parts", "text": "CC-BY-SA-4.0, CC0 or public domain",
}  # fmt: skip


def card(manifest: Mapping[str, Any], rows: Sequence[Row], figures: Mapping[str, str]) -> str:
    """The card in Markdown; ``figures`` are lines measured by the run itself."""
    calibration = manifest["calibration"]
    lines = [
        f"# Model card: {manifest['name']}",
        "",
        "A MiniLM-class encoder (6 layers, 384 wide, int8 ONNX) with one logit a rule, heads for harm, jailbreak",
        "form, injection and intent; a linear model over hashed n-grams; a policy-reasoning head over summaries of",
        "texts and rules; a linear stack of these, calibrated to benign traffic. The body is fine-tuned from",
        "all-MiniLM-L6-v2 (Apache-2.0); later versions go on from the weights that served before (`--start`).",
        "",
        "## Intended use",
        "",
        "Screening of requests, tool results and replies of language models against a written policy, on a CPU, as",
        "one layer of several. Not for judging people, not as the only safeguard, not for languages and registers it",
        "was not measured on.",
        "",
        "## What taught it",
        "",
        "| source | licence | harmful rows | benign rows |",
        "|---|---|---:|---:|",
        *_sources(rows),
        "",
        "No row of a non-commercial, unlicensed or unseen source taught the weights or set a threshold, and none of",
        "OpenAI moderation, XSTest, StrongREJECT, HarmBench, JailbreakBench, SimpleSafetyTests, AILuminate,",
        "WildGuardTest, ToxicChat, AgentHarm, InjecAgent or CoSafe, which are for measuring only.",
        "",
        "## Calibration",
        "",
        "Thresholds are budgets on benign documents that taught nothing. Sources count alike, whatever their size:",
        f"{calibration['n']} documents in effect (Kish). Texts of one source resemble each other, so each source plays",
        f"the unseen one in turn, and {calibration.get('shift', 1.0):.0%} of a budget is spent on the known ones: with",
        "that the left-out ones stay within it on average. The worst of them does not, and traffic may be like it.",
        "Replies are judged to their end; one in two hundred harmless ones, made of sentences that never taught, may",
        "be cut. Zero documents above a threshold would certify",
        f"{upper_bound(0, calibration['n']):.4%} (95 %, one-sided Clopper-Pearson).",
        "",
        "## Figures of the run",
        "",
        *(f"- {name}: {value}" for name, value in figures.items()),
        "",
        "## Limits",
        "",
        "- An English encoder: other languages are covered by the n-grams and a little multilingual data; expect less",
        "  there.",
        "- A patient attacker who can ask hundreds of thousands of times will find a way; limit requests and watch",
        "  flags by principal.",
        "- The benign budget holds on average under exchangeability with the calibration documents; it bounds false",
        "  positives, never misses. Recalibrate on your own traffic.",
        "",
    ]
    return "\n".join(lines)


def _sources(rows: Sequence[Row]) -> list[str]:
    """A line of the table for each source: its licence, and the rows it gave."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        side = "harmful" if 1 in (row.harm, row.jailbreak, row.injection) else "benign"
        counts[(row.source.split(":")[0], side)] += 1
    return [
        f"| {source} | {_LICENCES.get(source, 'see its documentation')} | {counts[(source, 'harmful')]} "
        f"| {counts[(source, 'benign')]} |"
        for source in sorted({source for source, _ in counts})
    ]
