"""Read a policy as a reviewer would: what is missing, blurred, repeated or contradictory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise

from solon.core.action import Action
from solon.core.policy import Category, Policy, ResponseStyle, Rule, Severity

MIN_ALLOWED_SHARE = 0.6  # leaving harmless halves out costs more than 40 % of robustness (DESIGN 8)
MIN_EXAMPLES = 3
MAX_RULE_WORDS = 220
MAX_NOTICE_WORDS = 40
MAX_OVERLAP = 0.5
VAGUE = (
    "appropriate",
    "bad content",
    "etc",
    "harmful content",
    "improper",
    "inappropriate",
    "objectionable",
    "offensive",
    "problematic",
    "questionable",
    "reasonable",
    "sensitive",
    "unacceptable",
    "undesirable",
    "unreasonable",
    "unsafe",
)
_INNER_WORDS = frozenset({"classifier", "detected", "detector", "filter", "risk", "score", "threshold"})
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class Level(StrEnum):
    """``error`` makes the pack unfit for use; ``warning`` wants a look."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark on one rule: ``code`` is stable, ``problem`` holds the value, ``repair`` the way out."""

    rule: str
    code: str
    level: Level
    problem: str
    repair: str


def lint(policy: Policy) -> list[Finding]:
    """Every finding, in the order of the pack; pairs of rules come last. Quadratic in the number of rules."""
    findings: list[Finding] = []
    for category in policy.categories:
        for rule in category.rules:
            findings += _halves(rule)
            findings += _wording(rule)
            findings += _examples(rule)
            findings += _contradictions(rule)
            findings += _notice(rule, category)
    findings += _opposite_sides(policy)
    findings += _near_duplicates(policy)
    return findings


def _error(rule: Rule, code: str, problem: str, repair: str) -> Finding:
    return Finding(rule=rule.id, code=code, level=Level.ERROR, problem=problem, repair=repair)


def _warning(rule: Rule, code: str, problem: str, repair: str) -> Finding:
    return Finding(rule=rule.id, code=code, level=Level.WARNING, problem=problem, repair=repair)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _halves(rule: Rule) -> Iterator[Finding]:
    forbidden, allowed = len(_words(rule.forbidden)), len(_words(rule.allowed))
    if allowed < MIN_ALLOWED_SHARE * forbidden:
        yield _error(
            rule,
            "short-allowed-half",
            f"the allowed half has {allowed} words, the forbidden half {forbidden}",
            "Name the legitimate neighbours: study, news, prevention, help, fiction, everyday senses.",
        )


def _wording(rule: Rule) -> Iterator[Finding]:
    count = len(_words(rule.text))
    if count > MAX_RULE_WORDS:
        yield _warning(
            rule,
            "long-rule",
            f"the rule has {count} words, more than {MAX_RULE_WORDS}",
            "Split it in two rules, or leave cases to the examples.",
        )
    for half in ("forbidden", "allowed"):
        text = " ".join(_words(getattr(rule, half)))
        found = [term for term in VAGUE if re.search(rf"\b{term}\b", text)]
        if found:
            yield _warning(
                rule,
                "vague-words",
                f"the {half} half rests on {', '.join(repr(term) for term in found)}",
                "Say what can be seen in the text: who does what to whom.",
            )


def _examples(rule: Rule) -> Iterator[Finding]:
    sides = (("forbidden", rule.examples.forbidden), ("allowed", rule.examples.allowed))
    for side, examples in sides:
        if len(examples) < MIN_EXAMPLES:
            yield _error(
                rule,
                "few-examples",
                f"{len(examples)} {side} examples, fewer than {MIN_EXAMPLES}",
                "Examples are the rule's unit tests; write short and long ones, and twins across the sides.",
            )


