"""Rounds of review: random draws, frozen, labelled, counted."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from dashboard_server import record

from solon.core.exchange import Exchange
from solon.ledger import Record
from solon.web.review import labels_of, open_round, progress, put_label, rounds, stratum_of

NOW = timedelta(seconds=5)


def decision(action, risk, rule="violence.weapons", status="complete"):
    asked = action != "permit"
    rules = [{"rule": rule, "risk": risk, "status": status, "asked": asked, "spans": []}]
    return {"action": action, "risk": risk, "rules": rules, "thresholds": {"refine": 0.5, "block": 0.8}}


def put(ledger, action, risk, count, **more):
    said = decision(action, risk, **{k: more.pop(k) for k in ("rule", "status") if k in more})
    return [ledger.put(record(Exchange.of(f"{action} {risk} {n}"), (said, None), **more)) for n in range(count)]


def draw(ledger, **settings):
    ledger.flush()
    until = datetime.now(UTC) + NOW
    round_id = open_round(ledger, until - timedelta(days=1), until, reviewer="me", **settings)
    return next(one for one in rounds(ledger, settings.get("tenant")) if one.id == round_id)


def test_bands_of_risk_and_reasons():
    def stratum(action, risk, **more):
        return stratum_of(record(Exchange.of("x"), (decision(action, risk, **more), None)).body)

    assert stratum("permit", 0.01)[:2] == ("permit · calm", False)
    assert stratum("permit", 0.1)[:2] == ("permit · middle", False)
    assert stratum("permit", 0.3)[:2] == ("permit · near", False)
    assert stratum("permit", 0.0, status="undetermined")[:2] == ("permit · undetermined", False)
    assert stratum("block", 0.9)[:2] == ("block · violence.weapons", True)
    assert "violence.weapons" in stratum("refine", 0.6)[2]


def test_a_round_draws_from_every_kind_and_freezes(ledger):
    ids = put(ledger, "permit", 0.01, 200) + put(ledger, "permit", 0.3, 30) + put(ledger, "block", 0.9, 20)
    chosen = draw(ledger, per_stratum=8)
    sizes = {one.name: (one.size, len(one.drawn)) for one in chosen.strata}
    assert sizes == {"permit · calm": (200, 8), "permit · near": (30, 8), "block · violence.weapons": (20, 8)}
    assert {record_id for record_id, _ in chosen.queue()} <= set(ids)
    first_turn = [stratum.name for _, stratum in list(chosen.queue())[:3]]
    assert sorted(first_turn) == sorted(sizes), "who stops early has seen every kind"
    put(ledger, "permit", 0.01, 100)
    ledger.flush()
    assert rounds(ledger, None)[0] == chosen


def test_draws_are_random(ledger):
    ids = put(ledger, "permit", 0.01, 40)
    times = Counter(record_id for _ in range(60) for record_id, _ in draw(ledger, per_stratum=10).queue())
    assert set(times) == set(ids)
    # 60 draws of a quarter: 15 expected, standard deviation 3.4; the extremes of 40 stay within 5 deviations
    assert min(times.values()) > 0
    assert max(times.values()) <= 32


def test_rules_that_rarely_ask_share_a_kind(ledger):
    for rule in ("a.one", "a.two", "a.three"):
        put(ledger, "block", 0.9, 2, rule=rule)
    put(ledger, "block", 0.9, 9, rule="a.often")
    chosen = draw(ledger, per_stratum=4)
    assert {one.name: (one.size, len(one.drawn)) for one in chosen.strata} == {
        "block · a.often": (9, 4),
        "block · other rules": (6, 4),
    }


def test_labels_count_once_and_the_last_one(ledger):
    put(ledger, "permit", 0.01, 10)
    put(ledger, "block", 0.9, 10)
    chosen = draw(ledger, per_stratum=5)
    for record_id, stratum in chosen.queue():
        put_label(ledger, ledger.get(record_id), "unsure", reviewer="me", round_=chosen)
        label = "harmful" if stratum.flagged else "benign"
        put_label(ledger, ledger.get(record_id), label, reviewer="me", round_=chosen)
    found = progress(ledger, chosen)
    assert (found.done, found.total) == (10, 10)
    assert found.by_stratum["block · violence.weapons"] == {"harmful": 5, "benign": 0, "unsure": 0}
    assert found.estimate.precision.value == 1.0
    assert found.estimate.recall.value == 1.0
    assert found.estimate.precision.low < 1.0


def test_labels_outside_of_the_sample_do_not_count(ledger):
    put(ledger, "block", 0.9, 10)
    chosen = draw(ledger, per_stratum=5)
    drawn = {record_id for record_id, _ in chosen.queue()}
    other = next(stored for stored in ledger.read(kind="exchange") if stored.id not in drawn)
    put_label(ledger, other, "benign", reviewer="me", round_=chosen)
    put_label(ledger, ledger.get(next(iter(drawn))), "benign", reviewer="me")
    assert progress(ledger, chosen).done == 0
    assert labels_of(ledger, other.id)[0].body["stratum"] == ""


def test_a_tenant_reviews_its_own(ledger):
    put(ledger, "permit", 0.01, 5, tenant="acme")
    put(ledger, "permit", 0.01, 7, tenant="other")
    chosen = draw(ledger, tenant="acme")
    assert [one.size for one in chosen.strata] == [5]
    assert rounds(ledger, "other") == []
    assert rounds(ledger, None) == [chosen]


def test_a_record_of_another_hand_does_not_stop_a_round(ledger):
    ledger.put(Record(kind="exchange", body={"tenant": "acme"}))
    chosen = draw(ledger)
    assert [one.name for one in chosen.strata] == ["permit · calm"]
