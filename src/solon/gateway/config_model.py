"""What a gateway can be told: frozen models whose defaults make a safe gateway on one machine.

The sentences under the fields are the reference in ``docs/gateway.md``. Secrets are kept as ``SecretStr``: they print
as stars, and ``digest`` does not contain them.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator

from solon.core.record import digest
from solon.engines.router.providers import providers
from solon.gateway.config_base import (
    BaseUrl,
    FileName,
    HttpUrl,
    Keyed,
    Name,
    Pack,
    Settings,
    Share,
    misplaced,
    require_known,
    state_folder,
)
from solon.gateway.config_effort import EffortSettings
from solon.gateway.config_monitor import MonitorSettings, PersistenceSettings

DialectName = Literal["openai_chat", "openai_responses", "anthropic_messages"]


class Tls(Settings):
    """Certificate and key in PEM; both files are read at start."""

    certificate: FileName
    """Certificate chain."""
    key: FileName
    """Private key."""


class Listen(Settings):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    """Address to bind; `0.0.0.0` for every interface."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port; 0 takes a free one and prints it."""
    workers: NonNegativeInt = 1
    """Worker processes; 0 is one for each core."""
    tls: Tls | None = None
    """Serve HTTPS. Without it put the gateway behind something that does."""
    drain_s: PositiveFloat = 30.0
    """How long a stopping worker lets requests and streams in flight finish."""


class HttpLimits(Settings):
    """Bounds on what a client may send, against slow and oversized requests."""

    max_body_bytes: PositiveInt = 32 * 2**20
    """Largest request body; larger ones get 413."""
    header_timeout_s: PositiveFloat = 10.0
    """Time for the headers of a request to arrive whole."""
    body_timeout_s: PositiveFloat = 60.0
    """Time for the body of a request to arrive whole; then 408."""
    keep_alive_s: PositiveFloat = 30.0
    """How long an idle connection is kept."""
    max_connections: PositiveInt = 2000
    """Connections a worker holds at once; more get 503."""


class Timeouts(Settings):
    """How long an upstream may take, in seconds."""

    connect: PositiveFloat = 5.0
    """Until the connection stands."""
    first_byte: PositiveFloat = 120.0
    """Until the reply begins."""
    idle: PositiveFloat = 60.0
    """Between two pieces of a reply."""
    total: PositiveFloat = 900.0
    """For one call in all."""


class Retries(Settings):
    """Calls are repeated only before anything was sent to the client, and only where that is safe."""

    attempts: int = Field(default=3, ge=1, le=10)
    """Calls in all for one request to one upstream; 1 is no retry."""
    budget_share: Share = 0.2
    """Retries as a share of all calls; above it none are made, so that they cannot multiply an outage."""


class Breaker(Settings):
    """Stops calling an upstream that fails, so that fallbacks answer at once."""

    least: PositiveInt = 10
    """Calls within the window before it may open."""
    share: Share = 0.5
    """Share of them that must have failed."""
    window_s: PositiveFloat = 30.0
    """The window."""
    open_s: PositiveFloat = 5.0
    """How long it stays open before one request is let through as a probe; doubles after each failed probe."""
    longest_s: PositiveFloat = 60.0
    """Longest it stays open between two probes."""


class Upstream(Keyed):
    """A model endpoint."""

    dialect: DialectName | Literal["embedded"] = "openai_chat"
    """What it speaks. `embedded` is a built-in model that repeats what it is told, for trying things out."""
    url: BaseUrl | None = None
    """Base address: `https://api.openai.com`, `http://localhost:8000`. A `/v1` at its end may be left out."""
    headers: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    """More headers for every call. `${NAME}` in a value stands for an environment variable."""
    timeout: Timeouts = Timeouts()
    """Limits on its time."""
    retries: Retries = Retries()
    """When a call is repeated."""
    breaker: Breaker = Breaker()
    """When it is left alone."""
    effort: str | None = None
    """Which row of the table of providers says how effort is told here (docs/effort.md lists them); by default that of
    its address, or none."""
    max_in_flight: NonNegativeInt = 0
    """Calls a worker has open to it at once; more go to the fallbacks, else get 503. 0 is no bound."""
    max_reply_bytes: PositiveInt = 32 * 2**20
    """Largest reply that is read."""

    @model_validator(mode="after")
    def _effort_is_known(self) -> Self:
        if self.effort is not None:
            require_known(self.effort, providers().names(), "provider", ("effort",))
        return self

    @model_validator(mode="after")
    def _needs_url(self) -> Self:
        if (self.url is None) != (self.dialect == "embedded"):
            raise ValueError("an upstream needs a url, and an embedded one must have none")
        return self


