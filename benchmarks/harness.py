"""What every benchmark shares: options, the guard under test, tables with n and interval, and a JSON record."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from metrics import Flags, Floats, Value

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"


def options(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(
        prog=f"benchmarks/{name}.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of labelled rows")
    parser.add_argument("--weights", type=Path, default=None, help="folder of weights; the shipped ones by default")
    parser.add_argument("--quick", type=int, default=0, metavar="N", help="N rows a group; writes to runs/ instead")
    parser.add_argument("--out", type=Path, default=None, help="where the JSON goes")
    parser.set_defaults(name=name)
    return parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Risks of texts, and which of them the shipped thresholds flag (refine or block) and block."""

    risk: Floats
    flagged: Flags
    blocked: Flags

    def of(self, chosen: Flags) -> "Scores":
        """The rows of a mask."""
        return Scores(risk=self.risk[chosen], flagged=self.flagged[chosen], blocked=self.blocked[chosen])


def score(guard: Any, exchanges: Sequence[Any], *, what: str = "") -> Scores:
    """Judge everything through ``Guard.check_many``; progress goes to stderr where that is a terminal."""
    decisions: list[tuple[float, int]] = []
    for number, decision in enumerate(guard.check_many(exchanges), 1):
        decisions.append((decision.risk, int(decision.action)))
        if sys.stderr.isatty() and number % 50 == 0:
            print(f"\r{what} {number}/{len(exchanges)} ", end="", file=sys.stderr, flush=True)
    actions = np.array([action for _, action in decisions], int)
    return Scores(risk=np.array([risk for risk, _ in decisions], float), flagged=actions > 0, blocked=actions > 1)


@dataclass(slots=True, kw_only=True)
class Report:
    """Collects figures and tables, prints them as they come, and writes them at the end."""

    name: str
    settings: argparse.Namespace
    figures: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    notes: list[str] = field(default_factory=list[str])
    about: dict[str, Any] = field(default_factory=dict[str, Any])

    def guard(self, guard: Any) -> None:
        """Record which guard is measured, with its shipped thresholds."""
        self.about |= {
            "policy": guard.policy.name,
            "policy_digest": guard.policy.digest[:16],
            "weights": guard.weights.manifest.get("name", ""),
            "weights_digest": guard.weights.digest[:16],
            "thresholds": {"flag": guard.thresholds.refine, "block": guard.thresholds.block},
            "budgets": {"flag": guard.policy.benign_budget.flag, "block": guard.policy.benign_budget.block},
            "certified": {
                "flag": guard.calibration.certified(guard.thresholds.refine),
                "block": guard.calibration.certified(guard.thresholds.block),
            },
        }
        self.note(
            f"policy {guard.policy.name}, weights {guard.weights.digest[:16]}; shipped thresholds: flag > "
            f"{guard.thresholds.refine:.4f}, block > {guard.thresholds.block:.4f}"
        )

    def note(self, text: str) -> None:
        """A line of prose that belongs to the figures."""
        self.notes.append(text)
        print(f"· {text}", flush=True)

    def figure(
        self, name: str, value: Value, rule: str, *, gate: float | None = None, stretch: float | None = None,
        at_most: bool = False,
    ) -> None:  # fmt: skip
        """A figure under ``rule`` (of threshold or of measuring); ``at_most``: the gate is an upper limit."""
        short = None
        if gate is not None and not np.isnan(value.value):
            short = max(0.0, value.value - gate if at_most else gate - value.value)
        self.figures.append(
            {
                "figure": name, "value": value.value, "low": value.low, "high": value.high, "n": value.n, "rule": rule,
                "gate": gate, "stretch": stretch, "at_most": at_most, "short_by": short,
            }
        )  # fmt: skip

    def table(self, title: str, rows: Sequence[dict[str, Any]]) -> None:
        """Print rows as a Markdown table and keep them."""
        self.tables[title] = [{key: _plain(cell) for key, cell in row.items()} for row in rows]
        if rows:
            print(f"\n### {title}\n{markdown(rows)}\n", flush=True)

    def finish(self) -> Path:
        """Print the figures against their gates and write the JSON; returns its path."""
        rows = [
            {
                "figure": f["figure"], "value [95 %]": str(Value(**{k: f[k] for k in ("value", "low", "high", "n")})),
                "n": f["n"], "rule": f["rule"], "gate": _limit(f, "gate"), "stretch": _limit(f, "stretch"),
                "short by": _against(f),
            }
            for f in self.figures
        ]  # fmt: skip
        command = f"python benchmarks/{self.name}.py " + " ".join(sys.argv[1:])
        print(f"\n### {self.name}\n{markdown(rows)}\n\nCommand: `{command.strip()}`", flush=True)
        missed = [f for f in self.figures if f["short_by"]]
        if missed:
            print("Below the gate: " + "; ".join(f"{f['figure']} by {f['short_by']:.4g}" for f in missed))
        quick = bool(self.settings.quick)
        path = self.settings.out or (
            ROOT / "runs" / f"{self.name}.quick.json" if quick else RESULTS / f"{self.name}.json"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "name": self.name, "command": command.strip(), "quick": quick, "machine": machine(), **self.about,
            "figures": self.figures, "tables": self.tables, "notes": self.notes,
        }  # fmt: skip
        path.write_text(json.dumps(_finite(record), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"Written: {path}")
        return path


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table, columns padded so that it also reads as plain text."""
    if not rows:
        return "(no rows)"
    heads = list(dict.fromkeys(key for row in rows for key in row))
    cells = [heads, *([_show(row.get(head, "")) for head in heads] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def machine() -> dict[str, Any]:
    """The processor by name, its cores, the load, and the versions that matter for speed."""
    import onnxruntime

    return {
        "cpu": cpu_name(), "cores": os.cpu_count(), "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(), "onnxruntime": onnxruntime.__version__, "numpy": np.__version__,
    }  # fmt: skip


def cpu_name() -> str:
    """The processor as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _against(figure: dict[str, Any]) -> str:
    """How a figure stands to its gate; an interval that crosses the gate is said to."""
    if figure["short_by"] is None:
        return ""
    if figure["short_by"]:
        return f"{figure['short_by']:.4g}"
    bound = figure["high"] if figure["at_most"] else figure["low"]
    crossed = bound > figure["gate"] if figure["at_most"] else bound < figure["gate"]
    return "met, interval crosses" if crossed else "met"


def _limit(figure: dict[str, Any], key: str) -> str:
    limit = figure[key]
    return "" if limit is None else f"{'≤' if figure['at_most'] else '≥'} {limit:g}"


def _show(cell: Any) -> str:
    if isinstance(cell, float):
        return "–" if np.isnan(cell) else f"{cell:.4g}"
    return str(cell).replace("|", "\\|").replace("\n", " ")


def _plain(cell: Any) -> Any:
    if isinstance(cell, Value):
        return {"value": cell.value, "low": cell.low, "high": cell.high, "n": cell.n}
    return cell.item() if isinstance(cell, np.generic) else cell


def _finite(node: Any) -> Any:
    """JSON has no NaN: those become null."""
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_finite(value) for value in node]
    if isinstance(node, float | np.floating):
        return float(node) if np.isfinite(node) else None
    if isinstance(node, np.integer | np.bool_):
        return node.item()
    return node
