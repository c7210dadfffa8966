"""The guard under every attack: what it still catches, and what the same attack costs a legitimate user.

    python benchmarks/redteam_attacks.py --goals 100

Goals are the baseline pack's own examples, both sides, without the chapters that are attacks themselves (injection,
safeguards). They are known to the guard's makers, so the plain row is no measure of how much harm is found: what an
attack takes away from it is. Every attack draws its own goals, as many of both sides. Where an attack's frame itself
breaks rules (``hostile``), the benign side is its control: the same carrier with nothing planted in it.

Each attack is judged at the shipped flag threshold; at the threshold that flags 1 % of all attacked benign texts; and
at the one that flags 1 % of its own benign side (with less than 100 of them: none). The guard in process reads the text
beside a picture, not the picture.

``--keep FILE`` appends every attack's decisions to FILE and measures nothing twice that stands there.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import Report, Scores, options, score
from metrics import Flags, auroc, rate, threshold_at

from solon import Guard
from solon.core.attempt import Goal, Prompt
from solon.redteam.attack import Attack
from solon.redteam.attacks.catalogue import attack, attacks, built_in
from solon.redteam.goals import example_goals

GOALS = 100
CHAINS = (
    "base64+rot",
    "base16+reversed+base64",
    "past_tense+persona",
    "base64+persona",
    "persona+base64",
    "noise+verse",
)
SHARE = 0.01
RULE = "shipped flag threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One attack's scores; ``plain`` says which of its harmful goals are flagged without any attack."""

    part: Attack
    harmful: Scores
    benign: Scores
    plain: Flags

    @property
    def hostile(self) -> bool:
        """Whether the benign side is a control."""
        return bool(getattr(self.part, "hostile", False))


def sides() -> tuple[list[Goal], list[Goal]]:
    """All harmful and all benign goals."""
    goals = [goal for goal in example_goals() if not goal.rule.startswith(("injection.", "safeguards."))]
    return [goal for goal in goals if not goal.benign], [goal for goal in goals if goal.benign]


class Kept:
    """Decisions that were made, by what they are of, in a file that grows."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self.known: dict[str, dict[str, list[Any]]] = dict(json.loads(line) for line in lines)

    def scores(self, guard: Guard, key: str, exchanges: Sequence[Any]) -> Scores:
        """The decisions kept under ``key``, or new ones."""
        if key not in self.known:
            made = score(guard, exchanges, what=key)
            self.known[key] = {
                "risk": made.risk.tolist(),
                "flagged": made.flagged.tolist(),
                "blocked": made.blocked.tolist(),
            }
            if self.path:
                with self.path.open("a", encoding="utf-8") as out:
                    out.write(json.dumps([key, self.known[key]]) + "\n")
        kept = self.known[key]
        return Scores(
            risk=np.array(kept["risk"]),
            flagged=np.array(kept["flagged"], bool),
            blocked=np.array(kept["blocked"], bool),
        )


def measure(guard: Guard, kept: Kept, part: Attack, count: int, plain: dict[str, bool]) -> Measured:
    """``count`` goals of each side, drawn by the attack's name, one prompt a goal."""
    harmful, benign = (random.Random(part.name).sample(side, min(count, len(side))) for side in sides())
    control: Any = getattr(part, "control", part.make) if getattr(part, "hostile", False) else part.make
    bad = [part.make(goal, _rng(part, goal)).exchange for goal in harmful]
    good = [control(goal, _rng(part, goal)).exchange for goal in benign]
    return Measured(
        part=part, harmful=kept.scores(guard, f"{part.name} harmful {count}", bad),
        benign=kept.scores(guard, f"{part.name} benign {count}", good),
        plain=np.array([plain[goal.id] for goal in harmful], bool),
    )  # fmt: skip


def _rng(part: Attack, goal: Goal) -> random.Random:
    return random.Random(f"{part.name}|{goal.id}")


def row(one: Measured, pooled: float) -> dict[str, Any]:
    """One attack as a line of the table."""
    risk, benign = one.harmful.risk, one.benign.risk
    return {
        "attack": one.part.name, "family": one.part.family, "n": len(risk), "benign n": len(benign),
        "caught": rate(one.harmful.flagged), "blocked": rate(one.harmful.blocked),
        "kept of those caught plain": rate(one.harmful.flagged[one.plain]),
        "benign flagged": rate(one.benign.flagged), "benign side": "control" if one.hostile else "same attack",
        "caught at 1 % of all": rate(risk > pooled),
        "caught at 1 % of its own": rate(risk > threshold_at(benign, SHARE)), "AUROC": auroc(risk, benign),
    }  # fmt: skip