def _bare_name(value: object) -> object:
    return {"upstream": value} if isinstance(value, str) else value


class Fallback(Settings):
    """Where a request goes when the route's upstream fails before the reply began."""

    upstream: Name
    """Name of an upstream."""
    upstream_model: str | None = None
    """The model's name there; the route's otherwise."""


class Route(Settings):
    """Which requests go where, judged by what. The first route whose `models` and `keys` fit is taken."""

    name: Name
    """Shown in records, metrics and logs."""
    models: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Model names a client may ask for; `*` and `?` are wildcards."""
    upstream: Name
    """Name of an upstream."""
    upstream_model: str | None = None
    """The model's name there; the client's own otherwise."""
    fallbacks: tuple[Annotated[Fallback, BeforeValidator(_bare_name)], ...] = ()
    """Tried in order when the upstream fails: names of upstreams, or `{upstream, upstream_model}`."""
    policy: Name = "default"
    """Name of a policy below."""
    effort: Name | None = None
    """Name of an entry of `effort` below; without one, effort is the client's, and raised where the guard refines."""
    keys: tuple[str, ...] | None = None
    """Ids of the keys that may use it; all of them otherwise."""
    pass_through: bool = False
    """Relay paths that neither write text nor keep anything (embeddings, moderations, transcriptions, …), unscreened
    but authenticated and limited. Without it they are refused; every other path always is."""


class JudgeSettings(Keyed):
    """A language model that reasons over the rules where the classifiers are uncertain."""

    url: HttpUrl
    """Base address of an OpenAI-compatible endpoint."""
    model: str
    """The model's name there."""
    timeout_s: PositiveFloat = 10.0
    """For one answer; none in time is undetermined, never safe."""
    per_minute: NonNegativeInt = 60
    """Calls a minute and worker; above it the judge is undetermined. 0 is no bound."""


class Canary(Settings):
    """Another pack or other weights for a share of the conversations."""

    pack: Pack
    """Pack to try."""
    weights: FileName | None = None
    """Weights to try."""
    share: Share = 0.05
    """Share of conversations; one conversation stays on one side."""


class Checks(Settings):
    """What is screened. Only the operator can turn a check off, here."""

    input: bool = True
    """What the client sends."""
    output: bool = True
    """What the model answers."""
    reasoning: bool = True
    """What the model thinks, where the provider shows it."""
    tools: bool = True
    """Tool calls and their results."""


class PolicySettings(Settings):
    """How a pack of rules is applied."""

    pack: Pack = "baseline"
    """Name of a built-in pack, or the folder of one."""
    weights: FileName | None = None
    """Folder of weights; the shipped ones otherwise."""
    judge: JudgeSettings | None = None
    """Asked on uncertain cases."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow` decides and records, and lets everything through."""
    canary: Canary | None = None
    """Try something else on a share of the traffic."""
    screen: Checks = Checks()
    """What is screened."""
    reasoning: Literal["pass", "hide"] = "pass"
    """Whether clients see the model's reasoning, where it was permitted."""
    show_rule: bool = False
    """Name the rule's id in a refusal; its public wording is always there."""
    fail: dict[str, Literal["open", "closed"]] = Field(default_factory=dict[str, Literal["open", "closed"]])
    """By rule id: what it asks for when nothing could judge it. `open` permits, `closed` blocks; the pack's own
    setting holds for the others."""
    on_error: Literal["permit", "refine", "block"] = "block"
    """What is done where screening itself fails."""
    deadline_ms: PositiveFloat = 2000.0
    """Time for judging one piece of text; later is undetermined."""
    monitor: MonitorSettings = MonitorSettings()
    """Who watches reasoning and tool calls."""
    persistence: PersistenceSettings = PersistenceSettings()
    """How long a refusal counts."""


class KeysSettings(Settings):
    """Who may call."""

    file: FileName | None = None
    """Keys file, written by `solon keys`; `keys.json` in the state folder otherwise."""


