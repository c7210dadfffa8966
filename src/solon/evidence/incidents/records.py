"""The records of incidents. The first ``Incident`` record names the incident; every other names it by that id."""

from typing import ClassVar, Literal

from pydantic import Field

from solon.evidence.entry import Basis, Count, Digest, Entry, Form, Moment, Name, RecordId, Text, Zone

Severity = Literal["hazard", "serious_hazard", "incident", "serious_incident", "disaster"]
"""The OECD's steps. A hazard could have led to harm; a near miss is one that was caught."""

Trigger = Literal[
    "occurred", "awareness", "causal_link", "involvement", "classified_major", "discovery", "determination",
    "fix_available", "resolution",
]  # fmt: skip
"""Moments from which some clock runs; each is stored by itself, since regimes do not agree on which one counts."""

Fact = Literal[
    "death", "imminent_danger", "critical_infrastructure", "widespread_infringement", "serious_cyber_breach",
    "health_rights_property_environment", "personal_data", "high_risk_to_people", "exploited_vulnerability",
    "severe_security_incident", "provider_unreachable", "risk_continues",
]  # fmt: skip
"""What shortens a clock or starts one. A fact that is not recorded is unknown, never false."""

Cause = Literal[
    "data", "model_limits", "drift", "testing_gap", "design", "integration", "adversarial", "oversight",
    "change_management", "out_of_purpose", "organisational", "vendor",
]  # fmt: skip


class Applicability(Form):
    """Whether a regime applies, who decided so and why; "does not apply" is kept with its reason too."""

    applies: bool
    owner: Text
    rationale: Text


class Incident(Entry):
    """What is known of an incident by now. An update is a new record in the place of the old one.

    ``severity`` and what is reportable are judged apart, by different people where there are several.
    ``caught_by`` says what stopped a near miss. ``defeats`` names claims that do not hold while it is open.
    """

    kind: ClassVar[str] = "incident"
    title: Text
    what: Text
    near_miss: bool = False
    caught_by: str = ""
    drill: bool = False
    source: Literal["signal", "user", "researcher", "vendor", "media", "staff", "drill"] = "staff"
    systems: tuple[Name, ...] = ()
    severity: Severity | None = None
    severity_by: str = ""
    harm: tuple[Text, ...] = ()
    times: dict[Trigger, Moment] = Field(default_factory=dict[Trigger, Moment])
    facts: dict[Fact, bool] = Field(default_factory=dict[Fact, bool])
    regimes: dict[Name, Applicability] = Field(default_factory=dict[Name, Applicability])
    zones: dict[Name, Zone] = Field(default_factory=dict[Name, Zone])
    causes: tuple[Cause, ...] = ()
    root_cause: str = ""
    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    findings: tuple[RecordId, ...] = ()
    defeats: tuple[RecordId, ...] = ()


class SentReport(Entry):
    """A report that went out for one step of one regime."""

    kind: ClassVar[str] = "incident_report"
    incident: RecordId
    regime: Name
    step: Name
    sent_at: Moment
    to: Text
    reference: str = ""
    incomplete: bool = False


class Freeze(Entry):
    """The state in which the incident happened: digests of every file, and of the ledger's records until then.

    ``log_digest`` is the SHA-256 over the digests of the records numbered ``log_first`` to ``log_last``, in order.
    """

    kind: ClassVar[str] = "incident_freeze"
    incident: RecordId
    basis: Basis
    files: dict[str, Digest]
    manifest: Digest
    log_first: Count
    log_last: Count
    log_records: Count
    log_digest: Digest
    log_gaps: Count = 0


class CorrectiveAction(Entry):
    """What will be done so that it does not happen again, by whom and until when."""

    kind: ClassVar[str] = "corrective_action"
    incident: RecordId
    what: Text
    owner: Text
    due: Moment


class CorrectiveCheck(Entry):
    """A regression case file run on the frozen state and on the fix. ``verified`` only where it tells them apart."""

    kind: ClassVar[str] = "corrective_check"
    incident: RecordId
    action: RecordId
    cases: Digest
    frozen: Basis
    fixed: Basis
    failed_frozen: tuple[str, ...]
    passed_frozen: tuple[str, ...]
    failed_fixed: tuple[str, ...]
    passed_fixed: tuple[str, ...]
    undetermined: tuple[str, ...] = ()
    verified: bool
    reasons: tuple[Text, ...] = ()


class Closure(Entry):
    """The end of an incident, and what was still open when it was closed."""

    kind: ClassVar[str] = "incident_closure"
    incident: RecordId
    verified_by: Text
    summary: Text
    remarks: tuple[Text, ...] = ()


class Drill(Entry):
    """A playbook, practised: which steps were done, who took part, which clocks were kept."""

    kind: ClassVar[str] = "drill"
    playbook: Name
    playbook_digest: Digest
    incident: RecordId
    started_at: Moment
    ended_at: Moment
    participants: tuple[Text, ...] = Field(min_length=1)
    done: tuple[Name, ...]
    left_out: tuple[Name, ...] = ()
    clocks_met: Count
    clocks_missed: Count
    lessons: Text


INCIDENT_KINDS: tuple[type[Entry], ...] = (
    Incident, SentReport, Freeze, CorrectiveAction, CorrectiveCheck, Closure, Drill,
)  # fmt: skip
