"""Every regime's clock against its law, row by row: triggers, facts, zones, missing data."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from solon.core.errors import EvidenceError
from solon.evidence.incidents.clocks import aggregates, clocks
from solon.evidence.incidents.records import Applicability, Incident, SentReport
from solon.evidence.incidents.regimes import due, load_regimes

ID = "00000000-0000-7000-8000-000000000000"
AWARE = "2028-03-10T09:00:00+01:00"  # after every date in the table, and before summer time begins in Europe


def at(text):
    return datetime.fromisoformat(text)


def incident(regime=None, *, times=None, facts=None, **fields):
    decided = {} if regime is None else {regime: Applicability(applies=True, owner="law", rationale="it binds us")}
    return Incident(
        actor="test",
        title="t",
        what="w",
        times={name: at(moment) for name, moment in {"awareness": AWARE, **(times or {})}.items()},
        facts=facts or {},
        **{"regimes": decided, **fields},
    )


def report(regime, step, when):
    return SentReport(actor="test", incident=ID, regime=regime, step=step, sent_at=at(when), to="them")


def clock(regime, step, known, sent=(), now=AWARE):
    found = [c for c in clocks(known, sent, now=at(now)) if (c.regime, c.step) == (regime, step)]
    assert len(found) == 1
    return found[0]


NONE = dict.fromkeys(("critical_infrastructure", "serious_cyber_breach", "death", "health_rights_property_environment",
                      "widespread_infringement"), False)  # fmt: skip

# regime, step, moments, facts, reports sent, what is due
TABLE = [
    ("eu-ai-act-73", "first_report", {}, NONE, [], "2028-03-25T09:00:00+01:00"),
    ("eu-ai-act-73", "first_report", {}, {**NONE, "death": True}, [], "2028-03-20T09:00:00+01:00"),
    ("eu-ai-act-73", "first_report", {}, {"widespread_infringement": True}, [], "2028-03-12T09:00:00+01:00"),
    (
        "eu-ai-act-73",
        "first_report",
        {},
        {"critical_infrastructure": True, "death": True},
        [],
        "2028-03-12T09:00:00+01:00",
    ),
    (
        "eu-gpai-cop-9",
        "first_report",
        {"involvement": "2028-03-11T12:00:00+00:00"},
        {**NONE, "critical_infrastructure": True},
        [],
        "2028-03-13T12:00:00+00:00",
    ),
    (
        "eu-gpai-cop-9",
        "first_report",
        {"involvement": "2028-03-11T12:00:00+00:00"},
        {**NONE, "serious_cyber_breach": True},
        [],
        "2028-03-16T12:00:00+00:00",
    ),
    (
        "eu-gpai-cop-9",
        "first_report",
        {"involvement": "2028-03-11T12:00:00+00:00"},
        {**NONE, "death": True},
        [],
        "2028-03-21T12:00:00+00:00",
    ),
    (
        "eu-gpai-cop-9",
        "first_report",
        {"involvement": "2028-03-11T12:00:00+00:00"},
        {**NONE, "health_rights_property_environment": True},
        [],
        "2028-03-26T13:00:00+02:00",
    ),
    (
        "eu-gpai-cop-9",
        "follow_up",
        {},
        {},
        [("first_report", "2028-03-12T09:00:00+01:00")],
        "2028-04-09T09:00:00+02:00",
    ),
    (
        "eu-gpai-cop-9",
        "follow_up",
        {},
        {},
        [("first_report", "2028-03-12T09:00:00+01:00"), ("follow_up", "2028-04-01T09:00:00+02:00")],
        "2028-04-29T09:00:00+02:00",
    ),
    ("eu-gpai-cop-9", "final", {"resolution": "2028-05-01T00:00:00+02:00"}, {}, [], "2028-06-30T00:00:00+02:00"),
    ("gdpr-33", "authority", {}, {"personal_data": True}, [], "2028-03-13T09:00:00+01:00"),
    ("nis2-23", "early_warning", {}, {}, [], "2028-03-11T09:00:00+01:00"),
    ("nis2-23", "notification", {}, {}, [], "2028-03-13T09:00:00+01:00"),
    ("nis2-23", "final", {}, {}, [("notification", "2028-03-12T09:00:00+01:00")], "2028-04-12T09:00:00+02:00"),
    ("dora-19", "initial", {}, {}, [], "2028-03-11T09:00:00+01:00"),
    ("dora-19", "initial", {"classified_major": "2028-03-10T10:30:00+01:00"}, {}, [], "2028-03-10T14:30:00+01:00"),
    ("dora-19", "initial", {"classified_major": "2028-03-11T08:00:00+01:00"}, {}, [], "2028-03-11T09:00:00+01:00"),
    ("dora-19", "intermediate", {}, {}, [("initial", "2028-03-10T12:00:00+01:00")], "2028-03-13T12:00:00+01:00"),
    ("dora-19", "final", {}, {}, [("intermediate", "2028-03-31T12:00:00+02:00")], "2028-04-30T12:00:00+02:00"),
    ("cra-14", "early_warning", {}, {"exploited_vulnerability": True}, [], "2028-03-11T09:00:00+01:00"),
    ("cra-14", "notification", {}, {"severe_security_incident": True}, [], "2028-03-13T09:00:00+01:00"),
    (
        "cra-14",
        "final",
        {"fix_available": "2028-03-20T00:00:00+01:00"},
        {"exploited_vulnerability": True, "severe_security_incident": False},
        [],
        "2028-04-03T00:00:00+02:00",
    ),
    (
        "cra-14",
        "final",
        {},
        {"severe_security_incident": True, "exploited_vulnerability": False},
        [("notification", "2028-03-12T09:00:00+01:00")],
        "2028-04-12T09:00:00+02:00",
    ),
    ("ca-sb-53", "report", {"discovery": "2028-03-10T08:00:00-08:00"}, {}, [], "2028-03-25T08:00:00-07:00"),
    (
        "ca-sb-53",
        "imminent",
        {"discovery": "2028-03-10T08:00:00-08:00"},
        {"imminent_danger": True},
        [],
        "2028-03-11T08:00:00-08:00",
    ),
    ("ny-raise", "report", {"determination": "2028-03-11T09:00:00-05:00"}, {}, [], "2028-03-14T10:00:00-04:00"),
    (
        "ny-raise",
        "imminent",
        {"determination": "2028-03-11T09:00:00-05:00"},
        {"imminent_danger": True},
        [],
        "2028-03-12T10:00:00-04:00",
    ),
]


@pytest.mark.parametrize(("regime", "step", "times", "facts", "sent", "expected"), TABLE)
def test_due(regime, step, times, facts, sent, expected):
    known = incident(regime, times=times, facts=facts)
    reports = [report(regime, name, when) for name, when in sent]
    found = clock(regime, step, known, reports)
    assert (found.due, found.state) == (at(expected), "due")
    assert not found.assumed
    late = (at(expected) + timedelta(seconds=1)).isoformat()
    assert clock(regime, step, known, reports, now=late).state == "overdue"
    assert clock(regime, step, known, reports, now=expected).state == "due"


def test_every_regime_and_every_numbered_step_has_a_row():
    numbered = {
        (name, step)
        for name, regime in load_regimes().items()
        for step, rule in regime.steps.items()
        if any(deadline.after != "at_once" for deadline in rule.deadlines)
    }
    assert numbered == {(row[0], row[1]) for row in TABLE}


@pytest.mark.parametrize("regime", ["eu-ai-act-73", "nis2-23", "ny-raise"])
def test_sent_in_time_or_late(regime):
    known = incident(regime, times={"determination": AWARE}, facts=NONE)
    step = next(iter(load_regimes()[regime].steps))
    last = clock(regime, step, known).due
    assert clock(regime, step, known, [report(regime, step, last.isoformat())]).state == "met"
    after = (last + timedelta(minutes=1)).isoformat()
    assert clock(regime, step, known, [report(regime, step, after)], now=after).state == "late"


def test_nobody_decided_is_no_reprieve():
    found = clock("nis2-23", "early_warning", incident(), now="2028-03-20T09:00:00+01:00")
    assert (found.state, found.due, found.passed(at("2028-03-20T09:00:00+01:00"))) == (
        "undecided", at("2028-03-11T09:00:00+01:00"), True,
    )  # fmt: skip


def test_decided_against_is_kept_with_its_reason_and_stops_the_clock():
    no = Applicability(applies=False, owner="law", rationale="we are no financial entity")
    found = clock("dora-19", "initial", incident(regimes={"dora-19": no}), now="2029-01-01T00:00:00+00:00")
    assert (found.state, found.open) == ("not_applicable", False)


def test_unknown_facts_show_the_earlier_deadlines():
    found = clock("eu-ai-act-73", "first_report", incident("eu-ai-act-73", facts={"death": False}))
    assert found.due == at("2028-03-25T09:00:00+01:00")
    assert [when for _, when in found.could_be] == [at("2028-03-12T09:00:00+01:00")]
    assert "widespread_infringement" in found.could_be[0][0]


def test_missing_moments_are_stood_in_for_or_named():
    assumed = clock("ca-sb-53", "report", incident("ca-sb-53"))
    assert assumed.assumed
    assert assumed.due == at("2028-03-25T00:00:00-07:00")
    waiting = clock("eu-gpai-cop-9", "final", incident("eu-gpai-cop-9"))
    assert (waiting.state, waiting.waits_for) == ("waiting", ("resolution",))
    without = incident("nis2-23").model_copy(update={"times": {}})
    assert clock("nis2-23", "early_warning", without).waits_for == ("awareness",)


def test_a_repeated_report_never_ends_by_being_sent_once():
    sent = [
        report("eu-gpai-cop-9", "first_report", AWARE),
        report("eu-gpai-cop-9", "follow_up", "2028-04-01T09:00:00+02:00"),
    ]
    known = incident("eu-gpai-cop-9")
    assert clock("eu-gpai-cop-9", "follow_up", known, sent).state == "due"
    assert clock("eu-gpai-cop-9", "follow_up", known, sent, now="2028-05-01T00:00:00+02:00").state == "overdue"
    over = incident("eu-gpai-cop-9", times={"resolution": "2028-04-02T09:00:00+02:00"})
    assert clock("eu-gpai-cop-9", "follow_up", over, sent).state == "sent"


def test_at_once_has_no_number_and_is_never_met():
    known = incident("eu-ai-act-26-5")
    assert clock("eu-ai-act-26-5", "inform_provider", known).state == "at_once"
    sent = [report("eu-ai-act-26-5", "inform_provider", "2028-03-10T10:00:00+01:00")]
    assert clock("eu-ai-act-26-5", "inform_provider", known, sent).state == "sent"
    assert clock("eu-ai-act-26-5", "inform_authority", known).waits_for == ("step:inform_provider",)
    assert clock("eu-ai-act-26-5", "inform_authority", known, sent).state == "at_once"


def test_causal_link_makes_article_73_immediate_and_holds_changes():
    known = incident("eu-ai-act-73", times={"causal_link": "2028-03-12T09:00:00+01:00"}, facts=NONE)
    found = clock("eu-ai-act-73", "first_report", known)
    assert found.could_be == (("immediately: causal_link", at("2028-03-12T09:00:00+01:00")),)
    assert "Do not alter" in found.hold
    sent = [report("eu-ai-act-73", "first_report", "2028-03-12T10:00:00+01:00")]
    assert clock("eu-ai-act-73", "first_report", known, sent).hold == ""


def test_provider_unreachable_binds_the_deployer_to_article_73():
    no = Applicability(applies=False, owner="law", rationale="we are a deployer")
    yes = Applicability(applies=True, owner="law", rationale="we are a deployer")
    both = {"eu-ai-act-73": no, "eu-ai-act-26-5": yes}
    reached = incident(regimes=both, facts={**NONE, "provider_unreachable": False})
    assert clock("eu-ai-act-73", "first_report", reached).state == "not_applicable"
    alone = incident(regimes=both, facts={**NONE, "provider_unreachable": True})
    assert clock("eu-ai-act-73", "first_report", alone).state == "due"


def test_not_in_force_goes_by_the_calendar_of_the_place():
    before = incident("ny-raise").model_copy(update={"times": {"awareness": at("2027-01-01T04:59:00+00:00")}})
    after = incident("ny-raise").model_copy(update={"times": {"awareness": at("2027-01-01T05:00:00+00:00")}})
    assert clock("ny-raise", "report", before).state == "not_in_force"
    assert clock("ny-raise", "report", after, now="2027-01-02T00:00:00+00:00").state == "due"
    drill = before.model_copy(update={"drill": True})
    assert clock("ny-raise", "report", drill, now="2027-01-02T00:00:00+00:00").state == "due"


def test_gpai_needs_one_of_its_harms():
    assert clock("eu-gpai-cop-9", "first_report", incident("eu-gpai-cop-9", facts=NONE)).state == "not_applicable"
    unknown = clock("eu-gpai-cop-9", "first_report", incident("eu-gpai-cop-9"))
    assert unknown.state == "undecided"
    assert unknown.earliest == at("2028-03-12T09:00:00+01:00")


def test_another_member_state_counts_in_its_own_zone():
    known = incident("eu-ai-act-73", facts=NONE, zones={"eu-ai-act-73": "Atlantic/Azores"})
    found = clock("eu-ai-act-73", "first_report", known, now="2028-03-11T00:00:00+00:00")
    assert (found.zone, found.due) == ("Atlantic/Azores", at("2028-03-25T07:00:00-01:00"))


def test_the_voluntary_one_has_no_clock():
    assert clock("oecd-crf", "submission", incident()).state == "voluntary"


DST = [
    ("2028-03-25T02:30:00+01:00", "24h", "Europe/Brussels", "2028-03-26T03:30:00+02:00"),
    ("2028-03-25T02:30:00+01:00", "1d", "Europe/Brussels", "2028-03-26T03:30:00+02:00"),  # 02:30 does not exist
    ("2028-10-28T02:30:00+02:00", "1d", "Europe/Brussels", "2028-10-29T02:30:00+02:00"),  # twice: the first
    ("2028-10-28T02:30:00+02:00", "25h", "Europe/Brussels", "2028-10-29T02:30:00+01:00"),
    ("2028-10-28T12:00:00+02:00", "1d", "Europe/Brussels", "2028-10-29T12:00:00+01:00"),
    ("2028-10-28T12:00:00+02:00", "24h", "Europe/Brussels", "2028-10-29T11:00:00+01:00"),
    ("2028-12-31T23:30:00+00:00", "1mo", "Europe/Brussels", "2029-02-01T00:30:00+01:00"),
    ("2027-12-31T12:00:00+01:00", "2mo", "Europe/Brussels", "2028-02-29T12:00:00+01:00"),
    ("2028-11-30T12:00:00+01:00", "1mo", "Europe/Brussels", "2028-12-30T12:00:00+01:00"),
]


@pytest.mark.parametrize(("start", "after", "where", "expected"), DST)
def test_periods_across_summer_time_and_short_months(start, after, where, expected):
    assert due(at(start), after, ZoneInfo(where)) == at(expected)


def test_moments_without_a_zone_and_unknown_names_are_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        incident(times={"discovery": "2028-03-10T09:00:00"})
    with pytest.raises(EvidenceError, match="no regime of the table"):
        clocks(incident("eu-ai-act-99"), now=datetime.now(UTC))
    with pytest.raises(ValueError, match="no time zone 'Europe/Atlantis'"):
        clocks(incident(zones={"gdpr-33": "Europe/Atlantis"}), now=datetime.now(UTC))


def test_small_incidents_of_one_cause_are_looked_at_as_one():
    def small(cause, when, **fields):
        return incident(root_cause=cause, times={"awareness": when}, **fields)

    known = [
        ("a", small("Vendor outage", "2028-01-05T00:00:00+00:00")),
        ("b", small("vendor outage ", "2028-06-20T00:00:00+00:00")),
        ("c", small("vendor outage", "2027-12-20T00:00:00+00:00")),  # more than six months ago
        ("d", small("vendor outage", "2028-06-01T00:00:00+00:00", drill=True)),
        ("e", small("other", "2028-06-01T00:00:00+00:00")),
        (
            "f",
            incident(
                root_cause="other",
                times={"awareness": "2028-06-02T00:00:00+00:00", "classified_major": "2028-06-02T01:00:00+00:00"},
            ),
        ),
    ]
    assert aggregates(known, now=at("2028-07-01T00:00:00+00:00")) == {"vendor outage": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema: 2\nregimes: {}", "schema is 2"),
        ("schema: 1\nregimes: {x: {name: X}}", "x: who: Field required"),
        ("[1", "cannot be read"),
    ],
)
def test_a_bad_table_is_told_exactly(tmp_path, text, said):
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(EvidenceError, match=said):
        load_regimes(path)