class Limits(Settings):
    """Bounds on use; a field left out is no bound."""

    requests_per_minute: PositiveInt | None = None
    """Requests a minute, as a token bucket that holds one minute's worth."""
    tokens_per_minute: PositiveInt | None = None
    """Tokens a minute, input and output; an estimate is reserved first and settled with the provider's count."""
    concurrent: PositiveInt | None = None
    """Requests at the same time, streams among them."""
    spend_per_day: PositiveFloat | None = None
    """US dollars a day (UTC), by the price table. Models without a price are refused under such a bound."""
    reasoning_per_day: PositiveInt | None = None
    """Reasoning tokens a day (UTC), as providers count them; until they have, the request's own cap is reserved."""


class LimitSettings(Settings):
    """Limits that hold for everyone; a key may carry its own."""

    key: Limits = Limits()
    """For each key."""
    tenant: Limits = Limits()
    """For each tenant, over all its keys."""
    tenants: dict[str, Limits] = Field(default_factory=dict[str, Limits])
    """By name of a tenant, instead of `tenant`."""
    lease_ms: PositiveInt = 200
    """How often workers share their counts. Near a limit one may refuse this long what another still holds."""
    shared: Literal["host", "ledger"] = "host"
    """Where counts are kept: a file of this host, or the ledger's database, which replicas share."""


class LedgerSettings(Settings):
    """Where every decision is recorded."""

    dsn: SecretStr | None = None
    """`sqlite:///path` or `postgresql://…`; `ledger.db` in the state folder otherwise. `${NAME}` stands for an
    environment variable."""
    content: Literal["keep", "hash", "encrypt", "drop"] = "keep"
    """What becomes of texts in records. Decisions, counts and digests are always kept."""
    encryption_key_env: str | None = None
    """Environment variable with the key for `content: encrypt`."""
    retention_days: PositiveInt | None = 30
    """Age at which texts are dropped; `null` keeps them."""
    flush_ms: PositiveInt = 50
    """A record is on disk within this time; it is the most that a crash can lose."""
    capacity: PositiveInt = 10_000
    """Records that may wait; then requests wait too, rather than go unrecorded."""

    @model_validator(mode="after")
    def _encryption_needs_key(self) -> Self:
        if (self.content == "encrypt") != (self.encryption_key_env is not None):
            raise ValueError("`content: encrypt` and encryption_key_env go together")
        if self.encryption_key_env and not os.environ.get(self.encryption_key_env, "").strip():
            raise ValueError(f"environment variable {self.encryption_key_env} is not set")
        return self


class MetricsSettings(Settings):
    """Prometheus metrics."""

    enabled: bool = True
    """Serve them."""
    path: str = Field(default="/metrics", pattern=r"^/[A-Za-z0-9/_-]+$")
    """Where."""
    open: bool = False
    """Without a key. Otherwise an admin key is asked for, as a bearer token."""


class TracingSettings(Settings):
    """OpenTelemetry traces with the GenAI conventions; nothing of it is loaded without `otlp`."""

    otlp: HttpUrl | None = None
    """Address of a collector that takes OTLP over HTTP, like `http://localhost:4318`."""
    headers: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    """Headers for the collector. `${NAME}` in a value stands for an environment variable."""
    sample: Share = 1.0
    """Share of requests traced; a caller's `traceparent` that is sampled is followed."""
    service: str = "solon-gateway"
    """Name of the service."""


