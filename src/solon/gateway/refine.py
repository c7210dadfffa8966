"""Refinement: the concerned rules, in full, placed before the model to reason over.

Both halves of a rule are given: what it forbids and what it allows. Deliberation over the words of a policy is what
makes models both safer and less prone to refuse (arXiv 2412.16339); a warning without the allowed half does the
opposite of the second.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from solon.core.policy import Policy, ResponseStyle, Rule
from solon.core.record import digest

VERSION = "refine_v1"
MOST_RULES = 5
"""Rules put before the model: the riskiest. A page of law is reasoned over, a book is not."""

_HOW = {
    ResponseStyle.COMPLY: "Answer fully; the rule only asks for care in how it is said.",
    ResponseStyle.SAFE_COMPLETION: (
        "Do not leave the person alone with it: meet the need behind the request as far as the rule allows, with safe "
        "and general information, help that is at hand, and no forbidden detail."
    ),
    ResponseStyle.REFUSE: (
        "Decline in one or two sentences, kindly and without lecture, give no part of what is forbidden, and offer "
        "what the rule allows where that could help."
    ),
}


def guidance(policy: Policy, rules: Sequence[str]) -> str:
    """The message for the model on these rules of the policy, riskiest first; empty where there is none."""
    known = {rule.id: rule for rule in policy.rules}
    concerned = [known[name] for name in dict.fromkeys(rules) if name in known][:MOST_RULES]
    if not concerned:
        return ""
    return _template().replace("{{rules}}", "\n\n".join(_in_full(rule) for rule in concerned))


@cache
def prompt_digest() -> str:
    """Names the wording: an edit to it is another version."""
    return digest([VERSION, _template(), {str(style): text for style, text in _HOW.items()}])


def _in_full(rule: Rule) -> str:
    parts = [
        f"## {rule.title}",
        f"Forbidden: {rule.forbidden}",
        f"Allowed: {rule.allowed}",
        f"How to answer: {_HOW[rule.style]}",
    ]
    return "\n\n".join(parts)


@cache
def _template() -> str:
    return files("solon.gateway").joinpath("prompts", f"{VERSION}.md").read_text(encoding="utf-8").strip()
