"""Figures: counts, shares, percentiles, and only what a viewer may see."""

from datetime import UTC, datetime, timedelta

import pytest
from dashboard_server import record
from hypothesis import given
from hypothesis import strategies as st
from test_review import decision

from solon.core.exchange import Exchange
from solon.ledger import Record
from solon.web.charts import percent, risk_bar, time_bars
from solon.web.traffic import Traffic, quantiles

HOUR = timedelta(hours=1)


def put(ledger, action, **more):
    said = decision(action, 0.9 if action == "block" else 0.01)
    ledger.put(record(Exchange.of(f"{action} {more}"), (said, None), **more))


def test_what_passed_is_counted(ledger):
    traffic = Traffic(ledger)
    for n in range(8):
        put(ledger, "permit", ms={"total": 100.0 * (n + 1)}, cost_usd=0.5)
    put(ledger, "block", ms={"total": 10.0}, cost_usd=None)
    put(ledger, "permit", ms={"total": 10.0}, cost_usd=None, error="upstream: gone", status=502)
    ledger.flush()
    figures = traffic.figures(HOUR, None)
    assert figures.counts == {"permit": 9, "refine": 0, "block": 1}
    assert figures.share("block").value == pytest.approx(0.1)
    assert figures.cost == pytest.approx(4.0)
    assert (figures.errors.k, figures.errors.n) == (1, 10)
    assert [(one.rule, one.rate.k, one.rate.n) for one in figures.rules] == [("violence.weapons", 1, 10)]
    assert figures.latency["whole exchange"] == [300.0, 800.0, 800.0]
    assert sum(sum(bar.counts.values()) for bar in figures.bars) == 10


def test_new_exchanges_are_added_and_none_twice(ledger):
    traffic = Traffic(ledger)
    assert traffic.figures(HOUR, None).n == 0
    for total in range(1, 6):
        put(ledger, "permit", n=total)
        ledger.flush()
        assert traffic.figures(HOUR, None).n == total
        assert traffic.figures(HOUR, None).n == total


def test_a_tenant_sees_its_own(ledger):
    put(ledger, "permit", tenant="acme")
    put(ledger, "block", tenant="other")
    ledger.flush()
    traffic = Traffic(ledger)
    assert traffic.figures(HOUR, None).n == 2
    assert traffic.figures(HOUR, "acme").counts == {"permit": 1, "refine": 0, "block": 0}
    assert traffic.figures(HOUR, "acme").rules == []
    assert traffic.figures(HOUR, "nobody").n == 0


def test_what_is_older_than_the_window_is_left_out(ledger):
    put(ledger, "permit")
    ledger.flush()
    later = datetime.now(UTC) + timedelta(hours=3)
    assert Traffic(ledger).figures(HOUR, None, now=later).n == 0


def test_records_of_other_hands_are_read(ledger):
    ledger.put(Record(kind="exchange", body={}))
    ledger.put(Record(kind="exchange", body={"action": "block", "ms": None, "usage": None, "rules": None}))
    ledger.flush()
    assert Traffic(ledger).figures(HOUR, None).counts["block"] == 1


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1))
def test_quantiles_are_values_in_order(values):
    found = quantiles(values)
    assert found == sorted(found)
    assert set(found) <= set(values)


def test_empty_charts_are_drawn():
    assert "<svg" in time_bars([], "%H:%M")
    assert 'role="img"' in risk_bar(0.5, None, None)
    assert percent(Traffic.__new__(Traffic) and _nothing()) == "nothing counted yet"


def _nothing():
    from solon.core.stats import clopper_pearson

    return clopper_pearson(0, 0)
