"""The records of the evidence: one class a kind. What happens with incidents has its own in ``incidents.records``."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from solon.evidence.entry import (
    Basis,
    Count,
    Digest,
    Entry,
    Evidence,
    Figure,
    Form,
    Moment,
    Name,
    RecordId,
    Share,
    Text,
)

Side = Literal["at_most", "at_least"]
Kind = Literal["observation", "inference", "prediction", "norm"]


class System(Entry):
    """What is deployed, for whom and in which form."""

    kind: ClassVar[str] = "system"
    name: Name
    owner: Text
    purpose: Text
    users: Text
    deployment_form: Literal["api", "application", "fine_tuning_api", "open_weights", "internal"]
    role_by_regime: dict[Name, Text] = Field(default_factory=dict[Name, Text])
    risk_class: str = ""


class PolicyVersion(Entry):
    """A policy as it was in force: digest of its canonical form and who approved it."""

    kind: ClassVar[str] = "policy_version"
    name: Name
    version: Text
    digest: Digest
    rules: tuple[str, ...]
    effective_from: Moment
    approver: Text


class ThreatProfile(Entry):
    """A task, who would do it, how, and how harm follows; likelihood and impact against a world without the model."""

    kind: ClassVar[str] = "threat_profile"
    name: Name
    tasks: tuple[Text, ...] = Field(min_length=1)
    actors: tuple[Text, ...] = Field(min_length=1)
    ways: tuple[Text, ...] = Field(min_length=1)
    mechanism: Text
    baseline: Text
    barriers: dict[Literal["technical", "operational", "motivational"], Text] = Field(
        default_factory=dict[Literal["technical", "operational", "motivational"], Text]
    )
    likelihood: Text
    impact: Text
    uncertainty: Text
    experts: tuple[Text, ...] = ()
    rules: tuple[str, ...] = ()
    review_by: Moment


class RiskThreshold(Entry):
    """A bound that some metric has to keep, written down before anything it gates was measured.

    The bound is held by the interval's far end: ``at_most`` compares its upper end, ``at_least`` its lower, each with
    ``margin`` to spare.
    """

    kind: ClassVar[str] = "risk_threshold"
    name: Name
    profile: RecordId | None = None
    metric: Name
    stratum: str = ""
    side: Side
    bound: Share
    margin: Share = 0.0
    least_n: Count = 0
    approver: Text
    rationale: Text

    def holds(self, figure: Figure) -> bool:
        """Whether a figure keeps the bound, interval and margin included."""
        if figure.n < max(1, self.least_n):
            return False
        if self.side == "at_most":
            return figure.high <= self.bound - self.margin
        return figure.low >= self.bound + self.margin


class Component(Entry):
    """A model, classifier, judge, prompt, tool, dataset or adapter that takes part."""

    kind: ClassVar[str] = "component"
    name: Name
    form: Literal["model", "classifier", "judge", "prompt", "tool", "dataset", "adapter"]
    provider: Text
    requested_id: str = ""
    digest: Digest | None = None
    licence: str = ""
    provenance: str = ""


class ServedEpoch(Entry):
    """From here on a served model counts as unchanged, until another epoch of the component opens."""

    kind: ClassVar[str] = "served_epoch"
    component: Name
    epoch: Name
    declared: dict[str, str] = Field(default_factory=dict[str, str])
    opened_at: Moment
    opened_by: Literal["declared", "canary", "manual"]
    suites_to_run: tuple[str, ...] = ()


class Configuration(Entry):
    """What is served now: the versions that evidence has to speak about in order to count."""

    kind: ClassVar[str] = "configuration"
    system: Name
    basis: Basis
    system_prompt: Digest | None = None
    safeguards: tuple[Name, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict[str, str])


class Safeguard(Entry):
    """One layer of defence, what it should do and what happens when it fails."""

    kind: ClassVar[str] = "safeguard"
    name: Name
    layer: Literal["input", "model", "output", "session", "human", "access"]
    rules: tuple[str, ...] = ()
    expected: Text
    fails: Literal["closed", "open"]
    owner: Text


class EvalPlan(Entry):
    """What will be measured, how many, and when it stops: registered before the run."""

    kind: ClassVar[str] = "eval_plan"
    name: Name
    hypothesis: Text
    suites: tuple[Name, ...] = Field(min_length=1)
    n: Count
    method: Text
    stopping: Text
    mitigations: Literal["on", "off", "both"]
    tries: int = Field(default=1, ge=1)
    thresholds: tuple[RecordId, ...] = ()


class EvalRun(Evidence):
    """What a run measured. ``log`` is the digest of the result file; what went otherwise than planned is said."""

    kind: ClassVar[str] = "eval_run"
    plan: RecordId | None = None
    name: Name
    started_at: Moment
    log: Digest
    figures: tuple[Figure, ...] = Field(min_length=1)
    errors: Count = 0
    deviations: tuple[Text, ...] = ()
    contamination: str = ""
    effort_gap: str = ""


class Campaign(Evidence):
    """A red-team campaign with its charter; ``valid_until`` is required, since attacks do not stand still."""

    kind: ClassVar[str] = "campaign"
    name: Name
    charter: Text
    skills: Text
    hours: float = Field(ge=0)
    access: Text
    legal_cover: str = ""
    independent: bool
    parity: Text
    families: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    findings: tuple[RecordId, ...] = ()
    log: Digest | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.valid_until is None:
            raise ValueError("valid_until is missing: say for how long the results count")
        return self


class FindingRecord(Entry):
    """A way through, without its words: digest, rule and tags only (``owasp-llm/2026/LLM01``, ``AML.T0054``)."""

    kind: ClassVar[str] = "finding"
    name: Name
    severity: Literal["low", "medium", "high", "critical"]
    attack: Digest
    family: str = ""
    rule: str = ""
    tags: tuple[str, ...] = ()
    status: Literal["open", "fixed", "accepted", "not_reproduced"]
    reason: str = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.status in ("accepted", "not_reproduced") and not self.reason:
            raise ValueError(f"status {self.status} needs a reason")
        return self


class AlignmentRun(Evidence):
    """A training run towards the policy, and what it changed."""

    kind: ClassVar[str] = "alignment_run"
    name: Name
    method: Text
    data: tuple[Digest, ...]
    base: Text
    result: Digest
    figures: tuple[Figure, ...] = ()
    monitor_was_reward: bool = False


class MonitorSignal(Evidence):
    """Something a monitor counted over a window, in one of the six categories of NIST AI 800-4."""

    kind: ClassVar[str] = "monitor_signal"
    name: Name
    category: Literal["functionality", "operational", "human_factors", "security", "compliance", "large_scale"]
    window_start: Moment
    window_end: Moment
    statistic: Text
    value: float
    alarm: bool


class Release(Entry):
    """The decision to deploy, delay or limit, with what was accepted and who dissented."""

    kind: ClassVar[str] = "release_decision"
    name: Name
    outcome: Literal["go", "no_go", "limited"]
    basis: Basis
    rests_on: tuple[RecordId, ...]
    residual_risk: Text
    dissent: Text
    approver: Text


class Claim(Entry):
    """A sentence that others may rely on, with everything a reader needs in order to doubt it."""

    kind: ClassVar[str] = "claim"
    name: Name
    text: Text
    sort: Kind
    object: Text
    comparator: Text
    threshold: str = ""
    mitigation_state: Literal["on", "off", "both", "not_applicable"]
    adversary: Text
    uncertainty: Text
    evidence: tuple[RecordId, ...] = ()
    rests_on: tuple[RecordId, ...] = ()
    defeaters: tuple["Defeater", ...] = ()

    @model_validator(mode="after")
    def _grounded(self) -> Self:
        if self.sort == "observation" and not self.evidence:
            raise ValueError("an observation needs evidence: name the records it was read from")
        if self.sort in ("inference", "prediction") and not (self.evidence or self.rests_on):
            raise ValueError(f"a claim of the sort {self.sort} needs evidence, or claims that it rests on")
        if self.sort == "norm" and self.evidence:
            raise ValueError("a norm says what should be; no evidence shows it. Claim what was observed apart from it")
        return self


class Defeater(Form):
    """What would make a claim fall; ``answered`` by a record, or still open."""

    text: Text
    answered: RecordId | None = None


class HumanStatement(Entry):
    """What a person stated for an item of a catalogue (``nist-ai-800-1/2.1``), and when it is to be looked at again."""

    kind: ClassVar[str] = "human_statement"
    entry: Name
    text: Text
    signed_by: Text
    review_by: Moment


class ReportRelease(Entry):
    """A report that was handed out: audience, digests of both files, to whom."""

    kind: ClassVar[str] = "report_release"
    audience: Literal["executive", "public", "auditor", "engineer"]
    html: Digest
    json_twin: Digest
    recipients: tuple[Text, ...] = ()


KINDS: tuple[type[Entry], ...] = (
    System, PolicyVersion, ThreatProfile, RiskThreshold, Component, ServedEpoch, Configuration, Safeguard, EvalPlan,
    EvalRun, Campaign, FindingRecord, AlignmentRun, MonitorSignal, Release, Claim, HumanStatement, ReportRelease,
)  # fmt: skip
