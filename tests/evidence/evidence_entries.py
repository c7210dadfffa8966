"""Entries for tests: each sound by itself, changed by name."""

from datetime import UTC, datetime, timedelta

from solon.evidence.entry import Basis, Figure
from solon.evidence.records import Campaign, Claim, Configuration, EvalPlan, EvalRun, HumanStatement, RiskThreshold

NOW = datetime.now(UTC) + timedelta(hours=1)
SOON = datetime.now(UTC) + timedelta(minutes=30)  # after anything that a test writes first
POLICY, WEIGHTS, LOG = "ab" * 32, "cd" * 32, "ef" * 32
BASIS = Basis(policy=POLICY, weights=WEIGHTS)


def figure(**changes):
    sound = {
        "metric": "attack_success",
        "k": 2,
        "n": 400,
        "low": 0.0006,
        "high": 0.0179,
        "method": "Clopper-Pearson, 95 %",
    }
    return Figure(**{**sound, **changes})


def configuration(**changes):
    return Configuration(**{"actor": "ops", "system": "assistant", "basis": BASIS, **changes})


def plan(**changes):
    sound = {"actor": "eval", "name": "weekly", "hypothesis": "few get through", "suites": ("own",), "n": 400,
             "method": "Clopper-Pearson", "stopping": "all of them", "mitigations": "on"}  # fmt: skip
    return EvalPlan(**{**sound, **changes})


def run(**changes):
    sound = {"actor": "eval", "name": "weekly", "started_at": SOON, "log": LOG, "figures": (figure(),), "basis": BASIS,
             "contamination": "none found", "effort_gap": "small"}  # fmt: skip
    return EvalRun(**{**sound, **changes})


def threshold(**changes):
    sound = {"actor": "risk", "name": "few get through", "metric": "attack_success", "side": "at_most", "bound": 0.02,
             "approver": "board", "rationale": "as good as the last one"}  # fmt: skip
    return RiskThreshold(**{**sound, **changes})


def campaign(**changes):
    sound = {"actor": "red", "name": "autumn", "charter": "all layers", "skills": "two years each", "hours": 80,
             "access": "as a client", "independent": True, "parity": "like a skilled user", "figures": (figure(),),
             "legal_cover": "contract", "basis": BASIS, "valid_until": NOW + timedelta(days=90)}  # fmt: skip
    return Campaign(**{**sound, **changes})


def claim(**changes):
    sound = {"actor": "safety", "name": "few get through", "text": "Fewer than 2 in 100 attacks of the suite succeed.",
             "sort": "observation", "object": "assistant", "comparator": "bound of 2 %", "mitigation_state": "on",
             "adversary": "attacks of the suite, one try", "uncertainty": "attacks that nobody tried"}  # fmt: skip
    return Claim(**{**sound, **changes})


def statement(entry, **changes):
    sound = {
        "actor": "cso",
        "entry": entry,
        "text": "We did.",
        "signed_by": "cso",
        "review_by": NOW + timedelta(days=90),
    }
    return HumanStatement(**{**sound, **changes})
