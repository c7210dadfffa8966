"""Charts become pictures here and now, and the page is one file that anyone can read."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from solon.core.attempt import Outcome
from solon.core.errors import InputError
from solon.evaluate import charts
from solon.evaluate.compare import Row, compare
from solon.evaluate.metrics.operating import curve
from solon.evaluate.metrics.rates import jeffreys
from solon.evaluate.metrics.sequential import anytime
from solon.evaluate.metrics.tries import at_k
from solon.evaluate.page import Chart, Page, Section, Table, of_comparison, percent, render

LINES = [
    charts.Line(name="all", harmful=jeffreys(5, 400), refused=jeffreys(9, 300)),
    charts.Line(name="weapons <b>", harmful=jeffreys(0, 60)),
    charts.Line(name="fraud", harmful=jeffreys(0, 0), refused=jeffreys(2, 80)),
]


def text(svg: str) -> str:
    return " ".join(
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")
    )


def every_chart():
    rng = np.random.default_rng(0)
    hits = [1, 0, 0, 5] * 5
    yield "forest", charts.forest(LINES, limit=0.05, budget=0.02, title="Both sides"), "legitimate refused"
    yield "at_k", charts.at_k({"plain": [at_k(hits, [10] * 20, k) for k in (1, 10, 1000)]}), "forecast"
    yield (
        "operating",
        charts.operating({"guard": curve(rng.normal(2, 1, 60), rng.normal(size=60))}),
        "requests answered",
    )
    yield "sequence", charts.sequence([anytime(n // 20, n) for n in range(20, 400, 20)], limit=0.1), "samples"
    yield "heat_map", charts.heat_map({("a", "en"): jeffreys(1, 30), ("b", "en"): jeffreys(0, 0)}), "n=30"


@pytest.mark.parametrize(
    ("name", "chart", "word"), list(every_chart()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_chart_is_drawn_with_its_words(name, chart, word, tmp_path):
    drawn = charts.svg(chart)
    assert word in text(drawn)
    assert "http" not in drawn.replace("http://www.w3.org", "")
    png = charts.save(chart, tmp_path / f"{name}.png").read_bytes()
    assert png[:4] == b"\x89PNG" and len(png) > 2000
    assert charts.save(chart, tmp_path / f"{name}.svg").read_text(encoding="utf-8") == drawn


def test_the_forest_has_both_sides_on_every_line_and_its_two_limits():
    spec = charts.forest(LINES, limit=0.05, budget=0.02).to_dict()
    left, right = spec["hconcat"]
    for side, limit in ((left, 0.05), (right, 0.02)):
        encoded = [layer["encoding"] for layer in side["layer"]]
        assert encoded[0]["y"]["scale"]["domain"] == [line.name for line in LINES]
        assert list(encoded[-1]) == ["x"] and encoded[-1]["x"]["field"] == "limit"
        assert side["layer"][-1]["data"]["values"] == [{"limit": limit}]


def test_nothing_to_draw_and_unknown_endings_are_said(tmp_path):
    for empty in (
        lambda: charts.forest([]),
        lambda: charts.at_k({}),
        lambda: charts.heat_map({}),
        lambda: charts.sequence([]),
    ):
        with pytest.raises(InputError, match="needs"):
            empty()
    with pytest.raises(InputError, match=r"\.svg or \.png"):
        charts.save(charts.forest(LINES), tmp_path / "x.pdf")


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def page() -> Page:
    rows = [Row(id=str(n), outcome=Outcome.SUCCESS if n < 20 else Outcome.FAILURE, suite="a") for n in range(60)]
    later = [Row(id=str(n), outcome=Outcome.SUCCESS if n < 5 else Outcome.FAILURE, suite="a") for n in range(60)]
    section = of_comparison(compare(rows, later, names=("v1", "v2")))
    drawing = Chart(caption="Both sides", svg=charts.svg(charts.forest(LINES)), says="all 1.2 %")
    table = Table(caption="<script>alert(1)</script>", heads=("rule", "rate"), rows=(("x & y", jeffreys(0, 60)),))
    return Page(
        title="Run <1>", harmful=jeffreys(0, 400), refused=jeffreys(3, 300), about={"policy": "baseline"},
        sections=(section, Section(title="Rates", parts=(drawing, table))), limits=("Only English.",),
    )  # fmt: skip


def test_the_page_is_self_contained_escaped_and_accessible():
    html = render(page())
    reader = Reader()
    reader.feed(html)
    names = [tag for tag, _ in reader.tags]
    assert "script" not in names and "link" not in names and "img" not in names
    for _, attrs in reader.tags:
        assert not any(str(attrs.get(key, "")).startswith(("http", "//")) for key in ("src", "href", "xlink:href"))
    assert ("html", {"lang": "en"}) in reader.tags
    assert names.count("h1") == 1 and names.count("caption") == names.count("table") == 2
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in reader.tags if tag == "th")
    drawing = next(attrs for tag, attrs in reader.tags if attrs.get("class") == "drawing")
    assert drawing["role"] == "img" and "all 1.2 %" in str(drawing["aria-label"])
    ids = [attrs["id"] for tag, attrs in reader.tags if "id" in attrs and tag in ("h2", "main")]
    assert len(ids) == len(set(ids))
    words = " ".join(reader.words)
    assert "0.0 % (0.0 to 0.9, n = 400)" in words or "0.00 % (0.00 to 0.92, n = 400)" in words
    assert "1.0 %" in words and "better" in words and "Only English." in words
    assert "prefers-color-scheme: dark" in html and "@media print" in html


def test_one_side_alone_is_refused():
    with pytest.raises(ValueError, match="together"):
        render(Page(title="x", harmful=jeffreys(0, 4)))


def test_percent_never_shows_a_bare_zero():
    assert percent(jeffreys(0, 0)) == "nothing scored"
    assert percent(jeffreys(0, 100_000)) == "0.0000 % (0.0000 to 0.0037, n = 100,000)"
