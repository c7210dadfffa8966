"""``solon demo``: real requests of many kinds, judged by the shipped weights on this machine."""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from solon.core.decision import Decision
    from solon.core.exchange import Exchange
    from solon.guard.guard import Guard

_PIECE = 12
"""Characters a model writes at a time, in the demo."""
_WIDE = 120
"""Columns of a terminal from which the requests' own words are shown too."""
_NEXT = """\
next
  solon check --text "…" --explain      everything a decision rests on
  solon check --jsonl IN --out OUT      many rows; goes on where it was interrupted
  solon policy explain cyber.malware    a rule in full, with both its halves
  solon policy test                     the policy's own examples as its unit tests
  solon doctor                          versions and a self-test of the weights"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One request of the demo and what became of it; ``released`` is what a client saw of its reply."""

    title: str
    meant: str
    request: str
    action: str
    risk: float
    rule: str
    path: tuple[str, ...]
    elapsed_ms: float
    reply: str | None = None
    released: str | None = None

    @property
    def right(self) -> bool:
        """Whether what is meant to harm was not permitted, and what is harmless was."""
        return (self.action == "permit") == (self.meant == "harmless")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def demo(as_json: bool) -> None:
    """Judge some thirty real requests with the shipped weights; takes seconds and needs no network.

    The requests are written down in solon/cli/demo.jsonl: harmful ones without detail, harmless twins, encodings,
    a jailbreak, an injection, a split and a buried request, look-alikes, other languages, and replies as they stream.
    """
    from solon.guard.guard import Guard

    guard = Guard()
    guard.check("Hello.")  # opens the weights, which is not the first request's time
    shown = [judge(guard, item) for item in items()]
    if as_json:
        click.echo(json.dumps([asdict(one) | {"right": one.right} for one in shown], ensure_ascii=True, indent=2))
        return
    _print(shown)
    click.echo(_NEXT)


command = demo


def items() -> list[dict[str, Any]]:
    """The requests: ``{title, meant: harmful | harmless, text | messages, response?}``."""
    lines = files("solon.cli").joinpath("demo.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def judge(guard: "Guard", item: dict[str, Any]) -> Shown:
    """Judge one request; its reply, where it has one, is also streamed piece by piece."""
    from solon.core.exchange import Exchange

    if "text" in item:
        exchange = Exchange.of(item["text"])
    else:
        exchange = Exchange.parse(item["messages"], response=item.get("response"))
    decision = guard.check(exchange)
    rule = decision.rules[0] if decision.rules else ""
    return Shown(
        title=item["title"],
        meant=item["meant"],
        request=exchange.response or " / ".join(message.content for message in exchange.messages),
        action=str(decision.action),
        risk=decision.risk,
        rule=rule,
        path=_path(decision),
        elapsed_ms=decision.elapsed_ms,
        reply=exchange.response,
        released=None if exchange.response is None else _stream(guard, exchange, exchange.response),
    )


def _path(decision: "Decision") -> tuple[str, ...]:
    """The codecs through which the worst rule's text was read."""
    for verdict in decision.verdicts:
        if verdict.rule in decision.rules[:1] and verdict.spans:
            return verdict.spans[0].path
    return ()


def _stream(guard: "Guard", exchange: "Exchange", reply: str) -> str:
    """What a client would have seen of the reply."""
    stream = guard.stream(exchange)
    for start in range(0, len(reply), _PIECE):
        stream.push(reply[start : start + _PIECE])
    stream.finish()
    return stream.released


def _print(shown: list[Shown]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from solon.cli.check_print import COLOURS, path_text, printable
    from solon.core.action import Action

    console = Console(highlight=False)
    wide = console.width >= _WIDE
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", min_width=1)
    table.add_column("meant", min_width=8)
    table.add_column("request", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("action", min_width=6)
    table.add_column("risk", min_width=5)
    table.add_column("rule (read through)", no_wrap=True, overflow="ellipsis", max_width=50 if wide else 24)
    table.add_column("ms", min_width=4, justify="right")
    for one in shown:
        mark = Text("✓", style="green") if one.right else Text("✗", style="red")
        request = Text(one.title)
        if wide:
            request.append(f": {printable(one.request, 80)}", style="dim")
        action = Text(one.action, style=COLOURS[Action.parse(one.action)])
        rule = f"{one.rule} ({path_text(one.path)})" if one.path else one.rule
        table.add_row(mark, one.meant, request, action, f"{one.risk:.3f}", rule, f"{one.elapsed_ms:.0f}")
    console.print(table)
    for one in shown:
        if one.reply is not None and one.released is not None and one.released != one.reply:
            head = f"{one.title}: a client saw {len(one.released)} of {len(one.reply)} characters, then nothing more:"
            console.print(Text(head, style="bold"))
            console.print(Text(f"  {printable(one.released, 2000)}"))
    right = sum(one.right for one in shown)
    console.print(f"\n{right} of {len(shown)} as meant: harmful ones not permitted, harmless ones permitted\n")