def _contradictions(rule: Rule) -> Iterator[Finding]:
    if rule.action is Action.PERMIT:
        yield _error(rule, "toothless", "action is permit: the rule can never act", "Set action to refine or block.")
    if rule.severity is Severity.CRITICAL and rule.on_undetermined is Action.PERMIT:
        yield _error(
            rule,
            "critical-permits-silence",
            "severity is critical, and on_undetermined permits what no engine could judge",
            "Set on_undetermined to block.",
        )
    if rule.severity is Severity.CRITICAL and rule.style is ResponseStyle.COMPLY:
        yield _error(rule, "critical-complies", "severity is critical and style is comply", "Choose one of the two.")
    if rule.style is ResponseStyle.COMPLY and rule.action is Action.BLOCK:
        yield _error(
            rule,
            "comply-blocks",
            "style is comply and action is block",
            "Set action to refine, or style to refuse.",
        )
    if rule.style is ResponseStyle.SAFE_COMPLETION and rule.action is Action.BLOCK:
        yield _warning(
            rule,
            "block-without-completion",
            "style is safe_completion, and a block never lets the model write one",
            "Set action to refine, or style to refuse.",
        )
    if rule.style is ResponseStyle.REFUSE and rule.action is Action.REFINE:
        yield _warning(
            rule,
            "refuse-without-block",
            "style is refuse, and refine passes the request on",
            "Set action to block, or style to safe_completion.",
        )
    if rule.on_undetermined > rule.action:
        yield _warning(
            rule,
            "silence-stricter",
            f"on_undetermined is {rule.on_undetermined}, stricter than the action {rule.action}",
            "Lower on_undetermined or raise action.",
        )


def _notice(rule: Rule, category: Category) -> Iterator[Finding]:
    words = _words(rule.notice)
    if len(words) > MAX_NOTICE_WORDS:
        yield _warning(
            rule,
            "long-notice",
            f"the notice has {len(words)} words, more than {MAX_NOTICE_WORDS}",
            "One sentence is enough.",
        )
    inner = sorted(_INNER_WORDS.intersection(words))
    if rule.id in rule.notice or inner:
        what = ", ".join(inner) or rule.id
        yield _error(
            rule,
            "notice-leaks",
            f"the notice speaks of the machinery: {what}",
            "Say only that the service cannot help.",
        )
        return
    public = set(_words(category.title))
    secret = {word for word in _words(rule.forbidden + " " + rule.title) if len(word) > 6} - public
    shared = sorted(secret.intersection(words))
    if len(shared) >= 2:
        yield _error(
            rule,
            "notice-leaks",
            f"the notice repeats details of the rule: {', '.join(shared)}",
            "Name the category at most; details teach how to get round the rule.",
        )


def _fold(text: str) -> str:
    return " ".join(_words(text))


def _opposite_sides(policy: Policy) -> Iterator[Finding]:
    forbidden: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        for example in rule.examples.forbidden:
            forbidden.setdefault(_fold(example), []).append(rule)
    for rule in policy.rules:
        for example in rule.examples.allowed:
            for other in forbidden.get(_fold(example), []) if _fold(example) else []:
                where = "this rule" if other is rule else other.id
                yield _error(
                    rule,
                    "example-on-both-sides",
                    f"allowed example {example[:80]!r} is a forbidden example of {where}",
                    "Decide which side it is on, or change one of them.",
                )


def _near_duplicates(policy: Policy) -> Iterator[Finding]:
    shingles = {rule.id: _shingles(rule.forbidden) for rule in policy.rules}
    for first, second in combinations(policy.rules, 2):
        a, b = shingles[first.id], shingles[second.id]
        overlap = len(a & b) / max(1, len(a | b))
        same_title = _fold(first.title) == _fold(second.title)
        if overlap > MAX_OVERLAP or same_title:
            why = "the same title" if same_title else f"{overlap:.0%} of their forbidden halves in common"
            yield _warning(
                second,
                "near-duplicate",
                f"{first.id} and {second.id} have {why}",
                "Merge them, or say in both what tells them apart.",
            )


def _shingles(text: str) -> set[tuple[str, str]]:
    """Pairs of neighbouring words: robust to a moved clause, sensitive to a copied one."""
    words = _words(text)
    return set(pairwise(words))
