"""A decision for human eyes: what was done, by which rules, where in the text, and everything behind it."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from solon.core.action import Action
from solon.core.exchange import Exchange
from solon.core.policy import Policy
from solon.core.verdict import Status
from solon.engines.classifiers.ngram import FORMS
from solon.engines.classifiers.scout import GUESSED
from solon.guard.explain import read_as, text_of, top_logits

if TYPE_CHECKING:
    from rich.console import Console

    from solon.guard.explain import Explanation
    from solon.guard.guard import Guard
    from solon.guard.stage1 import Scored

COLOURS = {Action.PERMIT: "green", Action.REFINE: "yellow", Action.BLOCK: "red"}
_EXCERPT = 160
_SHOWN = 6
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, most: int = _EXCERPT) -> str:
    """One line of at most ``most`` characters; what would steer a terminal or show nothing is written as an escape."""
    shown = "".join(
        " " if character in "\n\r\t" else _escape(character) if _hidden(character) else character
        for character in text[: most + 1]
    )
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or "\ufe00" <= character <= "\ufe0f"


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def path_text(path: Sequence[str]) -> str:
    """The codecs a text was read through, outermost first."""
    return " → ".join(path) or "plain"


def print_decision(policy: Policy, exchange: Exchange | str, explanation: "Explanation") -> None:
    """Action, risk, the rules that asked for it with title, place and reading, then the notes."""
    from rich.text import Text

    console, decision = _console(), explanation.decision
    whole = Exchange.of(exchange) if isinstance(exchange, str) else exchange
    head = Text(str(decision.action), style=f"bold {COLOURS[decision.action]}")
    head.append(f"  risk {decision.risk:.3f}", style="not bold default")
    console.print(head.append(f"  {printable(decision.because)}", style="not bold dim"))
    for rule in decision.rules[:_SHOWN]:
        own = [verdict for verdict in decision.verdicts if verdict.rule == rule]
        risk = max((v.risk for v in own if v.status is Status.COMPLETE), default=0.0)
        console.print(
            Text(f"  {rule}", style="bold").append(f"  {risk:.3f}  {policy.rule(rule).title}", style="not bold")
        )
        for verdict in own:
            if verdict.rationale:
                console.print(Text(f"    {verdict.source.name}: {printable(verdict.rationale)}", style="dim"))
        for span in own[0].spans:
            place = f"    {span.segment}[{span.start}:{span.end}] read as {path_text(span.path)}: "
            text = read_as(explanation.scored, span) or text_of(whole, span)
            console.print(Text(place, style="dim").append(printable(text), style="not dim"))
    if len(decision.rules) > _SHOWN:
        console.print(f"  and {len(decision.rules) - _SHOWN} more rules")
    for note in decision.notes:
        console.print(Text(f"  note: {note}", style="yellow"))
    console.print(Text(f"  {decision.n_views} views, {decision.elapsed_ms:.1f} ms", style="dim"))


def print_explanation(guard: "Guard", explanation: "Explanation") -> None:
    """Texts with their views and scores, the top rules against both thresholds, and neighbours."""
    console = _console()
    parts = sorted(explanation.scored, key=lambda part: -max(part.families.values()))
    for scored in parts[:_SHOWN]:
        _print_scored(console, guard, scored)
    if len(parts) > _SHOWN:
        console.print(f"{len(parts) - _SHOWN} more texts score lower")
    _print_rules(console, guard, explanation)
    if explanation.neighbours:
        _print_neighbours(console, explanation)


def _print_scored(console: "Console", guard: "Guard", scored: "Scored") -> None:
    from rich.text import Text

    segment = scored.segment
    title = f"{segment.name}[{segment.base}:{segment.base + len(segment.text)}]"
    console.print(Text(f"\n{title}", style="bold").append(f"  {segment.kind}", style="not bold"))
    console.print(f"  windows {scored.n_windows}, read by the encoder {scored.n_encoded}")
    for view in scored.views:
        line = Text(f"  view {path_text(view.path)}: ", style="dim").append(printable(view.text), style="not dim")
        console.print(line)
    console.print("  families  " + _pairs(scored.families.items()))
    console.print("  n-gram logits  " + _pairs(zip(FORMS, map(float, scored.ngram), strict=True)))
    if len(scored.guesses):
        console.print("  scout  " + _pairs(zip(GUESSED, map(float, scored.guesses.max(0)), strict=True)))
    if scored.encoder is None:
        console.print("  encoder  left out: the cheap engines were certain")
        return
    forms = [(name, value) for name, value in top_logits(guard, scored, "", most=999) if ":" not in name]
    console.print("  encoder logits  " + _pairs(forms))
    console.print("  intents  " + _pairs(top_logits(guard, scored, "intent:", most=3)))
    console.print("  rules  " + _pairs(top_logits(guard, scored, "rule:", most=5)))


def _print_rules(console: "Console", guard: "Guard", explanation: "Explanation") -> None:
    from rich.table import Table

    decision = explanation.decision
    limits = decision.thresholds or guard.thresholds
    title = f"refine above {limits.refine:.3f}, block above {limits.block:.3f}"
    table = Table("rule", "title", "risk", "asks for", "engine", title=title, title_justify="left")
    for verdict in decision.verdicts[: 2 * _SHOWN]:
        rule = guard.policy.rule(verdict.rule)
        wish = Action.PERMIT
        if verdict.status is Status.UNDETERMINED:
            wish = rule.on_undetermined
        elif verdict.risk > limits.refine:
            wish = rule.action if verdict.risk > limits.block else min(rule.action, Action.REFINE)
        risk = "no answer" if verdict.status is Status.UNDETERMINED else f"{verdict.risk:.3f}"
        table.add_row(rule.id, rule.title, risk, f"[{COLOURS[wish]}]{wish}[/]", verdict.source.name)
    console.print()
    console.print(table)


def _print_neighbours(console: "Console", explanation: "Explanation") -> None:
    from rich.text import Text

    console.print("\nnearest training texts (they decide nothing)")
    for near in explanation.neighbours:
        rules = f" {', '.join(near.rules)}" if near.rules else ""
        line = Text(f"  {near.similarity:.2f} {near.side}{rules}: ", style="dim")
        console.print(line.append(printable(near.text), style="not dim"))


def _pairs(pairs: Any) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in pairs)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)
