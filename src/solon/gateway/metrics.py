"""Prometheus metrics, summed over worker processes. Nothing that a client sends becomes a label.

With more than one worker every process keeps its counts in files of one folder, which whichever worker is scraped adds
up. ``METRICS`` is the whole list, and the one in ``docs/gateway.md``.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
OTHER = "other"
_MOST_VALUES = 200
_LONGEST_VALUE = 80
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: its name, kind, labels and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    about: str


METRICS = (
    Metric(
        name="solon_requests_total",
        kind="counter",
        labels=("route", "dialect", "status", "stream"),
        about="Requests answered, by HTTP status.",
    ),
    Metric(
        name="solon_decisions_total",
        kind="counter",
        labels=("policy", "action", "cause", "mode", "variant"),
        about="Decisions: `action` permit, refine or block; `cause` input, output, reasoning, tool or none; `mode` "
        "enforce or shadow; `variant` main or canary.",
    ),
    Metric(
        name="solon_rules_total",
        kind="counter",
        labels=("policy", "rule", "action"),
        about="Decisions that a rule asked for.",
    ),
    Metric(
        name="solon_undetermined_total",
        kind="counter",
        labels=("policy",),
        about="Decisions in which an engine gave no answer.",
    ),
    Metric(
        name="solon_monitored_total",
        kind="counter",
        labels=("policy", "visibility"),
        about="Requests that the monitor read, by how much of the reasoning showed: full, summary, signed, hidden or "
        "none; `failed` where it gave no answer.",
    ),
    Metric(
        name="solon_signs_total",
        kind="counter",
        labels=("policy", "sign"),
        about="Signs that the monitor found in requests and reasoning.",
    ),
    Metric(
        name="solon_actions_total",
        kind="counter",
        labels=("policy", "ruling"),
        about="Tool calls by what the monitor ruled: approve, refine or hold.",
    ),
    Metric(name="solon_cuts_total", kind="counter", labels=("policy",), about="Streams ended by a decision."),
    Metric(
        name="solon_tokens_total",
        kind="counter",
        labels=("route", "direction"),
        about="Tokens as upstreams counted them: `direction` input, output or reasoning (which is part of output).",
    ),
    Metric(
        name="solon_effort_total",
        kind="counter",
        labels=("route", "level", "adjusted"),
        about="Replies by the level of effort asked of the upstream (`other` where that is not known); `adjusted` yes "
        "where it is not what the client asked for.",
    ),
    Metric(
        name="solon_effort_unobserved_total",
        kind="counter",
        labels=("route",),
        about="Replies whose reasoning tokens are not known: the upstream counted none, or its counts contradict "
        "themselves.",
    ),
    Metric(
        name="solon_effort_breaches_total",
        kind="counter",
        labels=("route", "scope", "done"),
        about="Caps on effort that were reached: `scope` request or session; `done` says what became of the reply.",
    ),
    Metric(
        name="solon_effort_ignored",
        kind="gauge",
        labels=("upstream", "finding"),
        about="1 where an upstream does not follow the effort it is told: `finding` ignored, not disabled or none.",
    ),
    Metric(name="solon_cost_usd_total", kind="counter", labels=("route",), about="US dollars, by the price table."),
    Metric(
        name="solon_unpriced_total",
        kind="counter",
        labels=("route",),
        about="Replies whose cost is not known: their model has no price, or the upstream counted nothing.",
    ),
    Metric(
        name="solon_stage_seconds",
        kind="histogram",
        labels=("stage",),
        about="Time of a stage: `screen_in`, `screen_out`, `upstream`, `first_byte`, `total`, `added` (total less "
        "upstream), `monitor` (after the reply).",
    ),
    Metric(
        name="solon_limited_total",
        kind="counter",
        labels=("kind",),
        about="Requests refused by a limit: rate_limit or budget.",
    ),
    Metric(
        name="solon_unauthenticated_total", kind="counter", labels=(), about="Requests without a key that is valid."
    ),
    Metric(
        name="solon_upstream_errors_total",
        kind="counter",
        labels=("upstream", "kind"),
        about="Calls to an upstream that failed, by kind of error.",
    ),
    Metric(
        name="solon_upstream_open",
        kind="gauge",
        labels=("upstream",),
        about="1 where a worker's circuit breaker of an upstream is open or half open.",
    ),
    Metric(name="solon_in_flight", kind="gauge", labels=(), about="Requests being served now."),
    Metric(
        name="solon_reloads_total",
        kind="counter",
        labels=("result",),
        about="Reloads of configuration, keys, policies and weights: `ok`, or `kept`, where a broken one was refused.",
    ),
    Metric(
        name="solon_reload_broken",
        kind="gauge",
        labels=(),
        about="1 while what lies on disk cannot be loaded and an older configuration serves.",
    ),
    Metric(
        name="solon_ledger_waiting", kind="gauge", labels=(), about="Records that wait to be written to the ledger."
    ),
    Metric(name="solon_ledger_refused_total", kind="counter", labels=(), about="Requests refused for a full ledger."),
)
_GAUGE_MODES = {"solon_upstream_open": "livemax", "solon_reload_broken": "livemax", "solon_effort_ignored": "livemax"}


def prepare_folder(folder: Path) -> None:
    """Make the folder of the workers' counts, empty, and name it to processes started from here. For the parent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink(missing_ok=True)
    os.environ[FOLDER_VARIABLE] = str(folder)


