"""Suites that need no download: a policy's own examples, pairs from its grammars, and folders of labelled rows."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from solon.core.errors import InputError, SuiteError, TrainingError
from solon.core.exchange import Exchange, Message, Role
from solon.core.policy import Policy, ResponseStyle
from solon.evaluate.sample import Sample, Suite
from solon.evaluate.suites.fetch import sha256_of
from solon.evaluate.suites.read import chosen, distinct
from solon.evaluate.suites.tables import Raw, read_table
from solon.policies.grammar import GOAL, Block, load_grammars
from solon.policies.loader import pack_folder

OWN = {
    "policy": "the examples that stand in the policy's rules, both sides",
    "policy-paired": "as many harmful as benign texts of each rule, from the grammars in the pack's folder",
}
ROWS_A_FILE = 500
"""Rows kept of each file and side of a folder, chosen by hash."""
_PAIRS = 20
_SEED = 20261125
_SUFFIXES = (".jsonl", ".jsonl.gz")


def own_suite(name: str, *, policy: Policy, pack: str) -> Suite:
    """One of ``OWN``, or ``rows:PATH``.

    Raises:
        SuiteError: where there is nothing to read.
    """
    if name.startswith("rows:"):
        return labelled_rows(Path(name.removeprefix("rows:")))
    return policy_examples(policy) if name == "policy" else policy_pairs(policy, pack_folder(pack))


def policy_examples(policy: Policy) -> Suite:
    """Every rule's own examples; they are its unit tests, and weights may have seen them."""
    samples = [
        _sample(policy, rule.id, text, benign=benign, number=number)
        for rule in policy.rules
        for benign, texts in ((False, rule.examples.forbidden), (True, rule.examples.allowed))
        for number, text in enumerate(texts, 1)
    ]
    if not samples:
        raise SuiteError("no rule has examples", place=f"policy {policy.name}", repair="Write some on both sides.")
    return Suite(
        name="policy", samples=tuple(samples), title=f"examples in the rules of {policy.name}",
        revision=policy.digest[:12], note="a regression test: rules, generators and weights were written with them",
    )  # fmt: skip


def one_side(policy: Policy, *, benign: bool) -> Suite:
    """The policy's examples of one side, for a measurement whose suites have only the other."""
    whole = policy_examples(policy)
    name = "policy-benign" if benign else "policy-harmful"
    return replace(whole, name=name, samples=tuple(sample for sample in whole.samples if sample.benign is benign))


def policy_pairs(policy: Policy, folder: Path) -> Suite:
    """Equal numbers of both sides for every rule that the pack's grammars write on both.

    Raises:
        SuiteError: where the pack has no grammar, or none with both sides of a rule.
    """
    try:
        blocks = [block for block in load_grammars(folder / "grammars") if block.form == "request"]
    except TrainingError as error:
        raise SuiteError(error.problem, place=error.place, repair=error.repair) from None
    samples: list[Sample] = []
    for rule in policy.rules:
        sides = [_texts(blocks, rule.id, side) for side in ("harmful", "benign")]
        pairs = min(_PAIRS, *map(len, sides))
        for benign, texts in zip((False, True), sides, strict=True):
            samples += [
                _sample(policy, rule.id, text, benign=benign, number=number)
                for number, text in enumerate(texts[:pairs], 1)
            ]
    if not samples:
        raise SuiteError(
            "no grammar there writes both sides of a rule", place=str(folder / "grammars"),
            repair="Write blocks with rule and side as docs/policies.md shows, or use the suite `policy`.",
        )  # fmt: skip
    return Suite(
        name="policy-paired", samples=tuple(samples), title=f"pairs from the grammars of {policy.name}",
        revision=policy.digest[:12], note="a regression test: weights learn from the same grammars",
    )  # fmt: skip


