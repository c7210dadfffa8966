"""Reports for every audience: each number is walked back to its query, each word with a digit to where it is from."""

import json
import re
from html.parser import HTMLParser

import evidence_entries as made
import pytest
from click.testing import CliRunner

from solon.cli.main import cli
from solon.evidence.incidents.records import Incident
from solon.evidence.numbers import AsOf
from solon.evidence.records import Release, Safeguard, System
from solon.evidence.register import Register
from solon.evidence.report import AUDIENCES, build, differences, twin, write
from solon.ledger import Record, open_ledger

VOID = {"meta", "link", "br", "line", "circle"}
SOURCED = ("data-figure", "data-record", "data-source", "datetime")


class Walk(HTMLParser):
    """Every text with a digit in it that stands in no sourced element; numbers by id; what would leave the page."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.orphans, self.figures, self.outside, self.headings = [], [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.outside += [
            value for name, value in attrs if name in ("src", "href", "data") and not value.startswith("#")
        ]
        self.outside += [tag] if tag in ("script", "link", "iframe", "object") else []
        if tag in ("h1", "h2"):
            self.headings.append(tag)
        if tag not in VOID:
            self.stack.append((tag, given))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        inside = [given for _, given in self.stack]
        for given in inside:
            if "data-figure" in given:
                self.figures[given["data-figure"]] = (given["value"], data)
        plain = not any(name in given for given in inside for name in SOURCED)
        if re.search(r"\d", data) and plain and self.stack[-1][0] not in ("style", "title"):
            self.orphans.append(data)


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", flush_ms=1) as opened:
        register = Register(opened)
        for n in range(30):
            action = ("permit", "permit", "block")[n % 3]
            opened.put(Record(kind="exchange", body={"action": action, "n": n}, content={"messages": "secret words"}))
        register.put(System(actor="o", name="assistant", owner="o", purpose="help < 5 people & more", users="24 staff",
                            deployment_form="application"))  # fmt: skip
        register.put(made.configuration())
        register.put(
            Safeguard(actor="o", name="input", layer="input", expected="stops 9 of 10", fails="closed", owner="o")
        )
        bound = register.put(made.threshold())
        run = register.put(made.run(figures=(made.figure(), made.figure(stratum="safeguard:input", missing=7))))
        register.put(made.run(name="old", basis=made.BASIS.model_copy(update={"policy": "12" * 32})))
        register.put(made.campaign(figures=(made.figure(k=0, n=0, low=0, high=1, stratum="none"),)))
        name = register.put(made.claim(evidence=(run,)))
        register.put(
            Release(
                actor="o",
                name="autumn",
                outcome="go",
                basis=made.BASIS,
                rests_on=(bound,),
                residual_risk="1 in 100",
                dissent="none",
                approver="board",
            )
        )
        register.put(Incident(actor="o", title="Case 7", what="w", times={"awareness": made.SOON}, defeats=(name,)))
        register.put(Incident(actor="o", title="Case 8", what="w", near_miss=True, caught_by="output"))
        yield opened


@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_number_is_an_orphan(ledger, tmp_path, audience):
    report = build(ledger, audience, now=made.NOW)
    page, beside = write(report, tmp_path / "report.html")
    walk = Walk(page.read_text(encoding="utf-8"))
    assert walk.orphans == []
    plain = json.loads(beside.read_text(encoding="utf-8"))
    assert set(walk.figures) == {one for one in plain["numbers"] if one in walk.figures}
    assert len(walk.figures) > 10
    fresh = AsOf(ledger, made.NOW, "deployer")
    for name, (value, text) in walk.figures.items():
        number = plain["numbers"][name]
        answer, records = fresh.answer(number["query"])
        assert (answer, list(records)) == (number["value"], number["records"])
        assert value == ("" if answer is None else str(answer))
        assert text
        for record in records:
            assert ledger.get(record) is not None
    for record in re.findall(r'data-record="([^"]+)"', page.read_text(encoding="utf-8")):
        assert ledger.get(record) is not None
    assert differences(ledger, plain) == []


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_page_stands_alone_and_can_be_read(ledger, tmp_path, audience):
    page, _ = write(build(ledger, audience, now=made.NOW), tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    walk = Walk(text)
    assert walk.outside == []
    assert walk.headings[0] == "h1"
    assert walk.headings.count("h1") == 1
    assert len(text) < 2_000_000
    assert "secret words" not in text
    assert '<html lang="en">' in text
    assert text.count("<table>") == text.count("<caption>")
    assert "@media print" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_words_of_records_are_escaped(ledger):
    from solon.evidence.page import render

    text = render(build(ledger, "public", now=made.NOW))
    assert "help &lt; 5 people &amp; more" in text
    assert "help < 5" not in text


def test_the_verdict_follows_the_records(ledger):
    register = Register(ledger)

    def says():
        return build(ledger, "executive", now=made.NOW).sections[0].lines[0][0]

    assert says() == "Within its thresholds as measured, with incidents open."
    bad = register.put(made.run(name="bad", figures=(made.figure(k=40, low=0.0724, high=0.1338),)))
    assert says() == "Not within its thresholds."
    register.supersede(bad, made.run(name="bad"), reason="counted wrongly")
    register.put(made.configuration(basis=made.BASIS.model_copy(update={"weights": "34" * 32})))
    assert says() == "Cannot be said: no fresh evidence was held against a threshold."


def test_what_comes_later_changes_nothing_and_what_was_changed_is_told(ledger):
    plain = twin(build(ledger, "auditor"))
    ledger.put(Record(kind="exchange", body={"action": "block"}))
    Register(ledger).put(made.threshold(name="later"))
    assert differences(ledger, plain) == []
    name = next(one for one, number in plain["numbers"].items() if number["query"] == {"count": "exchange"})
    assert plain["numbers"][name]["value"] == 30
    forged = json.loads(json.dumps(plain))
    forged["numbers"][name]["value"] = 31
    told = differences(ledger, forged)
    assert told[0].startswith("the report was changed")
    assert told[1] == f"{name}: the report says 31, its query gives 30: {{'count': 'exchange'}}"
    orphan = json.loads(json.dumps(plain))
    del orphan["numbers"][name]
    assert f"{name} is shown and has no query" in differences(ledger, orphan)


def test_an_empty_ledger_makes_a_report_that_claims_nothing(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path}/empty.db", flush_ms=1) as ledger:
        for audience in AUDIENCES:
            report = build(ledger, audience)
            assert any("Cannot be said" in str(line[0]) for section in report.sections for line in section.lines)
            assert differences(ledger, twin(report)) == []


def test_the_commands(ledger, tmp_path):
    def run(*arguments, code=0):
        done = CliRunner().invoke(
            cli, ["report", *map(str, arguments)], env={"SOLON_LEDGER": f"sqlite:///{tmp_path}/ledger.db"}
        )
        assert done.exit_code == code, done.output
        return done.output

    out = tmp_path / "out.html"
    assert "numbers" in run("build", "--audience", "engineer", "--out", out)
    assert "0 differences" in run("check", out.with_suffix(".json"))
    run("build", "--audience", "engineer", "--out", tmp_path / "out.pdf", code=2)
    (tmp_path / "no.json").write_text("{}")
    assert "is no report" in run("check", tmp_path / "no.json", code=2)
    assert "nist-ai-800-1 (draft)" in run("catalogue", "-f", "nist-ai-800-1")
    assert "there is no framework nist" in run("catalogue", "-f", "nist", code=2)
    record = tmp_path / "statement.yaml"
    record.write_text("entry: nist-ai-800-1/2.1\ntext: t\nsigned_by: board\nreview_by: 2027-01-01T00:00:00+00:00\n")
    assert len(run("add", "human_statement", record).strip()) == 36
    record.write_text("entry: nist-ai-800-1/2.1\n")
    assert "text: Field required" in run("add", "human_statement", record, code=2)
    assert "defeated" in run("claims", code=1)
    assert "it rests on policy 121212121212" in run("stale", code=1)


def test_the_walk_sees_an_orphan():
    assert Walk("<p>about 3 of <data data-figure='n1' value='4'>4</data></p>").orphans == ["about 3 of "]
    assert Walk("<p>three</p>").orphans == []
