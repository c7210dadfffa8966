"""Records are superseded, never edited; evidence counts while it speaks about what is served; frameworks are read."""

import json
from datetime import timedelta

import evidence_entries as made
import pytest
import yaml

from solon.core.errors import EvidenceError
from solon.evidence.catalogue import load_all, load_catalogue
from solon.evidence.catalogue.load import FOLDER
from solon.evidence.checks import CHECKS, gates
from solon.evidence.entry import Basis
from solon.evidence.freshness import current, freshness
from solon.evidence.mapping import coverage
from solon.evidence.records import RiskThreshold, Safeguard, ServedEpoch, System
from solon.evidence.register import Register, parse
from solon.ledger import Record, open_ledger


@pytest.fixture
def register(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", flush_ms=1) as ledger:
        yield Register(ledger)


def epoch(name, component="assistant-model", **changes):
    return ServedEpoch(
        actor="canary", component=component, epoch=name, opened_at=made.SOON, opened_by="canary", **changes
    )


def test_what_is_superseded_stays_and_counts_no_more(register):
    first = register.put(made.threshold())
    second = register.supersede(first, made.threshold(bound=0.01), reason="stricter")
    assert [held.id for held in register.current(RiskThreshold)] == [second]
    assert [held.entry.bound for held in register.every(RiskThreshold)] == [0.02, 0.01]
    assert register.latest(register.find(RiskThreshold, first)).id == second
    with pytest.raises(EvidenceError, match=f"superseded by {second}"):
        register.supersede(first, made.threshold(bound=0.5), reason="later")
    with pytest.raises(EvidenceError, match="cannot take the place of a risk_threshold"):
        register.supersede(second, made.campaign(), reason="other")
    with pytest.raises(EvidenceError, match="no reason"):
        register.supersede(second, made.threshold(), reason=" ")
    with pytest.raises(EvidenceError, match="is a risk_threshold"):
        register.find(System, second)


def test_what_cannot_be_read_is_set_apart_and_the_rest_stays(register):
    good = register.put(made.threshold())
    newer = register.ledger.put(Record(kind="risk_threshold", body={"evidence": 2, "entry": {}}))
    half = register.ledger.put(Record(kind="risk_threshold", body={"evidence": 1, "entry": {"actor": "x"}}))
    other = register.ledger.put(Record(kind="risk_threshold", body={"n": 1}))
    assert [held.id for held in register.current(RiskThreshold)] == [good]
    told = {one.id: one.problem for one in register.unreadable(["risk_threshold"])}
    assert "schema 2" in told[newer]
    assert "bound: Field required" in told[half]
    assert "no evidence record" in told[other]
    with pytest.raises(EvidenceError, match="schema 2"):
        register.get(newer)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: made.figure(k=5, n=4), "k is 5 of n 4"),
        (lambda: made.figure(low=0.4, high=0.5), "does not hold 2/400"),
        (lambda: made.campaign(valid_until=None), "valid_until is missing"),
        (lambda: made.claim(), "an observation needs evidence"),
        (lambda: made.claim(sort="inference"), "needs evidence, or claims"),
        (lambda: made.claim(sort="norm", evidence=("0" * 8 + "-0000" * 3 + "-" + "0" * 12,)), "no evidence shows it"),
        (lambda: made.claim(sort="norm", uncertainty=" "), "uncertainty"),
        (lambda: made.statement("x", review_by="2026-01-01T00:00:00"), "has no time zone"),
        (lambda: made.threshold(bound=2), "less than or equal to 1"),
        (lambda: made.threshold(colour="red"), "Extra inputs"),
    ],
)
def test_unsound_records_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_parse_names_field_value_and_expectation():
    with pytest.raises(EvidenceError, match=r"plan\.yaml: side is 'below': Input should be 'at_most' or 'at_least'"):
        parse("risk_threshold", {**made.threshold().model_dump(), "side": "below"}, place="plan.yaml")
    with pytest.raises(EvidenceError, match="'thing' is no kind of evidence"):
        parse("thing", {})


