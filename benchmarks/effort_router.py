"""Effort: are upstreams that ignore it found, are honest ones left alone, and do caps hold against hostile streams.

Obedience is a simulation of replies: reasoning tokens are lognormal around a level's median; a lying upstream has one
median for all levels. Caps are a soak: a real gateway (its ASGI application, configuration, relay and ledger) before an
upstream on loopback that writes without end in ten ways, for clients of three dialects.
"""

import asyncio
import json
import math
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from harness import Report, options
from metrics import Value

from solon.core.stats import clopper_pearson
from solon.engines.router.budget import tokens_of
from solon.engines.router.level import Level
from solon.engines.router.obedience import Obedience
from solon.gateway.config import parse_config
from solon.gateway.identity import Principal
from solon.gateway.worker import Start, Worker
from solon.ledger import open_ledger

KEY = "sk-solon-benchmark-" + "a" * 40
LEVELS = (Level.LOW, Level.MEDIUM, Level.HIGH)
STEPS = {level: float(number) for number, level in enumerate(LEVELS)}
MIXES = {"even": (1, 1, 1), "low or high": (1, 0, 1), "mostly low": (3, 1, 1)}
CAP = 200
MOST_PIECES = 400
"""What a hostile stream sends where nobody stops it."""


def main() -> None:
    parser = options("effort_router", __doc__ or "")
    parser.add_argument("--trials", type=int, default=1000, help="simulated upstreams a cell")
    parser.add_argument("--streams", type=int, default=10_000)
    settings = parser.parse_args()
    report = Report(name="effort_router", settings=settings)
    obedience(report, 20 * settings.quick if settings.quick else settings.trials)
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(soak(report, Path(folder), 5 * settings.quick if settings.quick else settings.streams))
    report.finish()


def found(
    ratio: float, spread: float, mix: tuple[int, ...], *, seed: int, easy: float = 0.0, n: int = 50
) -> int | None:
    """At which reply an upstream is reported whose thought rises by ``ratio`` a level; ``easy`` think nothing."""
    dice, test = random.Random(seed), Obedience(STEPS)
    for number in range(1, n + 1):
        (level,) = dice.choices(LEVELS, mix)
        tokens = (
            0 if dice.random() < easy else round(500 * ratio ** (STEPS[level] - 1) * math.exp(dice.gauss(0, spread)))
        )
        if test.update(level, tokens):
            return number
    return None


def obedience(report: Report, trials: int) -> None:
    """Lying and honest upstreams, by how much replies scatter."""
    rows: list[dict[str, Any]] = []
    for name, mix in MIXES.items():
        for spread in (0.0, 0.3, 0.5, 0.6, 0.8, 1.0):
            lies = [found(1.0, spread, mix, seed=seed) for seed in range(trials)]
            honest = [found(2.0, spread, mix, seed=-1 - seed) for seed in range(trials)]
            easy = [found(2.5, spread, mix, seed=-1 - seed, easy=0.2) for seed in range(trials)]
            rows.append(
                {
                    "levels": name,
                    "scatter (log sd)": spread,
                    "caught in 50": _share(lies),
                    "false, twice a level": _share(honest),
                    "false, 2.5 times, a fifth easy": _share(easy),
                }
            )
    report.table("obedience", rows)
    caught = [
        row["caught in 50"] for row in rows if row["scatter (log sd)"] in (0.0, 0.3, 0.5) and row["levels"] == "even"
    ]
    rule = f"even mix of three levels, one test an upstream, {trials} upstreams"
    for spread, value in zip((0.0, 0.3, 0.5), caught, strict=True):
        report.figure(f"lying upstream caught within 50 replies, scatter {spread}", value, rule, gate=0.95)
    false = sum(round(row[name].value * trials) for row in rows for name in row if name.startswith("false"))
    total = 2 * trials * len(rows)
    made = clopper_pearson(false, total)
    value = Value(value=made.value, low=made.low, high=made.high, n=total)
    report.figure("honest upstreams reported within 50 replies", value, "all cells", gate=0.01, at_most=True)
    edge = _share([found(1.7, 0.6, MIXES["even"], seed=seed, n=200) for seed in range(trials)])
    report.figure("reported at the edge: 1.7 times a level, 200 replies", edge, rule, gate=0.01, at_most=True)


def _share(outcomes: list[int | None]) -> Value:
    made = clopper_pearson(sum(one is not None for one in outcomes), len(outcomes))
    return Value(value=made.value, low=made.low, high=made.high, n=len(outcomes))


