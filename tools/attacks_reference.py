"""Write the table of attacks from the attacks themselves: ``attacks_reference.py docs/attacks.md``."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from solon.redteam.attack import FAMILIES, Attack
from solon.redteam.attacks.catalogue import DEEPEST, attacks, built_in

HEAD = f"""# Attacks

Written by `make docs` from the attacks themselves; do not edit.

An attack writes one prompt for a goal; every choice in it is drawn from a seed, so the same try is the same prompt
on any machine. It never looks at whether a goal is harmful or benign: both sides get the same treatment, and both
rates are printed. Attacks are joined with `+`, the first applied first, at most {DEEPEST} of them: `base64+rot` is
Base64 and that in ROT13, `past_tense+persona` a question about the past put to a role. What writes more than one
turn stands last.

**Hostile** frames break rules by themselves (an injection, a demand for secrets, a forged verdict). To stop a
benign goal in one is no over-refusal; their benign side is the *control*, the same carrier with nothing planted in
it. Orders that are planted name the two halves of a marker, and only who obeys joins them: success is read from the
answer's state, never from its tone.

Texts of attacks are data (`src/solon/redteam/attacks/seeds/*.yaml`, versioned), our own writing, and hold no
working instructions: answers and thoughts put into anyone's mouth are placeholders such as `[withheld]`.

"""
OWN = """## Attacks of your own

```python
import random

from solon.core.attempt import Goal, Prompt
from solon.testing import check_attack


class Footnote:
    \"\"\"The goal as a footnote to a harmless sentence.\"\"\"

    name = "footnote"
    family = "nesting"
    paper = "https://example.org/footnotes"
    verbatim = True

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        mark = rng.choice("*†‡")
        return Prompt.of(f"The weather was mild{mark}. Please answer the note.\\n\\n{mark} {goal.text}")


check_attack(Footnote())  # raises Nonconformance with what was expected and what was found
```

In the `pyproject.toml` of your package, `attack` being an instance:

```toml
[project.entry-points."solon.attacks"]
footnote = "my_package.footnote:attack"
```

A codec that is registered under `solon.codecs` is an attack at once.
"""


def rows(parts: list[Attack]) -> Iterator[str]:
    """Lines of a Markdown table, by family."""
    yield "| attack | family | source | tests | hostile |"
    yield "|---|---|---|---|---|"
    for part in sorted(parts, key=lambda part: (FAMILIES.index(part.family), part.name)):
        tests = str(getattr(part, "tests", ""))
        hostile = "yes" if getattr(part, "hostile", False) else ""
        yield f"| `{part.name}` | {part.family} | {source(part.paper)} | {tests} | {hostile} |"


def source(paper: str) -> str:
    """A link to where the technique is described."""
    if re.fullmatch(r"\d{4}\.\d{5}", paper):
        return f"[arXiv {paper}](https://arxiv.org/abs/{paper})"
    return f"[{paper.split('/')[2]}]({paper})"


def reference() -> str:
    """The whole page; plug-ins that happen to be installed are left out."""
    own = [part for part in attacks() if part.name in built_in()]
    codecs = [part.name for part in attacks() if type(part).__name__ == "CodecAttack"]
    listed = ", ".join(f"`{name}`" for name in sorted(codecs))
    techniques = f"## Techniques\n\n{len(own)} of them.\n\n" + "\n".join(rows(own))
    encodings = (
        f"## Codecs\n\nEvery one of the {len(codecs)} codecs is an attack of the family `encoding`, with a request to\n"
        f"read and answer it ({source('2307.02483')}). What a codec cannot carry goes\n"
        f"in plain letters, or in letter pairs for bytes, and the request says so.\n\n{listed}"
    )
    return HEAD + techniques + "\n\n" + encodings + "\n\n" + OWN


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