def test_a_threshold_gates_only_what_was_measured_after_it(register):
    register.put(made.threshold(name="first"))
    register.put(made.run())
    assert [gate.held for gate in gates(register)] == [True]
    register.put(made.run(name="bad", figures=(made.figure(k=8, low=0.0087, high=0.0391),)))
    assert [gate.held for gate in gates(register)] == [True, False]
    early = made.run(name="early", started_at=made.SOON - timedelta(days=1))
    register.put(early)
    assert gates(register)[-1].held is None
    assert not CHECKS["thresholds_first"](register, made.NOW).holds


def test_margins_and_least_n_belong_to_the_bound():
    assert made.threshold().holds(made.figure())
    assert not made.threshold(margin=0.01).holds(made.figure())
    assert not made.threshold(least_n=401).holds(made.figure())
    assert not made.threshold(side="at_least", bound=0.001).holds(made.figure())
    assert not made.threshold(bound=1.0).holds(made.figure(k=0, n=0, low=0, high=1))


def test_evidence_counts_while_all_it_rests_on_is_served(register):
    evidence = made.campaign(basis=Basis(policy=made.POLICY, weights=made.WEIGHTS, epochs={"assistant-model": "e1"}))
    unknown = freshness(evidence, current(register), now=made.NOW)
    assert unknown.state == "unknown"
    assert not unknown
    register.put(made.configuration())
    register.put(epoch("e1"))
    assert freshness(evidence, current(register), now=made.NOW)
    late = freshness(evidence, current(register), now=evidence.valid_until)
    assert late.reasons == (f"it counted until {evidence.valid_until.isoformat()}",)
    register.put(epoch("e2", suites_to_run=("own",)))
    assert "was in epoch e1, now it is in e2" in freshness(evidence, current(register), now=made.NOW).reasons[0]
    register.put(made.configuration(basis=Basis(policy="12" * 32, weights=made.WEIGHTS)))
    stale = freshness(evidence, current(register), now=made.NOW)
    assert len(stale.reasons) == 2
    assert freshness(made.campaign(basis=Basis()), current(register), now=made.NOW).state == "unknown"


def test_without_a_configuration_the_gateways_own_record_says_what_is_served(register):
    digests = {"policy_digest": made.POLICY, "weights_digest": made.WEIGHTS}
    config = register.ledger.put(Record(kind="config", body={"digest": "99" * 32, "policies": {"a": digests}}))
    assert freshness(made.campaign(), current(register), now=made.NOW)
    assert current(register).record == config
    short = made.campaign(basis=Basis(policy=made.POLICY[:16]))
    assert freshness(short, current(register), now=made.NOW)


def row(register, framework, item, role="deployer"):
    catalogue = next(one for one in load_all() if one.framework == framework)
    return next(r for r in coverage(register, catalogue, role=role, now=made.NOW) if r.item.id == item)


def test_a_human_row_is_never_green_by_itself(register):
    for catalogue in load_all():
        for item in catalogue.items:
            register.put(made.statement(f"{catalogue.framework}/{item.id}"))
    for catalogue in load_all():
        for role in ("deployer", "developer"):
            states = {r.state for r in coverage(register, catalogue, role=role, now=made.NOW)}
            assert states <= {"stated", "not_applicable", "missing", "human_needed"}, catalogue.framework


def test_records_alone_do_not_make_a_human_row_green(register):
    register.put(made.configuration())
    register.put(made.campaign())
    assert row(register, "nist-ai-800-1", "4.2").state == "human_needed"
    said = register.put(made.statement("nist-ai-800-1/4.2"))
    green = row(register, "nist-ai-800-1", "4.2")
    assert (green.state, green.statement) == ("covered", said)
    assert len(green.records) == 2
    register.supersede(said, made.statement("nist-ai-800-1/4.2", review_by=made.NOW), reason="short")
    assert row(register, "nist-ai-800-1", "4.2").state == "human_needed"


def test_stale_evidence_makes_a_stale_row_with_its_reason(register):
    register.put(made.campaign())
    register.put(made.statement("nist-ai-800-1/4.2"))
    register.put(made.configuration(basis=Basis(policy="12" * 32, weights=made.WEIGHTS)))
    found = row(register, "nist-ai-800-1", "4.2")
    assert found.state == "stale"
    assert "it rests on policy abababababab" in found.reasons[-1]


