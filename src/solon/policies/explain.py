"""One rule laid out for a reader: both halves, settings, mapping, examples, digest."""

import difflib
import textwrap
from dataclasses import dataclass

from solon.core.errors import PolicyError
from solon.core.policy import Category, Policy, Rule
from solon.core.record import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A rule in its surroundings. ``rule_digest`` changes with this rule only, ``policy_digest`` with any."""

    rule: Rule
    category: Category
    policy_name: str
    policy_version: str
    policy_digest: str
    rule_digest: str

    def text(self, *, width: int = 100) -> str:
        """Plain text for a terminal, wrapped at ``width`` columns."""
        rule = self.rule
        settings = {
            "severity": str(rule.severity),
            "style": str(rule.style),
            "action": str(rule.action),
            "on_undetermined": str(rule.on_undetermined),
            "category": f"{self.category.title} ({self.category.id})",
        }
        for name, codes in self.category.taxonomies.items():
            settings[name] = ", ".join(codes) or "none"
        settings["rule digest"] = self.rule_digest
        settings["policy"] = f"{self.policy_name} {self.policy_version}, digest {self.policy_digest}"
        pad = max(map(len, settings))
        lines = [f"{rule.id}: {rule.title}", ""]
        lines += [f"  {key:<{pad}}  {value}" for key, value in settings.items()]
        for head, body in (("Forbidden", rule.forbidden), ("Allowed", rule.allowed), ("Notice", rule.notice)):
            lines += ["", head, *_indented(body, width)]
        sides = (
            ("Examples that break it", rule.examples.forbidden),
            ("Examples that do not", rule.examples.allowed),
        )
        for head, examples in sides:
            lines += ["", head]
            for example in examples:
                first, *rest = _indented(example, width - 2)
                lines += [f"  - {first.strip()}", *(f"  {line}".rstrip() for line in rest)]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, object]:
        """The same as JSON values; actions by name."""
        rule = self.rule.model_dump(mode="json")
        rule["action"], rule["on_undetermined"] = str(self.rule.action), str(self.rule.on_undetermined)
        return {
            "rule": rule,
            "category": {"id": self.category.id, "title": self.category.title},
            "taxonomies": {name: list(codes) for name, codes in self.category.taxonomies.items()},
            "rule_digest": self.rule_digest,
            "policy": self.policy_name,
            "version": self.policy_version,
            "policy_digest": self.policy_digest,
        }


def explain(policy: Policy, rule_id: str) -> Explanation:
    """Lay out the rule of that id.

    Raises:
        PolicyError: where the policy has no such rule, naming those with similar ids.
    """
    for category in policy.categories:
        for rule in category.rules:
            if rule.id == rule_id:
                return Explanation(
                    rule=rule,
                    category=category,
                    policy_name=policy.name,
                    policy_version=policy.version,
                    policy_digest=policy.digest,
                    rule_digest=digest(rule.model_dump(mode="json")),
                )
    known = [rule.id for rule in policy.rules]
    close = difflib.get_close_matches(rule_id, known, n=3, cutoff=0.5) or known
    raise PolicyError(
        f"policy {policy.name} has no rule {rule_id!r}", repair=f"Rules with similar ids: {', '.join(close)}."
    )


def _indented(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        wrapped = textwrap.wrap(line, max(20, width - 2), break_on_hyphens=False)
        lines += [f"  {part}" for part in wrapped] or [""]
    return lines