class LogSettings(Settings):
    """Logs on standard error, one line an event."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""
    format: Literal["json", "text"] = "json"
    """JSON, or text for eyes."""
    content: bool = False
    """Write texts of requests and replies too."""
    redact: bool = True
    """Blank out addresses, numbers and keys in those texts."""


class AdminSettings(Keyed):
    """Dashboard and administration under `/admin`, for keys made with `solon keys new --admin`, and this one."""

    enabled: bool = True
    """Serve it."""


class SessionSettings(Settings):
    """What is remembered of a conversation, to see payloads that were split over turns."""

    enabled: bool = True
    """Remember."""
    ttl_s: PositiveFloat = 3600.0
    """For how long after its last turn."""
    capacity: PositiveInt = 10_000
    """Conversations a worker remembers; the oldest go first."""


class ImageSettings(Settings):
    """What pictures may be sent, and how they are read."""

    enabled: bool = True
    """Take pictures at all."""
    max_count: NonNegativeInt = 20
    """In one request."""
    max_bytes: PositiveInt = 10 * 2**20
    """Of one picture, decoded from base64."""
    max_pixels: PositiveInt = 40_000_000
    """Width times height of one picture."""
    ocr: bool = True
    """Read and screen text in pictures; needs the `ocr` extra."""
    unread: Literal["refuse", "pass"] = "refuse"
    """What becomes of a picture that could not be read, and of what no guard reads: audio, PDFs, stored files."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts from which pictures given by address are fetched, over HTTPS and from public addresses only; none
    otherwise."""
    fetch_timeout_s: PositiveFloat = 10.0
    """For one such picture."""


class PriceSettings(Settings):
    """What models cost."""

    file: FileName | None = None
    """A price table of your own, laid over the built-in one."""


class ReloadSettings(Settings):
    """When configuration, keys, policies and weights are read again."""

    poll_s: float = Field(default=2.0, ge=0)
    """How often files are looked at; 0 is never: SIGHUP and `POST /admin/reload` still work."""


def _default_upstreams() -> dict[str, Upstream]:
    return {"embedded": Upstream(dialect="embedded")}


def _default_policies() -> dict[str, PolicySettings]:
    return {"default": PolicySettings()}


class GatewayConfig(Settings):
    """The whole of it. An empty file is a gateway on this machine: embedded upstream, baseline policy, SQLite."""

    state: FileName = Field(default_factory=state_folder)
    """Folder for what the gateway writes: ledger, keys, counts. Made with access for its owner only."""
    listen: Listen = Listen()
    limits_http: HttpLimits = HttpLimits()
    upstreams: dict[Name, Upstream] = Field(default_factory=_default_upstreams, min_length=1)
    routes: tuple[Route, ...] = ()
    """Without any, every model goes to the first upstream under the first policy."""
    policies: dict[Name, PolicySettings] = Field(default_factory=_default_policies, min_length=1)
    effort: dict[Name, EffortSettings] = Field(default_factory=dict[Name, EffortSettings])
    """How much thought requests get, by a name that routes refer to."""
    keys: KeysSettings = KeysSettings()
    limits: LimitSettings = LimitSettings()
    ledger: LedgerSettings = LedgerSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    logs: LogSettings = LogSettings()
    admin: AdminSettings = AdminSettings()
    session: SessionSettings = SessionSettings()
    images: ImageSettings = ImageSettings()
    prices: PriceSettings = PriceSettings()
    reload: ReloadSettings = ReloadSettings()

    @model_validator(mode="before")
    @classmethod
    def _one_route_at_least(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = cast(dict[str, Any], value)
        if given.get("routes"):
            return given
        upstreams, policies = given.get("upstreams") or ["embedded"], given.get("policies") or ["default"]
        if not all(isinstance(names, dict | list) for names in (upstreams, policies)):
            return given  # told as what it is
        route = {"name": "default", "upstream": next(iter(upstreams)), "policy": next(iter(policies))}
        return {**given, "routes": given.get("routes") or [route]}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for number, route in enumerate(self.routes):
            at = ("routes", number)
            require_known(route.upstream, self.upstreams, "upstream", (*at, "upstream"))
            require_known(route.policy, self.policies, "policy", (*at, "policy"))
            if route.effort is not None:
                require_known(route.effort, self.effort, "entry of effort", (*at, "effort"))
            for order, fallback in enumerate(route.fallbacks):
                require_known(fallback.upstream, self.upstreams, "upstream", (*at, "fallbacks", order))
            if any(route.name == other.name for other in self.routes[:number]):
                raise misplaced(f"route {route.name!r} is there twice", (*at, "name"))
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical form, secrets starred: names this configuration in records."""
        return digest(self.model_dump(mode="json"))

    @property
    def keys_file(self) -> Path:
        """Where the keys are."""
        return self.keys.file or self.state / "keys.json"

    @property
    def ledger_dsn(self) -> str:
        """The ledger's address, with its password if it has one: never print it."""
        return self.ledger.dsn.get_secret_value() if self.ledger.dsn else f"sqlite:///{self.state / 'ledger.db'}"