def test_order_of_writing_decides_rows_about_plans(register):
    register.put(made.configuration())
    register.put(made.statement("nist-ai-800-1/4.1"))
    register.put(made.run())
    assert "has no plan" in "; ".join(row(register, "nist-ai-800-1", "4.1").reasons)
    planned = register.put(made.plan())
    register.supersede(register.current(type(made.run()))[0].id, made.run(plan=planned), reason="names its plan")
    assert row(register, "nist-ai-800-1", "4.1").state == "partial"  # shared with the vendor, own part covered


def test_safeguards_are_measured_each_by_itself(register):
    register.put(made.configuration())
    register.put(made.statement("nist-ai-800-1/5.2"))
    register.put(Safeguard(actor="o", name="input", layer="input", expected="stops most", fails="closed", owner="o"))
    assert "input has no fresh figure" in "; ".join(row(register, "nist-ai-800-1", "5.2").reasons)
    register.put(made.run(figures=(made.figure(stratum="safeguard:input"),)))
    assert row(register, "nist-ai-800-1", "5.2").state == "covered"


def test_every_framework_is_there_pinned_and_says_how_it_is_known():
    found = {one.framework: one for one in load_all()}
    assert len(found) == 15
    assert found["nist-ai-800-1"].status == "draft"
    practices = {"1": 3, "2": 2, "3": 3, "4": 2, "5": 3, "6": 5, "7": 3}
    ids = [item.id for item in found["nist-ai-800-1"].items]
    assert ids == [f"{o}.{n}" for o, count in practices.items() for n in range(1, count + 1)]
    assert len(found["nist-ai-600-1"].items) == 12
    assert len(found["mlcommons-ailuminate"].items) == 12
    for catalogue in found.values():
        text = (FOLDER / f"{catalogue.framework}.yaml").read_text(encoding="utf-8").casefold()
        assert "is compliant" not in text
        assert "ensures compliance" not in text
        for item in catalogue.items:
            assert all(place.because for place in item.roles.values())


def small(**changes):
    item = {"id": "1", "title": "t", "text": "x", "confidence": "secondary", "sufficiency": "partial", "human": "h",
            "roles": {"deployer": {"as": "own", "because": "b"}}, **changes}  # fmt: skip
    return {"schema": 1, "framework": "f", "title": "t", "version": "1", "status": "draft", "source": "s",
            "as_of": "2026", "items": [item]}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (small(status="finished"), r"f\.yaml: item 1: status is 'finished'"),
        (small(evidence=[{"kind": "thing"}]), "evidence.0.kind is 'thing': write a kind of record"),
        (small(evidence=[{"kind": "claim", "check": "luck"}]), "write one of thresholds_first"),
        (small(roles={"deployer": {"as": "own"}}), "roles.deployer.because: Field required"),
        (small(human=""), "neither evidence nor human"),
        (small(sufficiency="full"), "sufficiency is full and there is no evidence"),
        ({**small(), "items": [*small()["items"], *small()["items"]]}, "items 1 stand twice"),
        ({**small(), "items": ["x"]}, "item 1: is no mapping"),
        ({**small(), "schema": 2}, "schema is 2"),
        ([1], "has no list of items"),
    ],
)
def test_a_bad_catalogue_is_told_exactly(tmp_path, content, said):
    path = tmp_path / "f.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(EvidenceError, match=said):
        load_catalogue(path)


def test_a_changed_catalogue_does_not_pass_its_pin(tmp_path, monkeypatch):
    from solon.evidence.catalogue import load

    (tmp_path / "f.yaml").write_text(yaml.safe_dump(small()))
    (tmp_path / "pins.json").write_text(json.dumps({"f.yaml": "0" * 64}))
    monkeypatch.setattr(load, "FOLDER", tmp_path)
    monkeypatch.setattr(load, "PINS", tmp_path / "pins.json")
    with pytest.raises(EvidenceError, match="pinned is 0000"):
        load.load_all.__wrapped__()
