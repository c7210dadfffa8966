"""The dashboard: an ASGI application over the ledger, mounted where ``root`` says, for viewers with an admin key."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from solon.guard.explain import explain, explanation_json
from solon.guard.guard import Guard
from solon.ledger import Ledger, LedgerError, Stored
from solon.web import cases, decisions, review
from solon.web.effort import effort
from solon.web.http import HttpError, Receive, Request, Response, Scope, Send, read_request
from solon.web.pages import STATIC, render, static
from solon.web.session import Access, Sessions, Viewer
from solon.web.traffic import Traffic
from solon.web.words import last_words, words_of


@dataclass(frozen=True, slots=True)
class Window:
    """A period to look at: in words, in how many bars, and how their times are written."""

    length: timedelta
    words: str
    bars: int
    pattern: str


WINDOWS = {
    "1h": Window(timedelta(hours=1), "hour", 60, "%H:%M"),
    "24h": Window(timedelta(hours=24), "24 hours", 48, "%H:%M"),
    "7d": Window(timedelta(days=7), "7 days", 56, "%d %b"),
    "30d": Window(timedelta(days=30), "30 days", 60, "%d %b"),
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the dashboard shows. ``guard_of`` gives the guard of a policy's name now in force, ``None`` without one."""

    ledger: Ledger
    guard_of: Callable[[str], Guard | None]


Page = Callable[[Request, Viewer], Response]


