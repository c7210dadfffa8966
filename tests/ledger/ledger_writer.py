"""A process that writes as fast as it can and says how far it was acknowledged, until it is killed."""

import sys
from pathlib import Path

from solon.ledger import LedgerFull, Record, open_ledger


def main(dsn: str, spill: str) -> None:
    ledger = open_ledger(dsn, flush_ms=1, capacity=500, spill=Path(spill))
    said = 0
    print(ledger.writer, flush=True)
    for n in range(1, 1_000_000):
        record = Record(kind="exchange", body={"n": n, "pad": "x" * (n % 700)}, content={"messages": f"words {n}"})
        while True:
            try:
                ledger.put(record)
                break
            except LedgerFull:
                ledger.flush(1)
        acknowledged = ledger.health().acknowledged
        if acknowledged > said:
            print(acknowledged, flush=True)
            said = acknowledged


if __name__ == "__main__":
    main(*sys.argv[1:])