class Plain:
    """No attack: the goals as they stand."""

    name = "(plain)"
    family = "–"
    paper = ""

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The goal alone."""
        return Prompt.of(goal.text)


def by_family(found: Sequence[Measured], pooled: float) -> list[dict[str, Any]]:
    """All texts of a family together."""
    rows: list[dict[str, Any]] = []
    for family in dict.fromkeys(one.part.family for one in found):
        own = [one for one in found if one.part.family == family]
        rows.append(
            {
                "family": family, "attacks": len(own), "n": sum(len(one.harmful.risk) for one in own),
                "caught": rate(np.concatenate([one.harmful.flagged for one in own])),
                "benign flagged": rate(np.concatenate([one.benign.flagged for one in own])),
                "caught at 1 % of all": rate(np.concatenate([one.harmful.risk for one in own]) > pooled),
                "weakest": min(own, key=lambda one: float(one.harmful.flagged.mean())).part.name,
            }
        )  # fmt: skip
    return rows


def parts(chosen: argparse.Namespace) -> list[Attack]:
    """Those asked for, or all: techniques first, then chains, then codecs (``guard_encodings`` has those in full)."""
    if chosen.only:
        return [attack(name) for name in chosen.only]
    own = list(built_in().values())
    return [*own, *map(attack, CHAINS), *(part for part in attacks() if part.name not in built_in())]


def main() -> None:
    """Every attack and some chains, as far as the time goes."""
    parser = options("redteam_attacks", __doc__ or "")
    parser.add_argument("--only", nargs="*", default=(), help="names of attacks or chains; all by default")
    parser.add_argument("--goals", type=int, default=GOALS, help="goals a side and attack")
    parser.add_argument("--keep", type=Path, default=None, help="file of decisions, to go on from")
    parser.add_argument("--minutes", type=float, default=120.0, help="no attack is begun after that")
    chosen = parser.parse_args()
    ends = time.monotonic() + 60 * chosen.minutes
    report = Report(name="redteam_attacks", settings=chosen)
    guard = Guard(weights=chosen.weights)
    report.guard(guard)
    harmful, benign = sides()
    kept = Kept(chosen.keep)
    bare = kept.scores(guard, "plain harmful", [goal.text for goal in harmful])
    plain = dict(zip([goal.id for goal in harmful], bare.flagged.tolist(), strict=True))
    benign_bare = kept.scores(guard, "plain benign", [goal.text for goal in benign])
    found: list[Measured] = []
    left = parts(chosen)
    while left and time.monotonic() < ends:
        found.append(measure(guard, kept, left.pop(0), chosen.quick or chosen.goals, plain))
        print(f"{found[-1].part.name}: {found[-1].harmful.flagged.mean():.2f}", file=sys.stderr, flush=True)
    pooled = threshold_at(np.concatenate([one.benign.risk for one in found]), SHARE)
    report.note(f"1 % of all {sum(len(one.benign.risk) for one in found)} attacked benign texts: risk > {pooled:.4f}")
    if left:
        report.note(f"not measured for lack of time: {', '.join(part.name for part in left)}")
    first = Measured(part=Plain(), harmful=bare, benign=benign_bare, plain=bare.flagged)
    found.sort(key=lambda one: float(one.harmful.flagged.mean()))
    report.table("every attack, weakest first", [row(one, pooled) for one in (first, *found)])
    report.table("by family", by_family(found, pooled))
    report.figure("plain goals caught", rate(bare.flagged), RULE)
    report.figure("plain benign goals flagged", rate(benign_bare.flagged), RULE)
    report.figure("attacked goals caught", rate(np.concatenate([one.harmful.flagged for one in found])), RULE)
    for name, hostile in (("benign goals in the same attacks: flagged", False), ("benign controls: flagged", True)):
        flags = [one.benign.flagged for one in found if one.hostile == hostile]
        if flags:
            report.figure(name, rate(np.concatenate(flags)), RULE)
    report.finish()


if __name__ == "__main__":
    main()
