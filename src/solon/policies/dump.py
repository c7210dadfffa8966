"""Write a policy back as the files of a pack, in one canonical form: ``load(dump(p)) == p``."""

import json
import re
import textwrap
from pathlib import Path

from solon.core.errors import PolicyError
from solon.core.policy import Category, Policy, Rule
from solon.policies.category_file import ALLOWED, BREAKS, BREAKS_NOT, FORBIDDEN, NOTICE
from solon.policies.loader import CHAPTERS, MANIFEST, parse_pack
from solon.policies.markdown import fold

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z]\w*(?:[ -]\w+)*", re.ASCII)


def dump(policy: Policy) -> dict[str, str]:
    """The files of a pack by their relative path.

    Raises:
        PolicyError: for a policy that the format cannot carry (headings or breaks inside prose, rules without
            examples), so that what was written always reads back as the same policy.
    """
    lines = [
        f"name: {_scalar(policy.name)}",
        f"version: {_scalar(policy.version)}",
        *([f"description: {_scalar(policy.description)}"] if policy.description else []),
        "benign_budget:",
        f"  block: {_float(policy.benign_budget.block)}",
        f"  flag: {_float(policy.benign_budget.flag)}",
        "categories:",
        *(f"  - {_scalar(category.id)}" for category in policy.categories),
    ]
    files = {MANIFEST: "\n".join(lines) + "\n"}
    for category in policy.categories:
        files[f"{CHAPTERS}/{category.id}.md"] = dump_category(category)
    if parse_pack(files, policy.name) != policy:
        raise PolicyError(
            "the policy cannot be written to a pack unchanged",
            place=policy.name,
            repair="Strip spaces around names, titles and descriptions.",
        )
    return files


def write(policy: Policy, folder: Path) -> None:
    """Write the files of :func:`dump` below ``folder``, which is made where it does not exist."""
    for name, text in dump(policy).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def dump_category(category: Category) -> str:
    """One category file."""
    lines = ["---", f"id: {_scalar(category.id)}", f"title: {_scalar(category.title)}"]
    if category.taxonomies:
        lines.append("taxonomies:")
        for name, codes in category.taxonomies.items():
            lines.append(f"  {_scalar(name)}: [{', '.join(_scalar(code) for code in codes)}]")
    lines.append("---")
    if category.description:
        lines += ["", _prose(category.description, category.id)]
    for rule in category.rules:
        lines += ["", *_rule(rule)]
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> list[str]:
    if fold(rule.title) != rule.title or "\n" in rule.title or rule.title.endswith("#"):
        raise PolicyError(f"title {rule.title!r} cannot be a heading", place=rule.id, repair="Write it on one line.")
    return [
        f"## {rule.id}: {rule.title}",
        "",
        f"- severity: {rule.severity}",
        f"- style: {rule.style}",
        f"- action: {rule.action}",
        f"- on_undetermined: {rule.on_undetermined}",
        *("", f"### {FORBIDDEN}", "", _prose(rule.forbidden, rule.id)),
        *("", f"### {ALLOWED}", "", _prose(rule.allowed, rule.id)),
        *("", f"### {NOTICE}", "", _prose(rule.notice, rule.id)),
        *("", f"### {BREAKS}", "", *map(_bullet, rule.examples.forbidden)),
        *("", f"### {BREAKS_NOT}", "", *map(_bullet, rule.examples.allowed)),
    ]


def _scalar(text: str) -> str:
    """Plain where YAML cannot misread it, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in {"true", "false", "yes", "no", "on", "off", "null"}:
        return text
    return '"' + "".join(_yaml_escape(c) for c in text) + '"'


def _yaml_escape(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if c.isprintable():
        return c
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"


def _float(value: float) -> str:
    """YAML reads ``1e-05`` as text; it needs the point."""
    shown = repr(value)
    return shown if "e" not in shown or "." in shown else shown.replace("e", ".0e")


def _prose(text: str, owner: str) -> str:
    if fold(text) != text or any(line.startswith("#") for line in text.split("\n")):
        raise PolicyError(
            f"prose {text[:60]!r} cannot be written to a pack unchanged",
            place=owner,
            repair="Use paragraphs of plain text with single spaces, without headings.",
        )
    wrapped = "\n".join(_wrap(line) for line in text.split("\n"))
    spoiled = fold(wrapped) != text or any(line.startswith("#") for line in wrapped.split("\n"))
    return text if spoiled else wrapped


def _wrap(line: str, *, indent: str = "") -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _bullet(text: str) -> str:
    if text.split() and " ".join(text.split()) == text and text.isprintable() and text[0] != '"':
        wrapped = _wrap(f"- {text}", indent="  ")
        # A wrapped text must come back unchanged; textwrap and split() disagree on rare spaces.
        same = " ".join(part.strip() for part in wrapped[2:].split("\n")) == text
        return wrapped if same else f"- {text}"
    return "- " + "\n  ".join(_escape(line) for line in f'"{_inner(text)}"'.split("\n")).replace("\n  \n", "\n\n")


def _inner(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _escape(line: str) -> str:
    """Spell out what an editor would hide or strip."""
    stripped = line.rstrip(" ")
    tail = "\\u0020" * (len(line) - len(stripped))
    shown = (c if c.isprintable() else json.dumps(c)[1:-1] for c in stripped)
    return "".join(shown) + tail
