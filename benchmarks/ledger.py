"""What the ledger costs: ``put`` on the hot path, sustained records a second, how long until acknowledged.

    python benchmarks/ledger.py [--records 20000] [--postgresql DSN] [--out FILE]

SQLite is always measured; PostgreSQL at ``--postgresql`` (its tables are made there), else on a server that this
program starts in a temporary folder where one is installed, with fsync on, as it ships. Bodies are as large as those
that the gateway writes (4 KB), contents about 1 KB. ``put at rest`` is paced at 500/s, as a busy worker would call
it; ``sustained`` puts as fast as the ledger takes, back-pressure included.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from postgres_server import PostgresServer, server_folder
from solon.ledger import Ledger, LedgerFull, Record, open_ledger

PACE = 500


def exchange(n: int) -> Record:
    """A record as the gateway writes it."""
    rules = [
        {"rule": f"category.rule_{k}", "risk": 0.01234567 * k, "status": "complete", "asked": k == 7} for k in range(8)
    ]
    detailed = [{**rule, "title": "A rule's title", "spans": [], "source": "stage1", "rationale": ""} for rule in rules]
    decision = {"action": "permit", "risk": 0.08, "because": "", "rules": detailed, "views": 3, "elapsed_ms": 11.25}
    body = {
        "request_id": f"req_{n:032x}", "key": "key_0123456789ab", "tenant": "default", "route": "all",
        "policy": "baseline", "conversation": f"c{n % 97}", "dialect": "openai_chat", "upstream": "main",
        "model": "some-model", "stream": True,
        "action": "permit", "cause": "", "shadow": False, "variant": "main", "rules": rules, "notice": "",
        "input": decision, "output": decision, "policy_digest": "0" * 64, "weights_digest": "1" * 64,
        "config_digest": "2" * 64, "usage": {"input": 210, "output": 340, "reasoning": None}, "cost_usd": 0.0012,
        "effort": None, "status": 200, "error": None, "delivered_chars": 1300, "cut": False, "attempts": 1,
        "ms": {"total": 812.5, "screen_in": 11.3, "first_byte": 220.1, "upstream": 790.0},
    }  # fmt: skip
    return Record(kind="exchange", body=body, content={"messages": "words " * 100, "response": "answer " * 70})


def at_rest(ledger: Ledger, records: list[Record]) -> list[float]:
    """Seconds of each ``put``, paced."""
    seconds: list[float] = []
    due = time.perf_counter()
    for record in records:
        began = time.perf_counter()
        ledger.put(record)
        seconds.append(time.perf_counter() - began)
        due += 1 / PACE
        time.sleep(max(0.0, due - time.perf_counter()))
    return seconds


def sustained(ledger: Ledger, records: list[Record]) -> float:
    """Records a second until all are acknowledged."""
    began = time.perf_counter()
    for record in records:
        while True:
            try:
                ledger.put(record)
                break
            except LedgerFull:
                threading.Event().wait(0.002)
    if not ledger.flush(300):
        raise SystemExit("not everything was acknowledged")
    return len(records) / (time.perf_counter() - began)


def durable(ledger: Ledger, records: list[Record]) -> list[float]:
    """Seconds until a single record is acknowledged, one after the other."""
    seconds: list[float] = []
    for record in records:
        began = time.perf_counter()
        ledger.put(record, durable=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def figures(name: str, seconds: list[float], scale: float, unit: str) -> dict[str, Any]:
    ordered = sorted(scale * value for value in seconds)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    return {"figure": name, "unit": unit, "p50": statistics.median(ordered), "p99": p99, "n": len(ordered)}


def measure(dsn: str, spill: Path, count: int, content: str) -> list[dict[str, Any]]:
    records = [exchange(n) for n in range(count)]
    with open_ledger(dsn, content=content, spill=spill, key_file=KEY) as ledger:
        rows = [figures("put at rest", at_rest(ledger, records[: min(count, 3000)]), 1e6, "µs")]
        rows.append(figures("until acknowledged", durable(ledger, records[:200]), 1e3, "ms"))
        rows.append({"figure": "sustained", "unit": "records/s", "p50": sustained(ledger, records), "n": count})
        if ledger.health().spilled or ledger.gaps():
            raise SystemExit(f"the ledger is not sound: {ledger.health()}")
    return rows


@contextmanager
def postgresql(given: str | None) -> Iterator[str | None]:
    """The address of a database to measure; ``None`` where there is no server."""
    programs = server_folder()
    if given or programs is None:
        yield given
        return
    server = PostgresServer(programs, fsync=True)
    try:
        yield server.database()
    finally:
        server.close()


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


KEY = Path(tempfile.mkdtemp(prefix="solon-bench-")) / "keys"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--postgresql", metavar="DSN")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ledger.json")
    parser.add_argument("--quick", type=int, default=0, help="this many records, written to runs/")
    chosen, _ = parser.parse_known_args()
    count, out = chosen.quick or chosen.records, chosen.out
    if chosen.quick:
        out = Path("runs/ledger.json")
    KEY.write_text("00" * 32)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, postgresql(chosen.postgresql) as server:
        folder = Path(name)
        for database, dsn in (("sqlite", f"sqlite:///{folder}/ledger.db"), ("postgresql", server)):
            for content in ("keep", "encrypt") if dsn else ():
                for row in measure(dsn, folder / "spill", count, content):
                    rows.append({"database": database, "content": content, **row})
                    p99 = f"  p99 {row['p99']:.1f}" if "p99" in row else ""
                    figure = f"{row['figure']:20} {row['p50']:10.1f} {row['unit']}"
                    print(f"{database:10} {content:8} {figure}{p99}  n={row['n']}")
    out.parent.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"machine": platform.platform(), "python": platform.python_version(), "commit": commit()}
    about["load_average"] = os.getloadavg()[0]
    out.write_text(json.dumps({"about": about, "figures": rows}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {out}")


if __name__ == "__main__":
    main()
