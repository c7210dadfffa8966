"""``solon demo``: real requests through the gateway with the real OpenAI client, on this machine."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from solon.core.errors import SolonError

if TYPE_CHECKING:
    from openai import OpenAI

    from solon.cli.demo_gateway import Standing
    from solon.ledger import Ledger

_WIDE = 120
"""Columns of a terminal from which the requests' own words are shown too."""
_ECHO = "Gladly."
"""What the scripted upstream says to a request without a reply of its own."""
_COMMIT_S = 30.0
_NEXT = """\
next
  solon serve --upstream URL            the gateway in front of a model of yours
  solon check --text "…" --explain      everything a decision rests on
  solon policy explain cyber.malware    a rule in full, with both its halves
  solon policy test                     the policy's own examples as its unit tests
  solon doctor                          versions and a self-test of the weights"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as the client saw it; ``received`` is what reached it of the reply."""

    item: dict[str, Any]
    request_id: str
    received: str
    finish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One request of the demo and what became of it, as the ledger has it; ``released`` is what the client got."""

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
@click.option("--stay/--no-stay", default=None, help="Keep the gateway and its dashboard up; in a terminal it does.")
def demo(as_json: bool, stay: bool | None) -> None:
    """Send some thirty real requests through the gateway and show what became of them; needs no network.

    A scripted upstream and the gateway are started on this machine, the OpenAI client talks to them, and the table is
    read from the gateway's own records. The requests are written down in solon/cli/demo.jsonl: harmful ones without
    detail, harmless twins, encodings, a jailbreak, an injection, a split and a buried request, look-alikes, other
    languages, and replies as they stream.
    """
    from solon.cli.demo_gateway import standing
    from solon.gateway.embedded import Line

    script = [Line(when=_asked(item), say=item["response"]) for item in items() if "response" in item]
    script.append(Line(when="", say=_ECHO))
    with tempfile.TemporaryDirectory(prefix="solon-demo-") as folder, standing(Path(folder), script) as gateway:
        shown = [*_outcomes(gateway)]
        if as_json:
            made = [asdict(one) | {"right": one.right} for one in shown]
            click.echo(json.dumps(made, ensure_ascii=True, indent=2))
            return
        _print(shown)
        click.echo(_NEXT)
        if sys.stdout.isatty() if stay is None else stay:
            _stay(gateway)


command = demo


def items() -> list[dict[str, Any]]:
    """The requests: ``{title, meant: harmful | harmless, text | messages, response?}``."""
    lines = files("solon.cli").joinpath("demo.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def _outcomes(gateway: "Standing") -> Iterator[Shown]:
    """Send every request, then read what the gateway recorded of each."""
    from openai import OpenAI

    from solon.ledger import open_ledger

    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        sent = [_send(client, item) for item in items()]
    with open_ledger(gateway.ledger) as ledger:
        for one in sent:
            yield _shown(one, _recorded(ledger, one.request_id))


def _recorded(ledger: "Ledger", request_id: str) -> dict[str, Any]:
    """What the gateway recorded of a request: committed a moment after its answer."""
    deadline = time.monotonic() + _COMMIT_S
    while time.monotonic() < deadline:
        for record in ledger.read(kind="exchange", where={"request_id": request_id}):
            return record.body
        time.sleep(0.02)
    raise SolonError(f"no record of {request_id} came within {_COMMIT_S:.0f} s", repair="Run `solon doctor`.")


def _send(client: "OpenAI", item: dict[str, Any]) -> Sent:
    """One request through the client, streamed where there is a reply to watch."""
    chat = client.chat.completions.with_raw_response
    if "response" not in item:
        raw = chat.create(model="demo", messages=_messages(item))
        choice = raw.parse().choices[0]
        return Sent(
            item=item,
            request_id=raw.headers["x-request-id"],
            received=choice.message.content or "",
            finish=choice.finish_reason,
        )
    raw = chat.create(model="demo", messages=_messages(item), stream=True)
    received, finish = "", ""
    for chunk in raw.parse():
        for part in chunk.choices:
            received += part.delta.content or ""
            finish = part.finish_reason or finish
    return Sent(item=item, request_id=raw.headers["x-request-id"], received=received, finish=finish)


def _messages(item: dict[str, Any]) -> list[Any]:
    """The conversation as a client sends it; a tool's result follows the call it answers."""
    if "text" in item:
        return [{"role": "user", "content": item["text"]}]
    made: list[Any] = []
    for message in item["messages"]:
        if message["role"] == "tool":
            call = {"id": "call_1", "type": "function", "function": {"name": "open_page", "arguments": "{}"}}
            made.append({"role": "assistant", "content": None, "tool_calls": [call]})
            message = {**message, "tool_call_id": "call_1"}
        made.append(message)
    return made


def _asked(item: dict[str, Any]) -> str:
    return next(message["content"] for message in reversed(_messages(item)) if message["role"] == "user")


def _shown(sent: Sent, body: dict[str, Any]) -> Shown:
    """The client's view and the gateway's record in one."""
    judged = body["output"] if body["cause"] == "output" else body["input"]
    asked = next((rule for rule in judged["rules"] if rule["asked"]), None)
    spans: list[Any] = asked["spans"] if asked else []
    reply = sent.item.get("response")
    return Shown(
        title=sent.item["title"],
        meant=sent.item["meant"],
        request=reply or sent.item.get("text") or " / ".join(m["content"] for m in sent.item["messages"]),
        action=body["action"],
        risk=judged["risk"],
        rule=asked["rule"] if asked else "",
        path=tuple(spans[0]["path"]) if spans else (),
        elapsed_ms=body["ms"]["screen_in"] or 0.0,
        reply=reply,
        released=None if reply is None else sent.received,
    )


def _stay(gateway: "Standing") -> None:
    """Keep everything up until the reader has seen enough."""
    import threading

    click.echo(f"\ndashboard  {gateway.url}/admin\nkey        {gateway.key}\nCtrl-C ends both.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("")


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
            head = f"{one.title}: of {len(one.reply)} characters the client saw these, and the refusal that ends them:"
            console.print(Text(head, style="bold"))
            console.print(Text(f"  {printable(one.released, 2000)}"))
    right = sum(one.right for one in shown)
    console.print(f"\n{right} of {len(shown)} as meant: harmful ones not permitted, harmless ones permitted\n")