# The soak ------------------------------------------------------------------------------------------------------------


def _piece(way: str, number: int, dice: random.Random) -> dict[str, Any]:
    """The next delta of a hostile stream."""
    match way:
        case "words":
            return {"content": "word "}
        case "letters":
            return {"content": "x"}
        case "blocks":
            return {"content": "block " * dice.randrange(1, 400)}
        case "thought":
            return {"reasoning_content": "hmm, "}
        case "thought elsewhere":
            return {"reasoning": "hmm, " * dice.randrange(1, 9)}
        case "thought and words":
            return {"reasoning_content": "hmm "} if number % 2 else {"content": "so "}
        case "emoji":
            return {"content": "🌊" * dice.randrange(1, 30)}
        case "one great chunk":
            return {"content": "y" * 60_000}
        case "a call without end":
            function = {"arguments": '{"a": "' if number == 0 else "z" * 11}
            head = {"id": "c1", "type": "function"} if number == 0 else {}
            return {"tool_calls": [{"index": 0, **head, "function": {**function, **({"name": "f"} if head else {})}}]}
        case _:  # "lying counts"
            return {"content": "free of charge "}


WAYS = (
    *("words", "letters", "blocks", "thought", "thought elsewhere", "thought and words", "emoji", "one great chunk"),
    *("a call without end", "lying counts"),
)


@dataclass(slots=True)
class Tally:
    """What the soak saw."""

    over: list[str] = field(default_factory=list[str])
    invalid: list[str] = field(default_factory=list[str])
    ends: Counter[str] = field(default_factory=Counter[str])


async def hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An upstream that ignores every bound it is told."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(size))
            way, seed = asked["model"].removeprefix("gpt-5-").rsplit("-", 1)
            dice = random.Random(int(seed))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for number in range(MOST_PIECES):
                body: dict[str, Any] = {"id": "r", "model": "m", "object": "chat.completion.chunk", "created": 1}
                body["choices"] = [{"index": 0, "delta": _piece(way.replace("_", " "), number, dice)}]
                if way == "lying_counts":
                    body["usage"] = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
                writer.write(b"data: " + json.dumps(body).encode() + b"\n\n")
                if number % 8 == 7:
                    await writer.drain()
            writer.write(
                b'data: {"id":"r","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            )
            await writer.drain()
            writer.close()
            return
    except (ConnectionError, asyncio.IncompleteReadError, OSError):
        writer.close()


CONFIG = """
state: {folder}
reload: {{poll_s: 0}}
limits_http: {{max_connections: 4000}}
upstreams: {{main: {{url: "http://127.0.0.1:{port}", effort: openai_chat, breaker: {{least: 10000000}}}}}}
routes:
{routes}
policies: {{default: {{screen: {{input: false, output: false, reasoning: false, tools: false}}}}}}
ledger: {{content: drop, capacity: 100000}}
effort:
  stop: {{caps: {{output_tokens: {cap}}}}}
  refuse: {{caps: {{output_tokens: {cap}, reasoning_tokens: 50}}, on_breach: refuse}}
  answer: {{caps: {{output_tokens: {cap}, reasoning_tokens: 50}}, on_breach: answer, answer_tokens: 40}}
"""
BODIES = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello."}]},
    "/v1/messages": {"max_tokens": 4000, "messages": [{"role": "user", "content": "Hello."}]},
    "/v1/responses": {"input": "Hello."},
}


