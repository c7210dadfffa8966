"""The benchmark of the router runs on a handful of upstreams and streams, and its figures can fail."""

import argparse
import json
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import effort_router
from harness import Report


def test_a_handful_of_upstreams_and_streams(tmp_path: Path) -> None:
    settings = argparse.Namespace(quick=2, out=tmp_path / "effort_router.json")
    report = Report(name="effort_router", settings=settings)
    effort_router.obedience(report, 5)
    uvloop.run(effort_router.soak(report, tmp_path / "state", 20))
    figures = {one["figure"]: one for one in json.loads(report.finish().read_text(encoding="utf-8"))["figures"]}
    assert figures["lying upstream caught within 50 replies, scatter 0.0"]["value"] == 1.0
    assert figures["streams over their cap by more than a chunk"]["value"] == 0
    assert figures["invalid ends"]["value"] == 0


def test_too_much_and_a_missing_end_are_seen() -> None:
    tally = effort_router.Tally()
    much = {"choices": [{"delta": {"content": "x" * 4 * (effort_router.CAP + 1)}, "finish_reason": "length"}]}
    effort_router._judge(b"data: " + json.dumps(much).encode() + b"\n", "words", "stop", "/v1/chat/completions", tally)
    assert len(tally.over) == 1 and len(tally.invalid) == 1
