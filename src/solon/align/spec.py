"""The part of a policy that concerns a prompt: its own category in full, the others by title.

Models attend better to a focused text, and a whole policy may not fit (arXiv 2412.16339, section 2.2).
"""

from importlib.resources import files

from solon.core.errors import TrainingError
from solon.core.policy import Category, Policy, ResponseStyle, Rule
from solon.core.record import digest

_STYLE = {
    ResponseStyle.COMPLY: "answer in full",
    ResponseStyle.SAFE_COMPLETION: "safe completion",
    ResponseStyle.REFUSE: "refuse",
}


def spec_for(policy: Policy, category: str = "") -> str:
    """The text to reason over for a prompt of ``category``; without one, every category in full.

    Raises:
        TrainingError: where the policy has no such category, or it has no rules.
    """
    known = [chapter.id for chapter in policy.categories]
    if category and category not in known:
        raise TrainingError(
            f"no category {category!r}", place=f"policy {policy.name}", repair=f"Use one of {', '.join(known)}."
        )
    if any(chapter.id == category and not chapter.rules for chapter in policy.categories):
        raise TrainingError(
            f"category {category!r} has no rules: there is nothing to reason over",
            place=f"policy {policy.name}",
            repair="Write a rule for it, or leave its prompts out.",
        )
    chapters = [
        _full(chapter) if not category or chapter.id == category else _short(chapter) for chapter in policy.categories
    ]
    return "\n\n".join([f"# Policy: {policy.name}", *chapters])


def prompt_text(name: str) -> str:
    """A prompt file of this package, as written."""
    return files("solon.align").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")


def prompt_digest(name: str) -> str:
    """What names the wording of a prompt in records."""
    return digest(prompt_text(name))


def _full(chapter: Category) -> str:
    head = f"## {chapter.id}: {chapter.title}"
    return "\n".join([head, *(_clause(rule) for rule in chapter.rules)])


def _clause(rule: Rule) -> str:
    return (
        f"[{rule.id}] {rule.title}\n  Forbidden: {rule.forbidden}\n  Allowed: {rule.allowed}\n"
        f"  Where it is broken: {_STYLE[rule.style]}."
    )


def _short(chapter: Category) -> str:
    titles = "; ".join(f"[{rule.id}] {rule.title}" for rule in chapter.rules)
    return f"## {chapter.id}: {chapter.title}\n{titles}"
