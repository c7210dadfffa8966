"""The dashboard in a real browser: no console error, nothing leaves loopback, hostile words stay words."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from dashboard_server import ARTEFACTS, Server, dashboard, judged, record
from test_review import decision

from solon.core.exchange import Exchange
from solon.ledger import Ledger

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<svg onload=\"document.title='owned'\"><a href=\"javascript:document.title='owned'\">x</a>"
    "{{ 7*7 }}</main></body>\u202eltr\u200b\0\ud800<iframe src='https://example.org/'></iframe>"
)


@pytest.fixture
def server(ledger: Ledger, guard: Any) -> Iterator[Server]:
    with Server(dashboard(ledger, lambda name: guard if name == "baseline" else None)) as running:
        yield running


class Page:
    """A browser page that remembers every complaint and every address it asked."""

    def __init__(self, browser: Any, server: Server, **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **context})
        self.context.set_default_timeout(120_000)  # a busy machine is no failure of a page
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.url = server.url
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._failed)

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in request.failure:  # a page that is left, or a download, aborts what it still loads
            self.complaints.append(f"{request.url}: {request.failure}")

    def log_in(self, key: str = "sk-solon-everything") -> "Page":
        self.page.goto(f"{self.url}/login")
        self.page.fill("#key", key)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.url}/")
        return self

    def check(self) -> None:
        assert self.complaints == []
        host = re.match(r"http://[^/]+/", self.url)[0]
        assert [url for url in self.asked if not url.startswith((host, "data:", "blob:"))] == []
        assert self.page.title() != "owned"


@pytest.fixture
def page(chromium, server) -> Iterator[Page]:
    made = Page(chromium, server)
    yield made
    made.context.close()


def put(ledger: Ledger, text: str, action: str = "block", **more: Any) -> str:
    said = decision(action, 0.9 if action == "block" else 0.02, rule="cyber.malware")
    record_id = ledger.put(record(Exchange.of(text, **more), (said, None)))
    assert ledger.flush()
    return record_id


@pytest.mark.slow
def test_login_and_every_page_in_both_schemes_and_widths(chromium, server, ledger, guard):
    texts = [rule.examples.forbidden[0] for rule in guard.policy.rules[:6]]
    texts += [rule.examples.allowed[0] for rule in guard.policy.rules[:20]]
    for text in texts:
        ledger.put(judged(guard, Exchange.of(text)))
    record_id = put(ledger, "Please help.", response="No.")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
        page = Page(chromium, server, color_scheme=scheme, viewport={"width": width, "height": 860}).log_in()
        paths = ["/", "/?window=7d", "/decisions", f"/decisions/{record_id}?explain=1", "/review", "/cases"]
        for path in paths:
            page.page.goto(page.url + path)
            assert page.page.locator("h1").count() == 1
            assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width}"
            name = re.sub(r"\W+", "-", path.partition("?")[0][:10]).strip("-") or "overview"
            page.page.screenshot(path=ARTEFACTS / f"{name}-{scheme}-{width}.png", full_page=True)
        page.check()
        page.context.close()


def test_a_wrong_key_is_told(page):
    page.page.goto(f"{page.url}/")
    page.page.fill("#key", "sk-solon-wrong")
    page.page.click("text=Log in >> nth=-1")
    page.page.wait_for_selector("[role=alert]")
    assert page.page.get_attribute("#key", "aria-invalid") == "true"


@pytest.mark.parametrize("place", ["prompt", "reply", "names"])
def test_hostile_words_are_inert(page, ledger, place):
    if place == "names":
        said = decision("block", 0.9, rule=HOSTILE)
        more = dict.fromkeys(("request_id", "key", "model", "notice", "policy", "conversation", "error"), HOSTILE)
        record_id = ledger.put(record(Exchange.of("x"), (said, None), **more))
        ledger.flush()
    else:
        record_id = put(ledger, HOSTILE if place == "prompt" else "x", response=HOSTILE if place == "reply" else None)
    page.log_in()
    for path in ("/", "/decisions", f"/decisions/{record_id}?explain=1", "/review", "/cases"):
        page.page.goto(page.url + path)
        assert page.page.locator("iframe, main img, main script, svg[onload]").count() == 0
    page.page.goto(f"{page.url}/review")
    page.page.click("button:has-text('Draw a sample')")
    page.page.wait_for_selector(".review")
    page.check()
    if place != "names":
        page.page.goto(f"{page.url}/decisions/{record_id}")
        shown = page.page.inner_text(".thread")
        assert "<script>" in shown
        assert "U+202E" in shown
        assert "{{ 7*7 }}" in shown


def test_a_round_is_labelled_by_keyboard(page, ledger):
    for n in range(4):
        put(ledger, f"stopped {n}")
        put(ledger, f"passed {n}", action="permit")
    page.log_in()
    page.page.click("text=Review")
    page.page.click("button:has-text('Draw a sample')")
    for left in range(8, 0, -1):
        page.page.wait_for_selector(f"h1:text-is('{left} to look at')")
        assert "<mark" not in page.page.inner_html(".review .labels")
        key = "h" if "stopped" in page.page.inner_text(".review .thread") else "b"
        page.page.keyboard.press(key)
    page.page.wait_for_selector("h1:text-is('This round is done')")
    assert [card.inner_text() for card in page.page.locator(".figurecard .figure").all()] == ["100 %", "100 %"]
    assert sorted(label.body["label"] for label in ledger.read(kind="label")) == ["benign"] * 4 + ["harmful"] * 4
    page.check()


def test_keys_typed_into_a_note_label_nothing(page, ledger):
    record_id = put(ledger, "a question")
    page.log_in()
    page.page.goto(f"{page.url}/decisions/{record_id}")
    page.page.click("input[name=note]")
    page.page.keyboard.type("hub")
    assert page.page.input_value("input[name=note]") == "hub"
    assert ledger.count(kind="label") == 0
    page.page.click("button:has-text('Unsure')")
    page.page.wait_for_selector("text=unsure, “hub”")
    page.check()


def test_one_click_makes_a_test_and_the_file_comes_down(page, ledger):
    record_id = put(ledger, "a question for the tests")
    page.log_in()
    page.page.goto(f"{page.url}/decisions/{record_id}")
    page.page.click("button:has-text('Regression test')")
    page.page.wait_for_url("**/cases#case-*")
    assert "a question for the tests" in page.page.inner_text(".rows")
    with page.page.expect_download() as download:
        page.page.click("text=Download solon-tests.jsonl")
    assert download.value.suggested_filename == "solon-tests.jsonl"
    assert "a question for the tests" in download.value.path().read_text()
    assert page.complaints == []


def test_the_overview_follows_the_traffic(page, ledger):
    put(ledger, "first")
    page.log_in()
    page.page.wait_for_selector("h1:text-is('1 exchange in the last 24 hours.')")
    put(ledger, "second")
    page.page.wait_for_selector("h1:text-is('2 exchanges in the last 24 hours.')")
    page.check()


def test_everything_works_without_scripts(chromium, server, ledger):
    record_id = put(ledger, "a question")
    page = Page(chromium, server, java_script_enabled=False).log_in()
    assert page.page.locator("main svg").count() >= 2
    page.page.goto(f"{page.url}/decisions/{record_id}")
    page.page.click("button:has-text('Harmful')")
    page.page.wait_for_selector("text=key_all: harmful")
    page.check()
    page.context.close()


def test_everything_can_be_reached_by_keyboard_and_has_a_name(page, ledger):
    record_id = put(ledger, "a question", response="an answer")
    page.log_in()
    for path in ("/", "/decisions", f"/decisions/{record_id}", "/review", "/cases"):
        page.page.goto(page.url + path)
        nameless = page.page.evaluate(
            """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, svg[role=img]")]
            .filter((e) => !(e.textContent.trim() || e.labels?.[0]?.innerText || e.getAttribute("aria-label")))
            .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == []
        page.page.keyboard.press("Tab")
        assert page.page.evaluate("document.activeElement.className") == "skip"
        levels = page.page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])")
        assert levels[0] == 1
        assert page.page.evaluate("document.documentElement.lang") == "en"
    page.check()
