"""Do 95 % intervals hold 95 %? Coverage by simulation beside the intervals that peers print, and forecasts tested.

Peers' methods are written anew from their documentation: the mean with a t interval and the percentile bootstrap of the
mean, as evaluation frameworks print them. Neither knows of clusters, and both end at [0, 0] when nothing was hit.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Report, options
from metrics import Value
from scipy import special, stats

from solon.core.stats import clopper_pearson
from solon.evaluate.metrics.clustered import clustered
from solon.evaluate.metrics.judged import Accuracy, judged
from solon.evaluate.metrics.paired import clustered_difference, paired
from solon.evaluate.metrics.rates import jeffreys
from solon.evaluate.metrics.sequential import ChangeTest, anytime
from solon.evaluate.metrics.tries import forecast_from_hits, forecast_from_scores

RATES = (0.0, 0.001, 0.01, 0.05, 0.2, 0.5)
SIZES = (30, 300, 3_000, 100_000)
JITTER = 1.15  # rates are drawn within this factor, so that the grid of whole counts does not decide a cell
LOW, HIGH = 0.94, 0.97
Limits = tuple[float, float]


def t_interval(k: int, n: int) -> Limits:
    """Mean and standard error, Student's t."""
    rate = k / n
    half = float(stats.t.ppf(0.975, n - 1)) * math.sqrt(rate * (1 - rate) / (n - 1))
    return rate - half, rate + half


def bootstrap(k: int, n: int, rng: np.random.Generator) -> Limits:
    """Percentile bootstrap of the mean, 1,000 resamples (of zeros and ones: binomial draws)."""
    low, high = np.quantile(rng.binomial(n, k / n, 1_000) / n, [0.025, 0.975])
    return float(low), float(high)


def near(rate: float, rng: np.random.Generator) -> float:
    """A rate about ``rate``."""
    return min(1.0, rate * JITTER ** rng.uniform(-1, 1))


def share(hits: int, n: int) -> Value:
    one = clopper_pearson(hits, n)
    return Value(value=one.value, low=one.low, high=one.high, n=n)


def simple(repeats: int, report: Report) -> list[tuple[float, float]]:
    """Independent samples. Returns (expected hits, coverage of Jeffreys) of each cell."""
    rng, rows, cells = np.random.default_rng(1), [], []
    for n in SIZES:
        for rate in RATES:
            held = dict.fromkeys(("jeffreys", "exact", "t", "bootstrap"), 0)
            for _ in range(repeats):
                true = near(rate, rng)
                k = int(rng.binomial(n, true))
                one, two = jeffreys(k, n), clopper_pearson(k, n)
                limits = {
                    "jeffreys": (one.low, one.high), "exact": (two.low, two.high), "t": t_interval(k, n),
                    "bootstrap": bootstrap(k, n, rng),
                }  # fmt: skip
                for name, (low, high) in limits.items():
                    held[name] += low <= true <= high
            rows.append({"n": n, "rate": rate} | {name: hits / repeats for name, hits in held.items()})
            cells.append((n * rate, held["jeffreys"] / repeats))
    report.table(f"coverage of one rate, {repeats} repeats a cell", rows)
    return cells


