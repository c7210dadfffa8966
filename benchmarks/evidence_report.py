"""How long a ledger of many decisions takes to become a report, and the report to be checked.

Run: `python benchmarks/evidence_report.py [decisions]`. Offline, on SQLite in a temporary folder; prints seconds.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from solon.evidence.entry import Basis, Figure
from solon.evidence.records import Configuration, EvalRun, RiskThreshold
from solon.evidence.register import Register
from solon.evidence.report import AUDIENCES, build, differences, twin, write
from solon.ledger import Record, open_ledger

RULES = (
    {"rule": "cbrn.chemical", "risk": 0.01, "asked": None},
    {"rule": "privacy.doxing", "risk": 0.02, "asked": None},
)
BASIS = Basis(policy="ab" * 32, weights="cd" * 32)


def fill(folder: Path, decisions: int) -> str:
    """A ledger with exchanges of the size that the gateway writes, and a little evidence."""
    dsn = f"sqlite:///{folder}/ledger.db"
    with open_ledger(dsn, capacity=decisions + 1000) as ledger:
        for n in range(decisions):
            action = ("permit", "permit", "permit", "refine", "block")[n % 5]
            body = {"action": action, "key": f"k{n % 50}", "model": "m", "request_id": f"r{n}", "rules": RULES}
            ledger.put(Record(kind="exchange", body=body))
        ledger.flush(timeout_s=300)
        register = Register(ledger)
        register.put(Configuration(actor="bench", system="assistant", basis=BASIS))
        register.put(RiskThreshold(actor="bench", name="few", metric="asr", side="at_most", bound=0.02, approver="a",
                                   rationale="r"))  # fmt: skip
        one = Figure(metric="asr", k=2, n=400, low=0.0006, high=0.018, method="exact")
        figures = tuple(one.model_copy(update={"stratum": str(n) if n else ""})
                        for n in range(30))  # fmt: skip
        for n in range(100):
            register.put(EvalRun(actor="bench", name=f"run {n}", started_at=datetime.now(UTC) + timedelta(minutes=1),
                                 log="ef" * 32, figures=figures, basis=BASIS))  # fmt: skip
    return dsn


def main() -> None:
    """Fill, build for each audience, check."""
    decisions = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        dsn = fill(folder, decisions)
        print(f"filled with {decisions} decisions in {time.perf_counter() - began:.1f} s")
        with open_ledger(dsn) as ledger:
            for audience in AUDIENCES:
                began, used = time.perf_counter(), time.process_time()
                made = build(ledger, audience)
                page, _ = write(made, folder / f"{audience}.html")
                spent = f"{time.perf_counter() - began:.1f} s ({time.process_time() - used:.1f} s of processor)"
                print(f"{audience}: {spent}, {len(made.numbers)} numbers, {page.stat().st_size / 1e6:.2f} MB")
            began = time.perf_counter()
            found = differences(ledger, twin(made))
            print(
                f"checked {len(made.numbers)} numbers in {time.perf_counter() - began:.1f} s, {len(found)} differences"
            )


if __name__ == "__main__":
    main()
