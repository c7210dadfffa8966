"""Claims stand on evidence, fall with it, and are defeated by incidents until newer evidence answers."""

from datetime import timedelta

import evidence_entries as made
import pytest

from solon.evidence.claims import graph, judge_claims
from solon.evidence.entry import Basis
from solon.evidence.incidents.records import Closure, CorrectiveAction, CorrectiveCheck, Incident
from solon.evidence.records import Defeater
from solon.evidence.register import Register
from solon.ledger import open_ledger


@pytest.fixture
def register(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", flush_ms=1) as ledger:
        found = Register(ledger)
        found.put(made.configuration())
        yield found


def only(register):
    (found,) = judge_claims(register, now=made.NOW)
    return found


def test_supported_then_stale_when_the_policy_changes(register):
    register.put(made.claim(evidence=(register.put(made.run()),)))
    assert only(register).state == "supported"
    register.put(made.configuration(basis=Basis(policy="12" * 32, weights=made.WEIGHTS)))
    assert only(register).state == "stale"


def test_evidence_that_is_not_there_supports_nothing(register):
    register.put(made.claim(evidence=("01a2149c-9f90-7dfb-a367-2e038c6db811",)))
    assert only(register).state == "unsupported"


def test_superseded_evidence_is_stale(register):
    run = register.put(made.run())
    register.put(made.claim(evidence=(run,)))
    register.supersede(run, made.run(errors=3), reason="counted again")
    assert only(register).state == "stale"


def test_an_open_defeater_leaves_it_unresolved_until_a_record_answers(register):
    run = register.put(made.run())
    asked = register.put(made.claim(evidence=(run,), defeaters=(Defeater(text="Does it hold in French?"),)))
    assert only(register).reasons == ("nobody has answered: Does it hold in French?",)
    answered = Defeater(text="Does it hold in French?", answered=run)
    register.supersede(asked, made.claim(evidence=(run,), defeaters=(answered,)), reason="answered")
    assert only(register).state == "supported"


def test_a_norm_is_never_supported(register):
    register.put(made.claim(sort="norm", text="No more than 2 in 100 should succeed."))
    assert only(register).state == "norm"


def defeat(register, claim):
    return register.put(Incident(actor="o", title="t", what="w", defeats=(claim,)))


def close(register, incident, *, verified=True):
    action = register.put(CorrectiveAction(actor="o", incident=incident, what="w", owner="o", due=made.NOW))
    register.put(CorrectiveCheck(
        actor="o", incident=incident, action=action, cases=made.LOG, frozen=Basis(policy="12" * 32), fixed=made.BASIS,
        failed_frozen=("a",), passed_frozen=(), failed_fixed=(), passed_fixed=("a",), verified=verified,
    ))  # fmt: skip
    register.put(Closure(actor="o", incident=incident, verified_by="lead", summary="s"))


@pytest.mark.parametrize("verified", [True, False])
def test_an_incident_defeats_until_newer_evidence_answers(register, verified):
    old = register.put(made.run())
    name = register.put(made.claim(evidence=(old,)))
    incident = defeat(register, name)
    assert (only(register).state, only(register).defeated_by) == ("defeated", (incident,))
    register.supersede(name, made.claim(evidence=(old,), uncertainty="less"), reason="said otherwise")
    assert only(register).state == "defeated"
    close(register, incident, verified=verified)
    assert only(register).state == "defeated"
    again = register.put(made.run(started_at=made.SOON + timedelta(minutes=1)))
    now = only(register).claim
    register.supersede(now.id, made.claim(evidence=(old, again)), reason="measured again, the old one too")
    assert only(register).state == "defeated"
    now = only(register).claim
    register.supersede(now.id, made.claim(evidence=(again,)), reason="measured again")
    assert only(register).state == ("supported" if verified else "defeated")


def test_a_drill_defeats_nothing(register):
    name = register.put(made.claim(evidence=(register.put(made.run()),)))
    register.put(Incident(actor="o", title="t", what="w", drill=True, defeats=(name,)))
    assert only(register).state == "supported"


def test_what_rests_on_a_defeated_claim_falls_too(register):
    name = register.put(made.claim(evidence=(register.put(made.run()),)))
    register.put(made.claim(name="inferred", sort="inference", rests_on=(name,)))
    incident = defeat(register, name)
    judged = judge_claims(register, now=made.NOW)
    assert [one.state for one in judged] == ["defeated", "defeated"]
    drawn = graph(judged)
    assert {"from": incident, "to": name, "as": "defeats"} in drawn["edges"]
    assert {"from": name, "to": judged[1].claim.id, "as": "carries"} in drawn["edges"]


def test_claims_that_are_superseded_into_a_ring_are_told(register):
    run = register.put(made.run())
    first = register.put(made.claim(name="first", evidence=(run,)))
    second = register.put(made.claim(name="second", sort="inference", rests_on=(first,)))
    third = register.supersede(first, made.claim(name="first", sort="inference", rests_on=(second,)), reason="r")
    states = {one.claim.id: one.state for one in judge_claims(register, now=made.NOW)}
    assert states == {second: "stale", third: "stale"}  # ids cannot make a ring: each rests on what was there before