def labelled_rows(path: Path) -> Suite:
    """A JSON-lines file, or a folder of them: ``{id, text | messages, label, response?, lang?, category?, group?}``.

    ``label`` is harmful or benign; rows with another are skipped and counted. It speaks of the reply where ``kind`` is
    ``response`` and of the request otherwise. An injection stands in a tool's answer.

    Raises:
        SuiteError: where there is no such file, or a row has neither text nor messages.
    """
    files = [path] if path.is_file() else sorted(f for f in path.glob("*.jsonl*") if f.name.endswith(_SUFFIXES))
    if not files:
        raise SuiteError("there are no rows", place=f"rows:{path}", repair="Name a .jsonl(.gz) file or their folder.")
    samples: list[Sample] = []
    skipped = 0
    for file in files:
        prefix = f"{file.name.split('.')[0]}/" if len(files) > 1 else ""
        sides: dict[bool, list[Sample]] = {False: [], True: []}
        for number, row in enumerate(read_table(file), 1):
            sample = _labelled(row, prefix, f"{file}: row {number}", number)
            if sample is None:
                skipped += 1
            else:
                sides[sample.benign].append(sample)
        most = ROWS_A_FILE if len(files) > 1 else 0
        samples += [sample for side in sides.values() for sample in chosen(list(distinct(side)), most)]
    return Suite(
        name=f"rows:{path.name}", samples=tuple(distinct(samples)), title=f"labelled rows of {path.name}",
        note="whether the weights learnt from them only `solon evaluate contamination` can say", skipped=skipped,
        files={file.name: sha256_of(file) for file in files},
    )  # fmt: skip


def _labelled(row: Raw, prefix: str, place: str, number: int) -> Sample | None:
    label = row.get("label")
    if label not in ("harmful", "benign"):
        return None
    name = str(row.get("id") or number)
    source = str(row.get("source") or "")
    category = row.get("category")
    if isinstance(category, list):
        category = ", ".join(map(str, cast(list[Any], category)))
    return Sample(
        id=f"{prefix}{name}",
        exchange=_row_exchange(row, place),
        benign=label == "benign",
        rule=str(row.get("rule") or ""),
        category=prefix.rstrip("/") or source or str(category or ""),
        lang=str(row.get("lang") or ""),
        group=str(row.get("group") or row.get("cluster") or ""),
    )


def _row_exchange(row: Raw, place: str) -> Exchange:
    judged = row.get("kind") == "response" and "response_label" not in row
    response = str(row["response"]) if judged and row.get("response") else None
    try:
        if row.get("messages"):
            return Exchange.parse(row["messages"], response=response)
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError("there is no text", place="text", repair="Give text or messages.")
    except InputError as error:
        raise SuiteError(str(error), place=place, repair="Mend or remove the row.") from None
    if row.get("kind") == "injection" and row.get("user_task"):
        asked = Message(role=Role.USER, content=str(row["user_task"]))
        return Exchange(messages=(asked, Message(role=Role.TOOL, content=text)))
    return Exchange.of(text, response=response)


def _texts(blocks: list[Block], rule: str, side: str) -> list[str]:
    """Expansions of one rule and side, a line after the other so that few pairs cover many lines."""
    rng = random.Random(f"{_SEED} {rule} {side}")
    lines = [block.expand(1, rng) for block in blocks if block.rule == rule and block.side == side]
    return list(dict.fromkeys(text for texts in lines for text in _whole(texts)))


def _whole(texts: Iterator[str]) -> Iterator[str]:
    yield from (text for text in texts if GOAL not in text)


def _sample(policy: Policy, rule: str, text: str, *, benign: bool, number: int) -> Sample:
    side = "benign" if benign else "harmful"
    return Sample(
        id=f"{rule}/{side}/{number}",
        exchange=Exchange.of(text),
        benign=benign,
        rule=rule,
        category=rule.split(".", 1)[0],
        style=ResponseStyle.COMPLY if benign else policy.rule(rule).style,
    )