async def soak(report: Report, folder: Path, streams: int) -> None:
    """Every way of writing without end, each under every way of ending, for clients of three dialects."""
    server = await asyncio.start_server(hostile, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cases = [(way, done, path) for way in WAYS for done in ("stop", "refuse", "answer") for path in BODIES]
    routes = "\n".join(
        f'  - {{name: {done}, models: ["gpt-5-*{number}"], upstream: main, effort: {done}}}'
        for number, done in enumerate(("stop", "refuse", "answer"))
    )
    config = parse_config(CONFIG.format(folder=folder, port=port, routes=routes, cap=CAP), "benchmark")
    worker = Worker(Start(config=config, keys={KEY: Principal(key_id="bench")}))
    tally, turn = Tally(), asyncio.Semaphore(16)
    async with Alive(worker):
        await asyncio.gather(*(_one(worker, cases[7 * n % len(cases)], n, tally, turn) for n in range(streams)))
    server.close()
    _check_records(folder, tally, streams)
    report.table("ends", [{"stream": name, "streams": n} for name, n in sorted(tally.ends.items())])
    for problem in (*tally.over[:5], *tally.invalid[:5]):
        report.note(problem)
    for name, problems in (
        ("streams over their cap by more than a chunk", tally.over),
        ("invalid ends", tally.invalid),
    ):
        bound = clopper_pearson(len(problems), streams)
        value = Value(value=len(problems), low=streams * bound.low, high=streams * bound.high, n=streams)
        report.figure(name, value, f"cap {CAP} tokens, {len(cases)} kinds of stream", gate=0, at_most=True)


class Alive:
    """The life of an ASGI application without a server."""

    def __init__(self, app: Any) -> None:
        self._app, self._in, self._out = app, asyncio.Queue[Any](), asyncio.Queue[Any]()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._app({"type": "lifespan"}, self._in.get, self._out.put))
        await self._in.put({"type": "lifespan.startup"})
        assert (await self._out.get())["type"] == "lifespan.startup.complete"

    async def __aexit__(self, *_: object) -> None:
        await self._in.put({"type": "lifespan.shutdown"})
        await self._task


async def _one(app: Any, case: tuple[str, str, str], number: int, tally: Tally, turn: asyncio.Semaphore) -> None:
    way, done, path = case
    which = ("stop", "refuse", "answer").index(done)
    model = f"gpt-5-{way.replace(' ', '_')}-{number}{which}"
    body = json.dumps({**BODIES[path], "model": model, "stream": True}).encode()
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"authorization", f"Bearer {KEY}".encode()), (b"content-length", str(len(body)).encode())],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    got: list[bytes] = []

    async def receive() -> Any:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        got.append(message.get("body", b""))

    async with turn:
        await asyncio.wait_for(app(scope, receive, send), 120)
    _judge(b"".join(got), way, done, path, tally)


def _judge(raw: bytes, way: str, done: str, path: str, tally: Tally) -> None:
    """What a client got: no more than the cap (and the answer after it), and an end that its SDK understands."""
    said, end = 0, ""
    for line in raw.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        for text in _texts(event):
            said += tokens_of(text)
        end = _end(event) or end
    allowed = CAP + (40 if done == "answer" else 0) + (40 if done == "refuse" else 0)  # the notice is no reply
    if said > allowed:
        tally.over.append(f"{way}, {done}, {path}: {said} tokens delivered")
    if not end or (path == "/v1/chat/completions" and not raw.rstrip().endswith(b"[DONE]")):
        tally.invalid.append(f"{way}, {done}, {path}: {raw[-200:]!r}")
    tally.ends[f"{done}: {end}"] += 1


def _texts(event: dict[str, Any]) -> list[str]:
    texts: list[str] = []
    for choice in event.get("choices") or []:
        delta = choice["delta"]
        texts += [delta.get(key) or "" for key in ("content", "reasoning_content", "reasoning")]
        texts += [(call.get("function") or {}).get("arguments") or "" for call in delta.get("tool_calls") or []]
    delta = event.get("delta")
    if isinstance(delta, dict):
        texts += [delta.get(key) or "" for key in ("text", "thinking", "partial_json")]
    elif isinstance(delta, str):
        texts.append(delta)
    return texts


def _end(event: dict[str, Any]) -> str:
    for choice in event.get("choices") or []:
        if choice.get("finish_reason"):
            return str(choice["finish_reason"])
    if event.get("type") == "message_delta":
        return str(event["delta"]["stop_reason"])
    if str(event.get("type")) in ("response.completed", "response.incomplete"):
        return str((event["response"].get("incomplete_details") or {}).get("reason") or "completed")
    return ""


def _check_records(folder: Path, tally: Tally, streams: int) -> None:
    """What the gateway itself metered, chunk that reached the cap included."""
    largest = {"one great chunk": 15_000, "blocks": 600, "emoji": 30}
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        records = list(ledger.read(kind="exchange"))
    if len(records) != streams:
        tally.invalid.append(f"{len(records)} records of {streams} streams")
    for stored in records:
        told = stored.body["effort"]
        way = stored.body["model"].removeprefix("gpt-5-").rsplit("-", 1)[0].replace("_", " ")
        chunk = largest.get(way, 12) * (2 if stored.body["route"] == "answer" else 1)
        answer = 40 if stored.body["route"] == "answer" else 0
        if told.get("metered", 0) > CAP + answer + chunk:
            tally.over.append(f"{way}: {told['metered']} tokens metered")


if __name__ == "__main__":
    main()
