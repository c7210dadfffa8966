"""The rule book of the policy-reasoning engine: rules of packs and of invented houses, with texts on both sides."""

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from solon.core.errors import TrainingError
from solon.core.policy import Policy
from solon.train.grammar import GOAL
from solon.train.reasoning import BookRule, RuleBook
from solon.train.row import Row

HOUSES = Path(__file__).parent / "house_rules"
_LONGEST = 600
_FEWEST = 6


def read_houses(folder: Path = HOUSES) -> list[BookRule]:
    """The invented house rules that ship with the training code.

    Raises:
        TrainingError: for a file or rule that is not of the form, by name.
    """
    rules: list[BookRule] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            for rule in raw["rules"]:
                rules.append(
                    BookRule(
                        id=f"house_{rule['id']}",
                        forbidden_half=rule["forbidden"],
                        allowed_half=rule["allowed"],
                        forbidden=tuple(rule["breaks"]),
                        allowed=tuple(rule["keeps"]),
                    )
                )
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise TrainingError(
                f"not a file of house rules: {error}", place=path.name, repair="See house_rules/airline.yaml."
            ) from error
    return rules


def build_book(policies: Iterable[Policy], rows: Sequence[Row], *, seed: int = 7, ordinary: int = 3000) -> RuleBook:
    """Pack rules with their examples and the training rows that speak of them, house rules, and ordinary texts."""
    rng = random.Random(seed)
    usable = [
        row
        for row in rows
        if row.kind == "text" and len(row.text) <= _LONGEST and GOAL not in row.text and row.weight >= 0.8
    ]
    breaking: dict[str, list[str]] = {}
    keeping: dict[str, list[str]] = {}
    for row in usable:
        if row.benign and row.near:
            keeping.setdefault(row.near, []).append(row.text)
        elif len(row.rules) == 1 and not row.bag:
            breaking.setdefault(row.rules[0], []).append(row.text)
    rules: list[BookRule] = []
    for policy in policies:
        for rule in policy.rules:
            forbidden = (*rule.examples.forbidden, *breaking.get(rule.id, ()))
            allowed = (*rule.examples.allowed, *keeping.get(rule.id, ()))
            if min(len(forbidden), len(allowed)) >= _FEWEST:
                rules.append(
                    BookRule(
                        id=rule.id,
                        forbidden_half=rule.forbidden,
                        allowed_half=rule.allowed,
                        forbidden=forbidden,
                        allowed=allowed,
                    )
                )
    rules += read_houses()
    plain = [row.text for row in usable if row.benign and not row.near and not row.source.startswith("composed")]
    return RuleBook(rules=tuple(rules), ordinary=tuple(rng.sample(plain, min(ordinary, len(plain)))))


def save_book(book: RuleBook, path: Path) -> None:
    """Write what ``RuleBook.read`` reads."""
    raw = {
        "rules": [
            {
                "id": rule.id,
                "forbidden_half": rule.forbidden_half,
                "allowed_half": rule.allowed_half,
                "forbidden": rule.forbidden,
                "allowed": rule.allowed,
            }
            for rule in book.rules
        ],
        "ordinary": book.ordinary,
    }
    path.write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")