def scattered(rate: float, correlation: float, clusters: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Rates of clusters with mean ``rate``: beta, or logit-normal (width 0.8, 1.8 or 4), which strays more."""
    if correlation == 0 or rate == 0:
        return np.full(clusters, rate)
    total = (1 - correlation) / correlation
    if kind == "beta":
        return rng.beta(rate * total, (1 - rate) * total, clusters)
    width = {0.05: 0.8, 0.2: 1.8, 0.5: 4.0}[correlation]
    nodes = np.linspace(-6, 6, 1201)
    weights = np.exp(-nodes * nodes / 2)
    weights /= weights.sum()
    low, high = -40.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (weights * special.expit(middle + width * nodes)).sum() < rate else (low, middle)
    return special.expit(low + width * rng.standard_normal(clusters))


def grouped(repeats: int, report: Report) -> list[tuple[float, float, float]]:
    """Clusters, equal and unequal. Returns (expected hits, correlation, coverage) of each cell."""
    rng, rows, cells = np.random.default_rng(2), [], []
    for clusters, size in ((20, 10), (50, 20), (100, 100), (400, 250)):
        for rate in (0.0, 0.01, 0.05, 0.2, 0.5):
            for correlation, kind in ((0.0, "beta"), (0.05, "beta"), (0.2, "beta"), (0.5, "beta"), (0.2, "logit")):
                held = dict.fromkeys(("clustered", "t", "bootstrap"), 0)
                for _ in range(repeats):
                    sizes = rng.integers(max(1, size // 2), size * 3 // 2 + 1, clusters)
                    true = near(rate, rng)
                    hits = rng.binomial(sizes, scattered(true, correlation, clusters, kind, rng))
                    k, n = int(hits.sum()), int(sizes.sum())
                    one = clustered(hits.tolist(), sizes.tolist()).interval
                    limits = {
                        "clustered": (one.low, one.high),
                        "t": t_interval(k, n),
                        "bootstrap": bootstrap(k, n, rng),
                    }
                    for name, (low, high) in limits.items():
                        held[name] += low <= true <= high
                rows.append(
                    {"clusters": clusters, "size": size, "rate": rate, "correlation": correlation, "scatter": kind}
                    | {name: hits / repeats for name, hits in held.items()}
                )
                cells.append((clusters * rate, correlation, held["clustered"] / repeats))
    report.table(f"coverage over clusters, {repeats} repeats a cell", rows)
    return cells


def graded(repeats: int, report: Report) -> list[float]:
    """A fallible grader; the uncorrected exact interval beside it."""
    rng, rows, cells = np.random.default_rng(3), [], []
    for n in (100, 1_000):
        for rate in (0.01, 0.05, 0.2, 0.5):
            for found, cleared, labels in ((0.95, 0.97, 300), (0.92, 0.39, 1_000), (0.8, 0.9, 80)):
                held = raw = 0
                for _ in range(repeats):
                    true = near(rate, rng)
                    k = int(rng.binomial(n, true * found + (1 - true) * (1 - cleared)))
                    accuracy = Accuracy(
                        found=int(rng.binomial(labels, found)), positives=labels,
                        cleared=int(rng.binomial(labels, cleared)), negatives=labels,
                    )  # fmt: skip
                    one = judged(k, n, accuracy)
                    held += one.interval.low <= true <= one.interval.high
                    raw += one.raw.low <= true <= one.raw.high
                rows.append(
                    {"n": n, "rate": rate, "sensitivity": found, "specificity": cleared, "labels a side": labels,
                     "carried through": held / repeats, "as the grader says": raw / repeats}
                )  # fmt: skip
                cells.append(held / repeats)
    report.table(f"coverage with a fallible grader, {repeats} repeats a cell", rows)
    return cells


def differences(repeats: int, report: Report) -> list[float]:
    """Paired differences, independent pairs and clusters of ten."""
    rng, rows, cells = np.random.default_rng(4), [], []
    for n, lost, gained in ((100, 0.05, 0.05), (100, 0.02, 0.1), (1_000, 0.01, 0.03), (1_000, 0.1, 0.2)):
        for alike in (0.0, 0.2):
            held = false = 0
            for _ in range(repeats):
                if alike:
                    total = (1 - alike) / alike
                    each = rng.dirichlet(
                        np.maximum([lost * total, gained * total, (1 - lost - gained) * total], 1e-9), n // 10
                    )
                    change = np.concatenate([rng.choice([-1, 1, 0], 10, p=row) for row in each])
                    one = clustered_difference(change < 0, change > 0, np.arange(n) // 10)
                else:
                    minus, plus, _ = rng.multinomial(n, [lost, gained, 1 - lost - gained])
                    one = paired(int(minus), int(plus), n)
                held += one.low <= gained - lost <= one.high
                false += one.separated
            rows.append(
                {"pairs": n, "lost": lost, "gained": gained, "correlation": alike, "coverage": held / repeats,
                 "told apart": false / repeats}
            )  # fmt: skip
            cells.append(held / repeats)
    report.table(f"coverage of paired differences, {repeats} repeats a cell", rows)
    return cells


def at_zero(report: Report) -> float:
    """Nothing hit: upper limits of all methods. Returns the least ratio of ours to the exact ones."""
    rng, rows, least = np.random.default_rng(5), [], math.inf
    for n in (30, 256, 1_000, 100_000):
        exact = clopper_pearson(0, n).high
        grader = Accuracy(found=285, positives=300, cleared=291, negatives=300)
        groups = [n // 10] * 10 if n % 10 == 0 else [n // 8] * 8
        ours = {
            "jeffreys": jeffreys(0, n).high,
            "clustered (8 or 10 groups)": clustered([0] * len(groups), groups).interval.high,
            "grader 0.95 / 0.97": judged(0, n, grader).interval.high, "at any time": anytime(0, n).high,
        }  # fmt: skip
        least = min(least, min(ours.values()) / exact)
        rows.append({"n": n, "exact": exact} | ours | {"t": t_interval(0, n)[1], "bootstrap": bootstrap(0, n, rng)[1]})
    report.table("upper limits at 0 of n", rows)
    return least


def any_time(repeats: int, report: Report) -> tuple[int, int]:
    """Looking after every sample: how often the truth is ever left, and how often a change test alarms without one."""
    rng, rows = np.random.default_rng(6), []
    left_all = alarms_all = 0
    for rate in (0.01, 0.1, 0.5):
        left = alarms = exact_left = 0
        for _ in range(repeats):
            outcomes = rng.random(3_000) < rate
            counts = np.cumsum(outcomes)
            looks = range(9, 3_000, 10)
            limit = math.log(20)
            ever = any(
                special.betaln(counts[at] + 1, at + 2 - counts[at]) - special.xlogy(counts[at], rate)
                - special.xlog1py(at + 1 - counts[at], -rate) >= limit
                for at in looks
            )  # fmt: skip
            left += ever
            exact_left += any(
                not (one.low <= rate <= one.high) for one in (jeffreys(int(counts[at]), at + 1) for at in looks[::10])
            )
            alarms += ChangeTest(rate).run(bool(hit) for hit in outcomes) is not None
        rows.append(
            {"rate": rate, "sequence ever wrong": left / repeats,
             "plain interval ever wrong (30 looks)": exact_left / repeats,
             "false alarms of a change": alarms / repeats}
        )  # fmt: skip
        left_all, alarms_all = left_all + left, alarms_all + alarms
    report.table(f"looking all the time, 3,000 samples, {repeats} repeats a row", rows)
    return left_all, alarms_all


def forecasts(repeats: int, report: Report) -> tuple[list[float], int]:
    """ASR@100,000 from 1,000 attempts: 100 goals of 10 tries (hits), or 1,000 scores. Factors of hits, and covered."""
    rng, rows, factors, covered = np.random.default_rng(7), [], [], 0
    for a, b in ((0.1, 20), (0.1, 1_000), (0.3, 30), (0.3, 300), (0.5, 5), (1, 2_000)):
        here, held = [], 0
        truth = float(-np.expm1(special.betaln(a, b + 100_000) - special.betaln(a, b)))
        for _ in range(repeats):
            hits = rng.binomial(10, rng.beta(a, b, 100))
            one = forecast_from_hits(hits.tolist(), [10] * 100, 100_000)
            here.append(max(one.value / truth, truth / one.value))
            held += one.low <= truth <= one.high
        rows.append(
            {"from": "hits", "world": f"beta({a}, {b})", "ASR@100k": truth, "median factor": float(np.median(here)),
             "95 % factor": float(np.quantile(here, 0.95)), "covered": held / repeats}
        )  # fmt: skip
        factors, covered = factors + here, covered + held
    worlds: dict[str, tuple[Callable[..., np.ndarray], Callable[[float], float]]] = {
        "normal": (rng.normal, lambda p: float(stats.norm.isf(p))),
        "logistic": (rng.logistic, lambda p: math.log((1 - p) / p)),
        "exponential": (rng.exponential, lambda p: -math.log(p)),
    }
    for name, (draw, beyond) in worlds.items():
        for p in (1e-4, 1e-5, 1e-6):
            here, held = [], 0
            truth = -math.expm1(100_000 * math.log1p(-p))
            for _ in range(repeats):
                one = forecast_from_scores(draw(size=1_000), beyond(p), 100_000)
                here.append(max(one.value / truth, truth / max(one.value, 1e-12)))
                held += one.low <= truth <= one.high
            rows.append(
                {"from": "scores", "world": f"{name}, p = {p:g}", "ASR@100k": truth,
                 "median factor": float(np.median(here)), "95 % factor": float(np.quantile(here, 0.95)),
                 "covered": held / repeats}
            )  # fmt: skip
    report.table(f"ASR@100k from 1,000 attempts, {repeats} repeats a row", rows)
    return factors, covered


def of_scores(path: Path, repeats: int, report: Report) -> None:
    """The same on real scores (one number a line, higher is nearer to success): shares of all lines are the truth."""
    scores = np.loadtxt(path)
    rng, rows = np.random.default_rng(8), []
    for allowed in (0.003, 0.001):
        threshold = float(np.quantile(scores, 1 - allowed))
        true = float((scores > threshold).mean())
        for k in (100, 1_000):
            truth, here, held = -math.expm1(k * math.log1p(-true)), [], 0
            for _ in range(repeats):
                one = forecast_from_scores(rng.choice(scores, 1_000, replace=False), threshold, k)
                here.append(max(one.value / truth, truth / max(one.value, 1e-12)))
                held += one.low <= truth <= one.high
            rows.append(
                {
                    "rate": true,
                    "k": k,
                    "ASR@k": truth,
                    "median factor": float(np.median(here)),
                    "covered": held / repeats,
                }
            )
    report.table(f"forecasts on {len(scores)} real scores, 1,000 drawn, {repeats} repeats a row", rows)


def pooled(cells: Iterator[float] | list[float], repeats: int) -> Value:
    found = list(cells)
    return share(round(sum(found) * repeats), len(found) * repeats)


def main() -> None:
    parser = options("eval_intervals", __doc__ or "")
    parser.add_argument("--repeats", type=int, default=1_000, help="repeats a cell")
    parser.add_argument("--scores", type=Path, default=None, help="real scores, one a line, for the forecast")
    settings = parser.parse_args()
    repeats = settings.quick or settings.repeats
    measure(repeats, Report(name="eval_intervals", settings=settings)).finish()


def measure(repeats: int, report: Report) -> Report:
    """Run everything; cells that expect fewer than 5 hits (or clusters with hits) cannot be at 95 %: stated apart."""
    band = f"95 % intervals, {LOW:.0%}-{HIGH:.0%} wanted"
    cells = simple(repeats, report)
    report.figure(
        "one rate: coverage, 5 hits or more expected", pooled([c for e, c in cells if e >= 5], repeats), band, gate=LOW
    )
    report.figure("one rate: coverage, fewer", pooled([c for e, c in cells if e < 5], repeats), band, gate=LOW)
    groups = grouped(max(10, repeats // 4), report)
    few = max(10, repeats // 4)
    alike = [c for e, r, c in groups if e >= 5 and r]
    report.figure("clusters: coverage, 5 clusters' worth of hits or more", pooled(alike, few), band, gate=LOW)
    report.figure(
        "clusters: coverage, fewer hits or none alike",
        pooled([c for e, r, c in groups if e < 5 or not r], few),
        band,
        gate=LOW,
    )
    judged_cells = graded(few, report)
    report.figure("fallible grader: coverage", pooled(judged_cells, few), band, gate=LOW)
    report.figure("paired differences: coverage", pooled(differences(few, report), few), band, gate=LOW)
    least = at_zero(report)
    report.figure(
        "upper limit at 0 of n over the exact one, least", Value(value=least, n=4), "closed form", gate=1 - 1e-9
    )
    looks = max(10, repeats // 10)
    left, alarms = any_time(looks, report)
    report.figure("sequence ever wrong", share(left, 3 * looks), "300 looks", gate=0.05, at_most=True)
    report.figure("change test: false alarms", share(alarms, 3 * looks), "3,000 looks", gate=0.05, at_most=True)
    factors, covered = forecasts(looks, report)
    report.figure(
        "forecast of ASR@100k from 1,000 attempts: median factor",
        Value(value=float(np.median(factors)), n=len(factors)),
        "hits of 100 goals x 10 tries", gate=2.0, at_most=True,
    )  # fmt: skip
    report.figure("forecast: covered", share(covered, len(factors)), "95 % intervals", gate=LOW)
    if getattr(report.settings, "scores", None):
        of_scores(report.settings.scores, looks, report)
    return report


if __name__ == "__main__":
    main()
