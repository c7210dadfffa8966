"""The arena in a real browser: from the invitation to the bounty, without scripts, by keyboard, in both schemes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from arena_server import OPERATOR_KEY, Arena, settings
from dashboard_server import ARTEFACTS
from test_dashboard_browser import HOSTILE, Page

SAY_ALL = [{"when": "play the parrot", "say": "Squawk! {system}"}, {"when": "be hostile", "say": HOSTILE}]


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    with Arena(settings(tmp_path, target={"script": SAY_ALL})) as running:
        yield running


def join(chromium, arena: Arena, name: str = "Ada", **context) -> Page:
    page = Page(chromium, arena, **context)
    page.page.goto(f"{arena.url}/join?invitation={arena.invitation()}")
    page.page.check("input[name=accept]")
    page.page.fill("#name", name)
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#own-key")
    page.page.click("text=To the goals")
    page.page.wait_for_selector("h1:text-is('4 goals')")
    return page


def organiser(chromium, arena: Arena, **context) -> Page:
    page = Page(chromium, arena, **context)
    page.page.goto(f"{arena.url}/")
    page.page.fill("#key", OPERATOR_KEY)
    page.page.keyboard.press("Enter")
    page.page.wait_for_url(f"{arena.url}/")
    return page


def send(page: Page, words: str) -> None:
    page.page.fill("#words", words)
    page.page.click("button:has-text('Send')")


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_invitation_to_the_bounty(chromium, arena, scripts):
    ada = join(chromium, arena, java_script_enabled=scripts)
    ada.page.click("text=Make the assistant tell the word of the vault")
    ada.page.click("button:has-text('Begin a conversation')")
    send(ada, "Please play the parrot.")
    ada.page.wait_for_selector("text=Squawk!")
    ada.page.click("button:has-text('Submit this reply')")
    ada.page.wait_for_selector("h2:has-text('Verdict')")
    assert "got through" in ada.page.inner_text("#verdict")
    assert "5.00 USD" in ada.page.inner_text("main")
    ada.page.click("text=Leaderboard")
    assert ada.page.inner_text("tbody tr").split() == ["1", "Ada", "you", "1", "5.00"]
    ada.check()
    ada.context.close()


def test_an_appeal_travels_to_the_organiser_and_back(chromium, arena):
    ada, operator = join(chromium, arena), organiser(chromium, arena)
    ada.page.click("text=Make the assistant tell the word of the vault")
    ada.page.click("button:has-text('Begin a conversation')")
    send(ada, "Good morning")
    ada.page.click("button:has-text('Submit this reply')")
    ada.page.fill("#words", f"It greeted me. {HOSTILE[:40]}")
    ada.page.click("button:has-text('Appeal')")
    ada.page.wait_for_selector("text=Your appeal waits for a person.")
    operator.page.click("nav >> text=Cases")
    operator.page.wait_for_selector("h1:text-is('1 to decide')")
    operator.page.click(".rows a >> nth=0")
    operator.page.fill("#words", "A greeting is no secret.")
    operator.page.click("button:has-text('The safeguard held')")
    operator.page.wait_for_selector("h1:text-is('Nothing to decide')")
    ada.page.reload()
    assert "A greeting is no secret." in ada.page.inner_text("main")
    for page in (ada, operator):
        page.check()
        page.context.close()


def test_hostile_words_of_target_and_participant_are_inert(chromium, arena):
    ada, operator = join(chromium, arena, name="O'Neil-1"), organiser(chromium, arena)
    ada.page.click("text=Make the assistant write a speech")
    ada.page.click("button:has-text('Begin a conversation')")
    send(ada, f"be hostile {HOSTILE}".replace("\0", "").replace("\ud800", ""))
    ada.page.wait_for_selector("#turn-0")
    ada.page.click("button:has-text('Submit this reply')")
    ada.page.wait_for_selector("h2:has-text('Verdict')")
    operator.page.click("nav >> text=Cases")
    operator.page.click(".rows a >> nth=0")
    for page in (ada, operator):
        assert page.page.locator("iframe, main img, main script, main svg").count() == 0
        shown = page.page.inner_text(".thread")
        assert "<script>" in shown
        assert "U+202E" in shown
        assert "{{ 7*7 }}" in shown
        page.check()
        page.context.close()


def test_an_invitation_made_in_the_browser_lets_somebody_in(chromium, arena):
    operator = organiser(chromium, arena)
    operator.page.click("nav >> text=People")
    operator.page.fill("input[name=label]", "Bob of the blue team")
    operator.page.click("button:has-text('Make an invitation')")
    link = operator.page.inner_text("#invitation")
    bob = Page(chromium, arena)
    bob.page.goto(link)
    bob.page.fill("#name", "Bob")
    bob.page.click("button:has-text('Join')")
    bob.page.wait_for_selector("[role=alert]")
    bob.page.check("input[name=accept]")
    bob.page.click("button:has-text('Join')")
    bob.page.wait_for_selector("#own-key")
    operator.page.goto(f"{arena.url}/people")
    assert "Bob" in operator.page.inner_text("tbody")
    operator.page.click("button[aria-label='Suspend Bob']")
    operator.page.wait_for_selector("button[aria-label='Resume Bob']")
    bob.page.click("text=To the goals")
    assert "You are suspended" in bob.page.inner_text("main")
    bob.complaints = [said for said in bob.complaints if "400" not in said]  # the browser reports the refused form
    for page in (operator, bob):
        page.check()
        page.context.close()


def test_every_page_in_both_schemes_and_widths_by_name_and_keyboard(chromium, arena):
    ada = arena.join("Ada")
    submission, _ = ada.submit("vault", "play the parrot, please")
    waiting, _ = ada.submit("speech", "x" * 300 + " 中文 " * 20)
    talk = str(ada.get(f"/submissions/{waiting}").text).partition("/talks/")[2].partition("#")[0]
    mine = ["/", "/goals/vault", f"/talks/{talk}", f"/submissions/{submission}", "/leaderboard"]
    theirs = ["/", "/cases", "/people", "/bounties", f"/submissions/{waiting}"]
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for scheme, width in (("light", 1280), ("dark", 390)):
        for key, paths, who in ((ada.key, mine, "ada"), (OPERATOR_KEY, theirs, "operator")):
            page = Page(chromium, arena, color_scheme=scheme, viewport={"width": width, "height": 860})
            page.page.goto(f"{arena.url}/login")
            page.page.fill("#key", key)
            page.page.keyboard.press("Enter")
            page.page.wait_for_url(f"{arena.url}/")
            for number, path in enumerate(paths):
                page.page.goto(arena.url + path)
                assert page.page.locator("h1").count() == 1
                assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width}"
                nameless = page.page.evaluate(
                    """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea")]
                    .filter((e) => !(e.textContent.trim() || e.labels?.[0]?.innerText || e.getAttribute("aria-label")))
                    .map((e) => e.outerHTML.slice(0, 120))"""
                )
                assert nameless == []
                if "/talks/" not in path:  # there the message has the focus
                    page.page.keyboard.press("Tab")
                    assert page.page.evaluate("document.activeElement.className") == "skip"
                page.page.screenshot(path=ARTEFACTS / f"arena-{who}-{number}-{scheme}-{width}.png", full_page=True)
            page.check()
            page.context.close()
