"""What the cascade loses by leaving the encoder out, text by text against the same guard without it.

python benchmarks/cascade.py --data ../shared/data
"""

from typing import Any

import numpy as np
from harness import Report, options, score
from metrics import rate
from traffic import development, sample

from solon import Guard

COUNTED = 500
"""Texts of a group for which the share without the encoder is counted."""
GROUPS = ("clear", "mild", "clear_zh", "attacks", "jailbreak", "injection", "benign")


def measure(guard: Guard, whole: Guard, groups: dict[str, list[str]], report: Report) -> None:
    """Both guards at the shipped thresholds over the same texts."""
    rows: list[dict[str, Any]] = []
    for group, texts in groups.items():
        if not texts:
            continue
        short, full = score(guard, texts, what=f"{group}, cascade"), score(whole, texts, what=f"{group}, whole")
        skipped = np.array([all(part.n_encoded == 0 for part in guard.score(text)) for text in texts[:COUNTED]], bool)
        rows.append(
            {
                "group": group, "n": len(texts), "encoder skipped": rate(skipped),
                "flagged, cascade": rate(short.flagged), "flagged, whole": rate(full.flagged),
                "lost": int((full.flagged & ~short.flagged).sum()),
                "gained": int((short.flagged & ~full.flagged).sum()),
                "blocked, cascade": rate(short.blocked), "blocked, whole": rate(full.blocked),
                "lost block": int((full.blocked & ~short.blocked).sum()),
            }
        )  # fmt: skip
        kind = "benign flagged" if group == "benign" else "flagged"
        report.figure(f"{group}: {kind}, cascade", rate(short.flagged), "shipped flag threshold")
        report.figure(f"{group}: {kind}, no cascade", rate(full.flagged), "shipped flag threshold")
        if full.flagged.any():
            lost = ~short.flagged[full.flagged]
            report.figure(f"{group}: lost of those flagged without it", rate(lost), "shipped flag threshold")
    report.table("cascade against the whole, shipped thresholds", rows)


def main() -> None:
    """Read, judge twice, compare."""
    chosen = options("cascade", __doc__ or "").parse_args()
    report = Report(name="cascade", settings=chosen)
    guard, whole = Guard(weights=chosen.weights), Guard(weights=chosen.weights, cascade=False)
    report.guard(guard)
    items = sample(development(chosen.data), chosen.quick)
    groups = {group: [item.text for item in items if item.group == group] for group in GROUPS}
    measure(guard, whole, groups, report)
    report.finish()


if __name__ == "__main__":
    main()
