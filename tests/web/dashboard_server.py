"""A dashboard on loopback over a real ledger with real decisions, as a browser or a client meets it."""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from solon.core.exchange import Exchange
from solon.guard.guard import Guard
from solon.guard.outcome import decision_json
from solon.ledger import Ledger, Record
from solon.web.app import Dashboard, Sources
from solon.web.session import Access, Viewer

KEYS = {
    "sk-solon-everything": Viewer(key="key_all"),
    "sk-solon-acme": Viewer(key="key_acme", tenant="acme"),
}
REVOKED: set[str] = set()


def access() -> Access:
    return Access(login=KEYS.get, valid=lambda viewer: viewer in KEYS.values() and viewer.key not in REVOKED)


class Server:
    """Runs an ASGI application with uvicorn in a thread; ``url`` is where."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/admin"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def dashboard(ledger: Ledger, guard_of: Callable[[str], Guard | None] = lambda name: None) -> Dashboard:
    return Dashboard(Sources(ledger=ledger, guard_of=guard_of), access(), secret=b"s" * 32)


def record(exchange: Exchange, decisions: tuple[dict[str, Any] | None, dict[str, Any] | None], **more: Any) -> Record:
    """The record the gateway would write."""
    before, after = decisions
    order = ["permit", "refine", "block"]
    worst = max((d for d in decisions if d), key=lambda d: order.index(d["action"]), default=None)
    rules = [{k: rule[k] for k in ("rule", "risk", "status", "asked")} for rule in (worst["rules"] if worst else [])]
    action = worst["action"] if worst else "permit"
    cause = "" if action == "permit" else "input" if worst is before else "output"
    seeded = random.Random(str(exchange))
    body = {
        "request_id": f"req_{seeded.getrandbits(64):016x}", "key": "key_7f3a", "tenant": "acme", "route": "all",
        "policy": "baseline", "conversation": f"c{seeded.randrange(99)}", "dialect": "openai_chat", "upstream": "main",
        "model": "small-1", "stream": True, "action": action, "cause": cause, "shadow": False, "variant": "main",
        "rules": rules, "notice": "", "input": before, "output": after, "policy_digest": "", "weights_digest": "",
        "config_digest": "", "usage": {"input": 40, "output": 200, "reasoning": None}, "cost_usd": 0.0004,
        "effort": None, "status": 200, "error": None, "delivered_chars": 10, "cut": False, "attempts": 1,
        "ms": {"total": seeded.lognormvariate(6.5, 0.6), "screen_in": seeded.lognormvariate(2.3, 0.4),
               "first_byte": seeded.lognormvariate(5, 0.5), "upstream": 300.0},
    }  # fmt: skip
    messages = json.dumps([{"role": str(m.role), "content": m.content} for m in exchange.messages])
    content = {"messages": messages}
    if exchange.response is not None:
        content["response"] = exchange.response
    return Record(kind="exchange", body={**body, **more}, content=content)


def judged(guard: Guard, exchange: Exchange, **more: Any) -> Record:
    """A record with the guard's own decision."""
    decision = guard.check(exchange)
    said = decision_json(guard.policy, decision)
    return record(exchange, (said, None), policy_digest=guard.policy.digest, **more)


ARTEFACTS = Path("runs") / "dashboard"
