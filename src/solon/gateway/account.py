"""What became of one request: collected on its way, written to the ledger once, at its end."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from solon.gateway.dialects.base import WireError
from solon.gateway.findings import UNSCREENED
from solon.gateway.reply_stream import Key
from solon.gateway.wire import Ask, Channel, Choice, Reasoning, Reply, Text, ToolCall, Usage

_dice = random.Random()


def _new_id() -> str:
    """A name that no other request has; nobody is kept from guessing it."""
    return f"req_{_dice.getrandbits(128):032x}"


@dataclass(slots=True, kw_only=True)
class Account:
    """One exchange. Times are seconds of ``time.perf_counter``; what never happened stays ``None`` or empty."""

    request_id: str = field(default_factory=_new_id)
    started: float = field(default_factory=time.perf_counter)
    dialect: str = ""
    key: str = ""
    tenant: str = ""
    route: str = ""
    policy: str = ""
    model: str = ""
    upstream: str = ""
    stream: bool = False
    config_digest: str = ""
    ask: Ask | None = None
    screened_s: float | None = None
    first_byte: float | None = None
    upstream_s: float | None = None
    attempts: int = 0
    usage: Usage | None = None
    cost_usd: float | None = None
    effort: Callable[[], dict[str, Any]] | None = None
    """What became of reasoning effort, as ``effort.Effort.record`` tells it at the end."""
    status: int = 0
    error: str | None = None
    cut: bool = False
    delivered: str = ""
    delivered_chars: int = 0
    withheld: str = ""
    findings: dict[str, Any] = field(default_factory=lambda: dict(UNSCREENED))
    """What screening said, as ``findings`` puts it."""

    monitor: dict[str, Any] | None = None
    """What the monitor found, as ``watch.watched`` puts it; ``None`` where nobody watched."""

    @property
    def total_ms(self) -> float:
        """Milliseconds since the request began."""
        return 1e3 * (time.perf_counter() - self.started)

    def failed(self, error: WireError) -> None:
        """Remember an error that the client was told."""
        self.error = f"{error.kind}: {error}"[:2000]

    def deliver(self, runs: dict[Key, list[str]]) -> None:
        """What the client got of a stream."""
        self.delivered_chars = sum(len(piece) for pieces in runs.values() for piece in pieces)
        self.delivered = shown({key: "".join(pieces) for key, pieces in runs.items()})

    def body(self) -> dict[str, Any]:
        """The record's body: facts about the exchange, none of its words."""
        usage = self.usage
        return {
            "request_id": self.request_id,
            "key": self.key,
            "tenant": self.tenant,
            "route": self.route,
            "policy": self.policy,
            "dialect": self.dialect,
            "upstream": self.upstream,
            "model": self.model,
            "stream": self.stream,
            **self.findings,
            "config_digest": self.config_digest,
            "usage": {
                "input": usage.input if usage else 0,
                "output": usage.output if usage else 0,
                "reasoning": usage.reasoning if usage else None,
            },
            "cost_usd": self.cost_usd,
            "effort": self.effort() if self.effort is not None else None,
            "status": self.status,
            "error": self.error,
            "ms": {
                "total": round(self.total_ms, 3),
                "screen_in": _ms(self.screened_s),
                "first_byte": _ms(None if self.first_byte is None else self.first_byte - self.started),
                "upstream": _ms(self.upstream_s),
            },
            "delivered_chars": self.delivered_chars,
            "cut": self.cut,
            "attempts": self.attempts,
            "monitor": self.monitor,
        }

    def content(self) -> dict[str, str]:
        """The record's words: what was asked, what was delivered, what was withheld."""
        words: dict[str, str] = {}
        if self.ask is not None:
            exchange = self.ask.exchange()
            words["messages"] = orjson.dumps(
                [{"role": str(message.role), "content": message.content} for message in exchange.messages]
            ).decode()
        if self.delivered:
            words["response"] = self.delivered
        if self.withheld:
            words["withheld"] = self.withheld
        return words


def runs_of(reply: Reply) -> dict[Key, str]:
    """The texts of a whole reply, by where a stream would have carried them."""
    runs: dict[Key, str] = {}
    for choice in reply.choices:
        runs |= _runs_of(choice)
    return runs


def _runs_of(choice: Choice) -> dict[Key, str]:
    runs: dict[Key, str] = {}
    for item, part in enumerate(choice.parts):
        match part:
            case Text(text=text):
                runs[choice.index, Channel.TEXT, item] = text
            case Reasoning(text=text):
                runs[choice.index, Channel.REASONING, item] = text
            case ToolCall(name=name, arguments=arguments):
                runs[choice.index, Channel.TOOL, item] = f"{name} {arguments}"
            case _:
                pass
    return {key: text for key, text in runs.items() if text}


def shown(runs: dict[Key, str]) -> str:
    """Texts of a reply as one: bare where there is only an answer, else each under its label."""
    if len(runs) == 1:
        (key, text), *_ = runs.items()
        if key[1] is Channel.TEXT and key[0] == 0:
            return text
    lines = [f"[choice {choice} {channel} {item}]\n{text}" for (choice, channel, item), text in sorted(runs.items())]
    return "\n\n".join(lines)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1e3 * seconds, 3)
