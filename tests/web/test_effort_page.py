"""The page on effort: figures by level with their intervals, findings, and nothing of other tenants."""

import httpx
import pytest
from dashboard_server import Server, dashboard, record
from test_dashboard_http import log_in

from solon.core.exchange import Exchange
from solon.ledger import Record
from solon.web.effort import UNKNOWN, effort, summarise

PERMIT = {"action": "permit", "risk": 0.0, "rules": [], "because": "", "notes": [], "thresholds": None}


def body(level: str | None, observed: int | None, *, cost: float | None = 0.01, **told) -> dict:
    said = {"requested": "low", "sent": level, "observed": observed, "level": level, **told}
    return {"status": 200, "attempts": 1, "cost_usd": cost, "ms": {"upstream": 2000.0}, "effort": said}


def test_figures_are_counted_by_level_and_what_was_not_counted_is_said() -> None:
    bodies = [body("high", 100 + n) for n in range(40)]
    bodies += [body("low", None, cost=None, problems=["the provider counted no reasoning tokens"])] * 2
    bodies += [body("high", 7, breach="output_tokens of the request", scope="request", done="stopped")]
    bodies += [{"status": 503, "attempts": 0, "effort": None}, {"status": 200, "attempts": 1, "effort": None}]
    made = summarise(bodies)
    assert made.exchanges == 45
    assert [(row.level, row.replies, row.uncounted) for row in made.rows] == [
        ("low", 2, 2), ("high", 41, 0), (UNKNOWN, 1, 1),
    ]  # fmt: skip
    high = made.rows[1].forecasts
    assert high["reasoning_tokens"].median.value == 119 and high["seconds"].median.value == 2.0
    assert 100 < high["reasoning_tokens"].median.low < 119 < high["reasoning_tokens"].median.high < 140
    assert "reasoning_tokens" not in made.rows[0].forecasts
    assert made.breaches == {("request", "stopped"): 1} and sum(made.problems.values()) == 2
    assert made.usd == pytest.approx(0.41) and made.reasoning == sum(range(100, 140)) + 7
    assert ("low", "high", 41) in made.flows


@pytest.fixture
def filled(ledger):
    for number in range(12):
        told = body("high", 300 + number, adjusted="raised to the floor")
        tenant = "acme" if number < 9 else "other"
        more = {key: told[key] for key in ("effort", "cost_usd")}
        ledger.put(record(Exchange.of(f"question {number}"), (PERMIT, None), tenant=tenant, **more))
    script = "<script>alert(1)</script>"
    ledger.put(
        Record(
            kind="effort_finding",
            body={
                "upstream": "main", "model": script, "finding": "ignored", "replies": 24, "evidence": "it did not rise",
                "by_level": {"high": {"replies": 8, "median": 700.0}}, "error": 0.01,
            },
        )
    )  # fmt: skip
    assert ledger.flush()
    return ledger


def test_the_page_shows_levels_forecasts_and_findings(filled) -> None:
    with Server(dashboard(filled)) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        page = log_in(client).get("/effort").text
        assert "effort is ignored" in page and "24 replies" in page and "at most 1 %" in page
        assert "<script>alert" not in page
        assert "Raised to the floor" in page and ">12<" in page and "The next thousand requests" in page
        assert client.get("/effort?window=nonsense").status_code == 200
        client.post("/logout")
    assert effort(filled, since=next(filled.read(kind="exchange")).at, tenant="acme").exchanges == 9


def test_another_tenants_traffic_and_the_upstreams_are_not_shown(filled) -> None:
    with Server(dashboard(filled)) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        page = log_in(client, "sk-solon-acme").get("/effort").text
        assert ">9<" in page and "effort is ignored" not in page


def test_an_empty_ledger_has_a_page(ledger) -> None:
    with Server(dashboard(ledger)) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        assert "No replies in this period" in log_in(client).get("/effort").text
