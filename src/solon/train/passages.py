"""Replies as models write them: sentences of one matter laid out as lists, mails, plans, dialogues, code, speeches.

Both sides share the shapes, the openings and the endings, so that no layout is ever a sign of harm.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from solon.core.errors import TrainingError

SHIPPED = Path(__file__).parent / "passages"
SIDES = ("harmful", "benign", "apart")
"""``apart`` is harmless as well, and is kept from teaching: it sets thresholds."""
_OPENINGS = (
    "Sure!", "Of course.", "Here you go.", "Certainly! Here is {title}:", "Here's {title}.", "{Title}:", "**{Title}**",
    "# {Title}", "Absolutely.", "Happy to help with that.", "As requested, {title}.", "Okay, let's go through it.",
    "Good question.", "Below you'll find {title}.", "Let me write that up.", "Right.", "",  "", "",
)  # fmt: skip
_ENDINGS = (
    "Let me know if you want more detail.", "Shall I go on?", "I can make it shorter if you like.", "Good luck!",
    "That's all there is to it.", "Do you need anything else?", "", "", "", "", "",
)  # fmt: skip
_SPEAKERS = (("A", "B"), ("He", "She"), ("Caller", "Voice"), ("Q", "A"), ("Anna", "Tom"), ("Me", "You"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Sentences of one matter; ``rule`` is what they break, or resemble; ``lines`` stand in no fixed order."""

    side: str
    rule: str
    titles: tuple[str, ...]
    shapes: tuple[str, ...]
    lines: tuple[str, ...]

    def lay_out(self, rng: random.Random) -> tuple[str, str]:
        """An opening (perhaps empty) and a body of some sentences in one of the shapes."""
        count = min(len(self.lines), rng.randint(3, 8))
        title = rng.choice(self.titles)
        body = _SHAPES[rng.choice(self.shapes)](title, rng.sample(self.lines, count), rng)
        opening = rng.choice(_OPENINGS).replace("{title}", title).replace("{Title}", title[:1].upper() + title[1:])
        ending = rng.choice(_ENDINGS)
        return opening, f"{body}\n\n{ending}" if ending else body


def load_passages(folder: Path = SHIPPED) -> list[Passage]:
    """All passages.

    Raises:
        TrainingError: for a file that is not of the form, naming it.
    """
    made: list[Passage] = []
    for side in SIDES:
        path = folder / f"{side}.yaml"
        try:
            raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
            for item in raw["passages"]:
                unknown = set(item["shapes"]) - set(_SHAPES)
                if unknown:
                    raise KeyError(f"no shape {sorted(unknown)[0]!r}")
                lines = tuple(line.strip() for line in item["lines"].splitlines() if line.strip())
                rule = "" if item["rule"] == "none" else str(item["rule"])
                made.append(
                    Passage(
                        side=side, rule=rule, titles=tuple(item["titles"]), shapes=tuple(item["shapes"]), lines=lines
                    )
                )
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(
                f"not a file of passages: {error}", place=path.name, repair="Each has rule, titles, shapes and lines."
            ) from error
    return made


def _numbered(title: str, lines: Sequence[str], rng: random.Random) -> str:
    mark, gap = rng.choice(("{}.", "{})", "({})", "**{}.**")), rng.choice(("\n", "\n\n"))
    return gap.join(f"{mark.format(number)} {line}" for number, line in enumerate(lines, 1))


def _steps(title: str, lines: Sequence[str], rng: random.Random) -> str:
    word = rng.choice(("Step {}: ", "**Step {}:** ", "STEP {} - ", "### Step {}\n"))
    return rng.choice(("\n", "\n\n")).join(word.format(number) + line for number, line in enumerate(lines, 1))


def _bullets(title: str, lines: Sequence[str], rng: random.Random) -> str:
    mark = rng.choice(("- ", "* ", "• ", "– "))
    return "\n".join(mark + line for line in lines)


def _prose(title: str, lines: Sequence[str], rng: random.Random) -> str:
    place = rng.randint(1, len(lines))
    return " ".join(lines[:place]) + rng.choice(("\n\n", " ")) + " ".join(lines[place:])


def _speech(title: str, lines: Sequence[str], rng: random.Random) -> str:
    call = rng.choice(("Friends! ", "Listen to me. ", "My people, ", "To everyone who reads this: ", "", ""))
    return rng.choice(("\u201c{}\u201d", '"{}"', "{}")).format(call + " ".join(lines))


def _mail(title: str, lines: Sequence[str], rng: random.Random) -> str:
    dear = rng.choice(("Dear [Name],", "Hello [first name],", "Dear customer,", "Hi,", "To whom it may concern,"))
    end = rng.choice(("Kind regards,\n[Name]", "Best,\n[your name]", "Yours sincerely,\n[Signature]", "Thanks"))
    return f"Subject: {title}\n\n{dear}\n\n{' '.join(lines)}\n\n{end}"


def _dialogue(title: str, lines: Sequence[str], rng: random.Random) -> str:
    names = rng.choice(_SPEAKERS)
    return "\n".join(f"{names[number % 2]}: {line}" for number, line in enumerate(lines))


def _headings(title: str, lines: Sequence[str], rng: random.Random) -> str:
    heads = rng.choice((("First", "Then", "Finally"), ("Preparation", "Main part", "Afterwards"), ("1", "2", "3")))
    mark = rng.choice(("**{}**", "## {}", "{}:"))
    size = max(1, -(-len(lines) // 3))
    parts = [lines[first : first + size] for first in range(0, len(lines), size)]
    return "\n\n".join(f"{mark.format(head)}\n{' '.join(part)}" for head, part in zip(heads, parts, strict=False))


def _days(title: str, lines: Sequence[str], rng: random.Random) -> str:
    word = rng.choice(("Day {}: ", "Week {}: ", "**Day {}** ", "Phase {}: "))
    return "\n".join(word.format(number) + line for number, line in enumerate(lines, 1))


def _table(title: str, lines: Sequence[str], rng: random.Random) -> str:
    head = rng.choice(("| No. | What |", "| Step | Note |", "| # | Detail |"))
    return "\n".join([head, "|---|---|", *(f"| {number} | {line} |" for number, line in enumerate(lines, 1))])


def _code(title: str, lines: Sequence[str], rng: random.Random) -> str:
    mark, language = rng.choice((("# ", "python"), ("// ", "c"), ("# ", "bash"), ("// ", "javascript")))
    body = rng.choice(("...", "pass", "TODO", "[body withheld]", "run()", "return result"))
    return f"```{language}\n" + "\n".join(f"{mark}{line}\n{body}" for line in lines) + "\n```"


_SHAPES: dict[str, Callable[[str, Sequence[str], random.Random], str]] = {
    "numbered": _numbered, "steps": _steps, "bullets": _bullets, "prose": _prose, "speech": _speech, "mail": _mail,
    "dialogue": _dialogue, "headings": _headings, "days": _days, "table": _table, "code": _code,
}  # fmt: skip