class Dashboard:
    """Answers everything below ``root``; ``secret`` signs sessions and is the same in every worker."""

    def __init__(self, sources: Sources, access: Access, *, secret: bytes, root: str = "/admin") -> None:
        self._ledger = sources.ledger
        self._guard_of = sources.guard_of
        self._sessions = Sessions(access, secret, root)
        self._traffic = Traffic(sources.ledger)
        self._root = root
        self._explaining = asyncio.Semaphore(1)
        self._pages: dict[tuple[str, str], Page] = {
            ("GET", "/"): self._overview,
            ("GET", "/decisions"): self._decisions,
            ("GET", "/effort"): self._effort,
            ("GET", "/review"): self._review,
            ("POST", "/review"): self._open_round,
            ("GET", "/cases"): self._cases,
            ("GET", "/cases/tests.jsonl"): lambda request, viewer: self._download(viewer, "test", "solon-tests.jsonl"),
            ("GET", "/cases/rows.jsonl"): lambda request, viewer: self._download(viewer, "row", "solon-rows.jsonl"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what goes wrong inside is logged and told without its details."""
        head = scope["method"] == "HEAD"
        request: Request | None = None
        try:
            request = await read_request(scope, receive, self._root)
            response = await self._answer(request)
        except HttpError as error:
            response = self._problem(request, error.status, error.problem)
        except LedgerError as error:
            _log.warning("dashboard: %s", error)
            response = self._problem(request, 503, str(error))
        except Exception:
            _log.exception("dashboard: a page failed")
            response = self._problem(request, 500, "This page failed. The log of the gateway says why.")
        await response.send(send, head=head)

    async def _answer(self, request: Request) -> Response:
        if request.path.startswith("/static/"):
            return _static(request.path.removeprefix("/static/"))
        if request.path == "/login":
            return await asyncio.to_thread(self._login, request)
        viewer = self._sessions.viewer(request)
        if viewer is None:
            return self._go(request, "/login")
        if request.method == "POST":
            self._sessions.check_form(request)
        method = "GET" if request.method == "HEAD" else request.method
        if (method, request.path) == ("POST", "/logout"):
            return self._go(request, "/login", cookie=self._sessions.end(request))
        page = self._pages.get((method, request.path))
        if page is None and request.path.startswith("/decisions/"):
            page = self._exchange if method == "GET" else self._act if method == "POST" else None
        if page is None:
            raise HttpError(404, "There is no such page.")
        if request.query.get("explain"):
            async with self._explaining:  # the encoder serves traffic first: one explanation at a time
                return await asyncio.to_thread(page, request, viewer)
        return await asyncio.to_thread(page, request, viewer)

    def _login(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(body=render("login.html", {"root": self._root, "wrong": False}))
        if request.method != "POST":
            raise HttpError(405, "Log in with the form.")
        begun = self._sessions.begin(request, request.form.get("key", ""))
        if begun is None:
            return Response(status=401, body=render("login.html", {"root": self._root, "wrong": True}))
        return self._go(request, "/", cookie=begun[1])

    def _overview(self, request: Request, viewer: Viewer) -> Response:
        name = request.query.get("window", "24h")
        window = WINDOWS.get(name, WINDOWS["24h"])
        figures = self._traffic.figures(window.length, viewer.tenant, bars=window.bars)
        values = {
            "figures": figures,
            "window": name if name in WINDOWS else "24h",
            "windows": WINDOWS,
            "window_words": window.words,
            "pattern": window.pattern,
            "health": self._ledger.health(),
            "durability": self._ledger.window,
        }
        return self._page("overview.html", request, viewer, values)

    def _decisions(self, request: Request, viewer: Viewer) -> Response:
        filters = {name: request.query.get(name, "").strip() for name in decisions.FILTERS}
        name = request.query.get("window", "30d")
        before = _integer(request.query.get("before"))
        since = datetime.now(UTC) - WINDOWS.get(name, WINDOWS["30d"]).length
        found = decisions.find(self._ledger, filters, tenant=viewer.tenant, since=since, before=before)
        values = {
            "found": found,
            "filters": filters,
            "window": name,
            "windows": WINDOWS,
            "words": {stored.id: last_words(stored) for stored in found.exchanges},
            "most": decisions.MOST,
        }
        return self._page("decisions.html", request, viewer, values)

    def _effort(self, request: Request, viewer: Viewer) -> Response:
        name = request.query.get("window", "24h")
        name = name if name in WINDOWS else "24h"
        found = effort(self._ledger, datetime.now(UTC) - WINDOWS[name].length, tenant=viewer.tenant)
        return self._page("effort.html", request, viewer, {"effort": found, "window": name, "windows": WINDOWS})

    def _exchange(self, request: Request, viewer: Viewer) -> Response:
        stored = self._find(request.path.split("/")[2], viewer)
        return self._page("exchange.html", request, viewer, self._opened(stored, explained="explain" in request.query))

    def _opened(self, stored: Stored, *, explained: bool = False) -> dict[str, Any]:
        words = words_of(stored)
        guard = self._guard_of(str(stored.body.get("policy") or ""))
        explanation: dict[str, Any] | None = None
        if explained and guard is not None and words.exchange is not None:
            found = explain(guard, words.exchange)
            explanation = {**explanation_json(guard, found), "action": str(found.decision.action)}
            explanation["risk"] = found.decision.risk
            explanation["elapsed_ms"] = found.decision.elapsed_ms
        return {
            "stored": stored,
            "body": stored.body,
            "words": words,
            "rules": {rule.id: rule for rule in guard.policy.rules} if guard else {},
            "same_policy": guard is not None and guard.policy.digest == stored.body.get("policy_digest"),
            "can_explain": guard is not None and words.exchange is not None,
            "explanation": explanation,
            "labels": review.labels_of(self._ledger, stored.id),
        }

    def _act(self, request: Request, viewer: Viewer) -> Response:
        """A label, a regression test or a training row for one exchange."""
        stored = self._find(request.path.split("/")[2], viewer)
        verb = request.path.split("/")[3:]
        if verb == ["label"]:
            self._label(request, viewer, stored)
            if request.form.get("round"):
                return self._go(request, f"/review?round={quote(request.form['round'], safe='')}")
        elif verb == ["case"]:
            form = request.form.get("form", "")
            if form not in cases.FORMS:
                raise HttpError(400, "A case is a test or a row.")
            harmful = request.form.get("expected") == "harmful"
            rule = request.form.get("rule", "")
            try:
                cases.put_case(self._ledger, stored, form, harmful=harmful, rule=rule, reviewer=viewer.key)
            except LedgerError as error:
                raise HttpError(409, str(error)) from None
            return self._go(request, f"/cases#case-{stored.id}-{form}")
        else:
            raise HttpError(404, "There is no such page.")
        return self._go(request, f"/decisions/{stored.id}")

    def _label(self, request: Request, viewer: Viewer, stored: Stored) -> None:
        label = request.form.get("label", "")
        if label not in review.LABELS:
            raise HttpError(400, "A label is harmful, benign or unsure.")
        known = {one.id: one for one in review.rounds(self._ledger, viewer.tenant)}
        review.put_label(
            self._ledger,
            stored,
            label,
            reviewer=viewer.key,
            round_=known.get(request.form.get("round", "")),
            note=request.form.get("note", "")[:2000],
        )

    def _review(self, request: Request, viewer: Viewer) -> Response:
        rounds = review.rounds(self._ledger, viewer.tenant)
        chosen = next((one for one in rounds if one.id == request.query.get("round")), rounds[0] if rounds else None)
        values: dict[str, Any] = {"rounds": rounds, "round": chosen, "progress": None, "stratum": None, "left": 0}
        values["windows"] = WINDOWS
        if chosen is not None:
            progress = review.progress(self._ledger, chosen)
            values["progress"] = progress
            values["left"] = progress.total - progress.done
            for record_id, stratum in chosen.queue():
                if record_id not in progress.labels:
                    values.update(self._opened(self._find(record_id, viewer)), stratum=stratum)
                    break
        return self._page("review.html", request, viewer, values)

    def _open_round(self, request: Request, viewer: Viewer) -> Response:
        length = WINDOWS.get(request.form.get("window", ""), WINDOWS["7d"]).length
        per_stratum = min(max(_integer(request.form.get("per_stratum")) or review.PER_STRATUM, 1), 200)
        until = datetime.now(UTC)
        round_id = review.open_round(
            self._ledger, until - length, until, reviewer=viewer.key, tenant=viewer.tenant, per_stratum=per_stratum
        )
        return self._go(request, f"/review?round={round_id}")

    def _cases(self, request: Request, viewer: Viewer) -> Response:
        found = cases.cases(self._ledger, viewer.tenant)
        values = {"cases": found[::-1], "lines": {one.id: cases.case_line(one) for one in found}}
        return self._page("cases.html", request, viewer, values)

    def _download(self, viewer: Viewer, form: cases.Form, filename: str) -> Response:
        body = cases.jsonl(cases.cases(self._ledger, viewer.tenant, form))
        return Response(body=body, content_type="application/jsonl; charset=utf-8", filename=filename)

    def _find(self, record_id: str, viewer: Viewer) -> Stored:
        """An exchange that this viewer may see; another tenant's is no more there than one that never was."""
        stored = self._ledger.get(record_id)
        if stored is None or stored.kind != "exchange":
            raise HttpError(404, "There is no such exchange.")
        if viewer.tenant is not None and stored.body.get("tenant") != viewer.tenant:
            raise HttpError(404, "There is no such exchange.")
        return stored

    def _page(self, template: str, request: Request, viewer: Viewer, values: Mapping[str, Any]) -> Response:
        shared = {"root": self._root, "viewer": viewer, "token": self._sessions.token(request), "path": request.path}
        return Response(body=render(template, {**shared, **values}))

    def _problem(self, request: Request | None, status: int, problem: str) -> Response:
        return Response(status=status, body=render("problem.html", {"root": self._root, "problem": problem}))

    def _go(self, request: Request, path: str, *, cookie: str = "") -> Response:
        return Response(status=303, location=f"{self._root}{path}", cookie=cookie)


def _static(name: str) -> Response:
    if name not in STATIC:
        raise HttpError(404, "There is no such file.")
    return Response(body=static(name), content_type=STATIC[name], lasting=True)


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text and len(text) < 19 else None
    except ValueError:
        return None
