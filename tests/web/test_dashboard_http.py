"""The dashboard's doors: login, forged cookies and forms, headers, other tenants' data, what it exports."""

import re
from collections.abc import Iterator

import httpx
import pytest
from dashboard_server import REVOKED, Server, dashboard, judged, record
from test_review import decision

from solon.core.action import Action
from solon.core.exchange import Exchange
from solon.guard.cases import read_cases, run_cases
from solon.ledger import Record, open_ledger
from solon.train.synthesize import user_rows

PAGES = ["/", "/decisions", "/review", "/cases", "/cases/tests.jsonl", "/cases/rows.jsonl"]


@pytest.fixture
def server(ledger, guard) -> Iterator[Server]:
    with Server(dashboard(ledger, lambda name: guard if name == "baseline" else None)) as running:
        yield running


@pytest.fixture
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, follow_redirects=False, trust_env=False, timeout=60) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_revoked() -> Iterator[None]:
    yield
    REVOKED.clear()


def log_in(client: httpx.Client, key: str = "sk-solon-everything") -> httpx.Client:
    answer = client.post("/login", data={"key": key})
    assert answer.status_code == 303, answer.text
    return client


def token(client: httpx.Client) -> str:
    return re.search(r'name="token" value="(\w+)"', client.get("/review").text)[1]


def act(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"token": token(client), **form})


def put(ledger, text="a question", tenant="acme", **more) -> str:
    exchange = Exchange.of(text, **more)
    record_id = ledger.put(record(exchange, (decision("block", 0.9, rule="cyber.malware"), None), tenant=tenant))
    assert ledger.flush()
    return record_id


@pytest.mark.parametrize("path", [*PAGES, "/decisions/x", "/nothing"])
def test_without_a_login_every_page_leads_to_it(client, path):
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/login"


@pytest.mark.parametrize("key", ["", "wrong", "sk-solon-everything ' OR 1=1", "sk-solon-acme\0"])
def test_a_wrong_key_opens_nothing(client, key):
    answer = client.post("/login", data={"key": key})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    assert f'value="{key}"' not in answer.text


def test_the_cookie_is_bound_and_holds_no_key(client):
    cookie = client.post("/login", data={"key": "sk-solon-everything"}).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/admin", "Max-Age="):
        assert part in cookie
    assert "everything" not in cookie
    forwarded = client.post("/login", data={"key": "sk-solon-everything"}, headers={"x-forwarded-proto": "https"})
    assert "Secure" in forwarded.headers["set-cookie"]