def forget_worker(pid: int) -> None:
    """Take a dead worker out of the gauges; its counters stay counted. For the parent."""
    if os.environ.get(FOLDER_VARIABLE):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)


class Metrics:
    """The metrics of one process; of all its siblings where ``prepare_folder`` was called before they started.

    Any value of a label beyond the first 200, or longer than 80 characters, counts under ``other``.
    """

    def __init__(self) -> None:
        import prometheus_client as prometheus

        prometheus.disable_created_metrics()  # a second series for each, which nothing here needs
        self._folder = os.environ.get(FOLDER_VARIABLE)
        self._registry: CollectorRegistry = prometheus.CollectorRegistry()
        self._children: dict[tuple[str, ...], Any] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._labels = {metric.name: metric.labels for metric in METRICS}
        kinds: dict[str, Callable[..., Any]] = {
            "counter": prometheus.Counter,
            "gauge": prometheus.Gauge,
            "histogram": prometheus.Histogram,
        }
        self._metrics: dict[str, Any] = {}
        for metric in METRICS:
            more: dict[str, Any] = {"registry": self._registry}
            if metric.kind == "histogram":
                more["buckets"] = _SECONDS
            if metric.kind == "gauge":
                more["multiprocess_mode"] = _GAUGE_MODES.get(metric.name, "livesum")
            self._metrics[metric.name] = kinds[metric.kind](metric.name, metric.about, metric.labels, **more)

    def request(self, *, route: str, dialect: str, status: int, stream: bool) -> None:
        """A request was answered."""
        self._child("solon_requests_total", route, dialect, str(status), "yes" if stream else "no").inc()

    def decision(
        self, *, policy: str, action: str, cause: str = "", shadow: bool = False, variant: str = "main"
    ) -> None:
        """A decision was made on a request and its reply."""
        mode = "shadow" if shadow else "enforce"
        self._child("solon_decisions_total", policy, action, cause or "none", mode, variant).inc()

    def rule(self, *, policy: str, rule: str, action: str) -> None:
        """A rule asked for the action of a decision."""
        self._child("solon_rules_total", policy, rule, action).inc()

    def undetermined(self, policy: str) -> None:
        """An engine gave no answer."""
        self._child("solon_undetermined_total", policy).inc()

    def watched(self, *, policy: str, visibility: str) -> None:
        """The monitor read a request."""
        self._child("solon_monitored_total", policy, visibility).inc()

    def sign(self, *, policy: str, sign: str) -> None:
        """It found a sign."""
        self._child("solon_signs_total", policy, sign).inc()

    def action(self, *, policy: str, ruling: str) -> None:
        """It ruled on a tool call."""
        self._child("solon_actions_total", policy, ruling).inc()

    def cut(self, policy: str) -> None:
        """A stream was ended by a decision."""
        self._child("solon_cuts_total", policy).inc()

    def tokens(self, *, route: str, input: int, output: int, reasoning: int = 0) -> None:
        """An upstream counted tokens."""
        for direction, count in (("input", input), ("output", output), ("reasoning", reasoning)):
            if count > 0:
                self._child("solon_tokens_total", route, direction).inc(count)

    def effort(self, *, route: str, level: str | None, adjusted: bool, observed: bool) -> None:
        """A reply came for which effort was asked, or not."""
        self._child("solon_effort_total", route, level or OTHER, "yes" if adjusted else "no").inc()
        if not observed:
            self._child("solon_effort_unobserved_total", route).inc()

    def effort_breach(self, *, route: str, scope: str, done: str) -> None:
        """A cap was reached."""
        self._child("solon_effort_breaches_total", route, scope, done).inc()

    def effort_ignored(self, upstream: str, finding: str) -> None:
        """An upstream does not follow the effort it is told."""
        self._child("solon_effort_ignored", upstream, finding).set(1.0)

    def cost(self, *, route: str, usd: float | None) -> None:
        """A reply's cost; ``None`` where it is not known."""
        if usd is None:
            self._child("solon_unpriced_total", route).inc()
        elif usd > 0:
            self._child("solon_cost_usd_total", route).inc(usd)

    def stage_ms(self, stage: str, milliseconds: float) -> None:
        """A stage took so long."""
        self._child("solon_stage_seconds", stage).observe(milliseconds / 1e3)

    def limited(self, kind: str) -> None:
        """A limit refused a request."""
        self._child("solon_limited_total", kind).inc()

    def unauthenticated(self) -> None:
        """A request came without a valid key."""
        self._child("solon_unauthenticated_total").inc()

    def upstream_error(self, *, upstream: str, kind: str) -> None:
        """A call failed."""
        self._child("solon_upstream_errors_total", upstream, kind).inc()

    def upstream_open(self, upstream: str, is_open: bool) -> None:
        """How an upstream's circuit stands."""
        self._child("solon_upstream_open", upstream).set(float(is_open))

    def in_flight(self, change: int) -> None:
        """A request began (1) or ended (-1)."""
        self._child("solon_in_flight").inc(change)

    def reloaded(self, ok: bool) -> None:
        """A reload was done, or refused."""
        self._child("solon_reloads_total", "ok" if ok else "kept").inc()
        self._child("solon_reload_broken").set(float(not ok))

    def ledger_waiting(self, records: int) -> None:
        """How many records wait."""
        self._child("solon_ledger_waiting").set(records)

    def ledger_refused(self) -> None:
        """A request was refused since the ledger is full."""
        self._child("solon_ledger_refused_total").inc()

    def exposition(self) -> bytes:
        """What a scrape gets, for all workers. Reads files with more than one: call it off the event loop."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess

        if self._folder is None:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone, path=self._folder)
        return generate_latest(everyone)

    def _child(self, name: str, *values: str) -> Any:
        key = (name, *values)
        child = self._children.get(key)
        if child is None:
            bounded = [
                self._bounded(name, label, value) for label, value in zip(self._labels[name], values, strict=True)
            ]
            metric = self._metrics[name]
            child = metric.labels(*bounded) if bounded else metric
            if list(values) == bounded:
                self._children[key] = child
        return child

    def _bounded(self, name: str, label: str, value: str) -> str:
        seen = self._seen.setdefault((name, label), set())
        if value in seen:
            return value
        if len(seen) >= _MOST_VALUES or len(value) > _LONGEST_VALUE:
            return OTHER
        seen.add(value)
        return value