@pytest.mark.parametrize(
    "forge", [lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"), lambda v: "W10." + v, lambda v: "."]
)
def test_a_forged_cookie_opens_nothing(client, forge):
    log_in(client)
    value = client.cookies["solon_session"]
    client.cookies.clear()
    answer = client.get("/", headers={"cookie": f"solon_session={forge(value)}"})
    assert answer.status_code == 303


def test_a_revoked_key_ends_its_sessions(client):
    log_in(client)
    assert client.get("/").status_code == 200
    REVOKED.add("key_all")
    assert client.get("/").status_code == 303


def test_logging_out(client):
    log_in(client)
    answer = act(client, "/logout")
    assert answer.status_code == 303
    assert client.get("/").status_code == 303


def test_forged_forms_do_nothing(client, ledger):
    record_id = put(ledger)
    log_in(client)
    good = token(client)
    path = f"/decisions/{record_id}/label"
    forged = [
        client.post(path, data={"label": "benign"}),
        client.post(path, data={"label": "benign", "token": "0" * 32}),
        client.post(path, data={"label": "benign", "token": good}, headers={"origin": "https://evil.example"}),
        client.post(path, data={"label": "benign", "token": good}, headers={"origin": "null"}),
    ]
    assert [answer.status_code for answer in forged] == [403] * 4
    assert ledger.count(kind="label") == 0
    assert client.get(path).status_code in (303, 404, 200)
    assert client.post(path, data={"label": "benign", "token": good}).status_code == 303
    assert ledger.count(kind="label") == 1


def test_odd_requests_get_an_answer(client, ledger):
    record_id = put(ledger)
    log_in(client)
    assert client.post("/review", content=b"x" * 100_000).status_code == 413
    assert client.post("/review", json={"window": "7d"}).status_code == 415
    assert client.get("/nothing").status_code == 404
    assert client.get("/decisions/" + "0" * 5000).status_code == 404
    assert client.get("/decisions/%2e%2e%2f").status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.put("/review").status_code == 404
    assert act(client, f"/decisions/{record_id}/label", label="fine").status_code == 400
    assert act(client, f"/decisions/{record_id}/case", form="poem").status_code == 400
    assert act(client, f"/decisions/{record_id}/nothing").status_code == 404
    assert client.get("/decisions?before=x&window=%00&q=%ff%fe&action='").status_code == 200
    assert client.get("/?window=nonsense").status_code == 200
    redirected = act(client, f"/decisions/{record_id}/label", label="benign", round="x\r\nset-cookie: a=b")
    assert "set-cookie" not in redirected.headers


def test_every_answer_carries_the_headers_of_protection(client):
    log_in(client)
    for path in [*PAGES, "/nothing", "/static/style.css"]:
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static"))


@pytest.mark.parametrize("path", ["/", "/decisions", "/decisions?q=their", "/review", "/cases", "/cases/tests.jsonl"])
def test_a_tenant_never_sees_anothers_data(client, ledger, path):
    theirs = put(ledger, "their words", tenant="other", response="their answer")
    put(ledger, "our words", tenant="acme")
    log_in(client)
    act(client, f"/decisions/{theirs}/case", form="test", expected="harmful", rule="")
    act(client, "/review", window="7d")
    assert "their words" in client.get("/decisions").text
    act(client, "/logout")
    log_in(client, "sk-solon-acme")
    page = client.get(path)
    assert page.status_code == 200
    assert "their words" not in page.text
    assert theirs not in page.text
    if path == "/":
        assert "1 exchange in" in page.text


def test_a_tenant_cannot_touch_anothers_exchange(client, ledger):
    theirs = put(ledger, "their words", tenant="other")
    log_in(client, "sk-solon-acme")
    never = client.get("/decisions/00000000-0000-7000-8000-000000000000")
    assert client.get(f"/decisions/{theirs}").text == never.text
    assert client.get(f"/decisions/{theirs}?explain=1").status_code == 404
    for verb, form in (("label", {"label": "benign"}), ("case", {"form": "test", "expected": "benign", "rule": ""})):
        assert act(client, f"/decisions/{theirs}/{verb}", **form).status_code == 404
    assert ledger.count(kind="label") + ledger.count(kind="case") == 0


def test_records_of_other_kinds_cannot_be_opened(client, ledger):
    record_id = put(ledger)
    log_in(client)
    act(client, f"/decisions/{record_id}/label", label="benign")
    (label,) = ledger.read(kind="label")
    assert client.get(f"/decisions/{label.id}").status_code == 404


def test_filters_and_search(client, ledger):
    put(ledger, "about teapots")
    ledger.put(record(Exchange.of("about kettles"), (decision("permit", 0.01), None), error="upstream: gone"))
    ledger.flush()
    log_in(client)

    def shown(query):
        text = client.get(f"/decisions?{query}").text
        return ("about teapots" in text, "about kettles" in text)

    assert shown("") == (True, True)
    assert shown("q=TEAPOTS") == (True, False)
    assert shown("action=permit") == (False, True)
    assert shown("rule=cyber.malware") == (True, False)
    assert shown("errors=1") == (False, True)
    assert shown("cause=output") == (False, False)
    assert shown("q=nowhere") == (False, False)


def test_pages_of_fifty_go_on_to_the_end(client, ledger):
    for n in range(120):
        ledger.put(record(Exchange.of(f"number {n:03}"), (decision("permit", 0.01), None)))
    ledger.flush()
    log_in(client)
    path, seen = "/decisions", []
    while path:
        text = client.get(path).text
        seen += re.findall(r"number (\d{3})", text)
        older = re.search(r'class="next" href="(\?[^"]+)"', text)
        path = "/decisions" + older[1].replace("&amp;", "&") if older else None
    assert seen == [f"{n:03}" for n in reversed(range(120))]


def test_an_exchange_is_opened_with_all_it_rests_on(client, ledger, guard):
    rule = guard.policy.rules[0]
    text = rule.examples.forbidden[0]
    record_id = ledger.put(judged(guard, Exchange.of(text)))
    ledger.flush()
    log_in(client)
    page = client.get(f"/decisions/{record_id}").text
    assert "<mark" in page
    assert "Read it again" in page
    assert "the wording in force now" not in page
    explained = client.get(f"/decisions/{record_id}?explain=1").text
    assert "as it is" in explained
    assert "Judged again just now" in explained


def test_a_record_of_another_solon_is_shown_as_far_as_it_goes(client, ledger):
    record_id = ledger.put(Record(kind="exchange", body={"rules": [{"rule": "a.b", "asked": True}], "input": {}}))
    ledger.flush()
    log_in(client)
    for path in ("/", "/decisions", f"/decisions/{record_id}", "/review"):
        assert client.get(path).status_code == 200


def test_words_that_were_not_kept_say_why(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path}/drop.db", content="drop", flush_ms=1) as ledger:
        record_id = put(ledger, "secret words")
        with (
            Server(dashboard(ledger)) as server,
            httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
        ):
            log_in(client)
            page = client.get(f"/decisions/{record_id}").text
            assert "The ledger keeps no content." in page
            assert "secret words" not in page
            assert client.get(f"/decisions/{record_id}?explain=1").status_code == 200
            refused = act(client, f"/decisions/{record_id}/case", form="test", expected="harmful", rule="")
            assert refused.status_code == 409
            assert "The ledger keeps no content" in refused.text


def test_a_case_becomes_a_test_and_a_row_that_our_tools_read(client, ledger, guard, tmp_path):
    rule = next(rule for rule in guard.policy.rules if rule.id == "cyber.malware")
    harmful = ledger.put(judged(guard, Exchange.of(rule.examples.forbidden[0])))
    benign = ledger.put(judged(guard, Exchange.of("How do I bake\u2028bread? \ud800", response="With flour.")))
    ledger.flush()
    log_in(client)
    for record_id, expected in ((harmful, "harmful"), (benign, "benign")):
        for form in ("test", "row"):
            for _ in range(2):  # twice is once
                done = act(client, f"/decisions/{record_id}/case", form=form, expected=expected, rule=rule.id)
                assert done.status_code == 303
    tests = tmp_path / "tests.jsonl"
    tests.write_bytes(client.get("/cases/tests.jsonl").content)
    cases = read_cases(tests)
    assert [(case.name, case.expected) for case in cases] == [(harmful, Action.REFINE), (benign, Action.PERMIT)]
    assert cases[1].exchange.response == "With flour."
    assert all(result.passed for result in run_cases(cases, guard.check))
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(client.get("/cases/rows.jsonl").content)
    taught = user_rows(rows, guard.policy)
    assert (taught[0].harm, taught[0].text) == (1, rule.examples.forbidden[0])
    assert len(taught) == 2


def test_a_row_needs_a_rule(client, ledger):
    record_id = put(ledger)
    log_in(client)
    assert act(client, f"/decisions/{record_id}/case", form="row", expected="harmful", rule="").status_code == 409


def test_erased_cases_leave_the_files(client, ledger):
    record_id = put(ledger, "words to forget")
    log_in(client)
    act(client, f"/decisions/{record_id}/case", form="test", expected="harmful", rule="")
    assert "words to forget" in client.get("/cases/tests.jsonl").text
    ledger.erase({"tenant": "acme"}, reason="asked")
    assert client.get("/cases/tests.jsonl").content == b""
    assert "It was erased." in client.get("/cases").text
    assert "words to forget" not in client.get("/cases").text
