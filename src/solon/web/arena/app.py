"""The arena's pages for participants, and its door: an ASGI application mounted where ``root`` says."""

import asyncio
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from solon.core.attempt import Target
from solon.ledger import LedgerError
from solon.web.arena import board, people, talks
from solon.web.arena.config import ArenaConfig, ArenaGoal
from solon.web.arena.operator import OperatorPages
from solon.web.arena.store import ArenaError, Row, Store, unpacked
from solon.web.arena.talks import STOPPED
from solon.web.arena.verdicts import Court
from solon.web.http import HttpError, Receive, Request, Response, Scope, Send, read_request
from solon.web.pages import STATIC, render, static
from solon.web.session import Access, Sessions, Viewer

OPERATOR, PARTICIPANT = "o:", "p:"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an arena is made of. ``operators``: names and the keys that they log in with."""

    config: ArenaConfig
    store: Store
    target: Target
    court: Court
    operators: Mapping[str, str]


class ArenaApp:
    """Answers everything below ``root``; ``secret`` signs sessions."""

    def __init__(self, parts: Parts, *, secret: bytes, root: str = "/arena") -> None:
        self._parts = parts
        self._store, self._config, self._court = parts.store, parts.config, parts.court
        self._root = root
        self._sessions = Sessions(Access(login=self._find, valid=self._valid), secret, root)
        self._operator = OperatorPages(parts.store, parts.court, self._page, self._go)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what goes wrong inside is logged and told without its details."""
        if scope["type"] != "http":
            return
        request: Request | None = None
        try:
            if not scope["path"].startswith(self._root):
                raise HttpError(404, "There is no such page.")
            request = await read_request(scope, receive, self._root)
            response = await self._answer(request)
        except HttpError as error:
            response = self._problem(error.status, error.problem)
        except ArenaError as error:
            response = self._problem(409, error.problem)
        except LedgerError as error:
            _log.warning("arena: %s", error)
            response = self._problem(
                503, "The arena's records cannot be written now. Nothing was done; try again soon."
            )
        except Exception:
            _log.exception("arena: a page failed")
            response = self._problem(500, "This page failed. The organisers' log says why.")
        await response.send(send, head=scope["method"] == "HEAD")

    async def _answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in ("GET", "POST"):
            raise HttpError(405, "Pages are read and forms are sent.")
        if request.path.startswith("/static/"):
            return _static(request.path.removeprefix("/static/"))
        if request.path in ("/login", "/join"):
            self._require_own(request)
            return await asyncio.to_thread(self._login if request.path == "/login" else self._join, request)
        viewer = await asyncio.to_thread(self._sessions.viewer, request)
        if viewer is None:
            return self._go("/login")
        if method == "POST":
            self._sessions.check_form(request)
        if (method, request.path) == ("POST", "/logout"):
            return self._go("/login", cookie=self._sessions.end(request))
        if viewer.key.startswith(OPERATOR):
            return await asyncio.to_thread(self._operator.answer, method, request, viewer)
        return await self._participant(method, request, viewer)

    async def _participant(self, method: str, request: Request, viewer: Viewer) -> Response:
        me = await asyncio.to_thread(people.participant, self._store, viewer.key.removeprefix(PARTICIPANT))
        if me is None:
            raise HttpError(403, "There is no such participant.")
        if (method, request.path) == ("POST", "/scope"):
            await asyncio.to_thread(self._accept, request, me)
            return self._go("/")
        if me["scope"] != self._config.scope_digest:
            return self._page("arena/scope.html", request, viewer, {"scope": self._config.scope})
        parts = tuple(request.path.strip("/").split("/"))
        match (method, *parts):
            case ("POST", "talks", talk, "say"):
                return await self._say(request, me, talk)
            case ("POST", "talks", talk, "submit"):
                return await self._submit(request, me, talk)
            case _:
                return await asyncio.to_thread(self._read, (method, *parts), request, viewer, me)

    def _read(self, asked: tuple[str, ...], request: Request, viewer: Viewer, me: Row) -> Response:
        """The pages that ask no target."""
        match asked:
            case ("GET", ""):
                return self._page("arena/goals.html", request, viewer, self._overview(me))
            case ("GET", "leaderboard"):
                values = {"places": board.leaderboard(self._store), "me": me["id"]}
                return self._page("arena/leaderboard.html", request, viewer, values)
            case ("GET", "goals", goal):
                return self._page("arena/goal.html", request, viewer, self._goal_page(me, self._goal(goal)))
            case ("POST", "goals", goal, "start"):
                return self._go(f"/talks/{talks.start(self._store, me['id'], self._goal(goal))}")
            case ("GET", "talks", talk):
                return self._page("arena/talk.html", request, viewer, self._talk_page(me, talk))
            case ("GET", "submissions", submission):
                return self._page("arena/submission.html", request, viewer, self._submission_page(me, submission))
            case ("POST", "submissions", submission, "appeal"):
                self._court.appeal(submission, me["id"], request.form.get("words", ""))
                return self._go(f"/submissions/{submission}")
            case _:
                raise HttpError(404, "There is no such page.")

    async def _say(self, request: Request, me: Row, talk: str) -> Response:
        """Keep a message, ask the target, keep the answer; the page then shows both."""
        row = await asyncio.to_thread(self._talk, me, talk)
        goal = self._goal(row["goal"])
        words = request.form.get("words", "").replace("\r\n", "\n")
        number = await asyncio.to_thread(talks.reserve, self._store, self._config, me["id"], talk, words)
        said = await asyncio.to_thread(talks.history, self._store, talk)
        prompt = talks.prompt_of(said, goal.system or self._config.target.system, upto=number)
        answer = await talks.ask(self._parts.target, prompt)
        await asyncio.to_thread(talks.keep, self._store, talk, number, me["id"], answer)
        return self._go(f"/talks/{talk}#turn-{number}")

    async def _submit(self, request: Request, me: Row, talk: str) -> Response:
        try:
            number = int(request.form.get("number", ""))
        except ValueError:
            raise HttpError(400, "Which reply?") from None
        await asyncio.to_thread(self._talk, me, talk)
        submission = await asyncio.to_thread(self._court.open, me["id"], talk, number)
        grade = await self._court.grade(submission)
        await asyncio.to_thread(self._court.settle, submission, grade)
        return self._go(f"/submissions/{submission}")

    def _overview(self, me: Row) -> dict[str, Any]:
        mine = board.submissions_of(self._store, me["id"])
        by_goal: dict[str, list[Row]] = {}
        for row in mine:
            by_goal.setdefault(row["goal"], []).append(row)
        with self._store.reading() as connection:
            reason = talks.paused(connection)
        return {
            "goals": self._config.all_goals.values(),
            "by_goal": by_goal,
            "earned": sum(row["cents"] for row in board.payments(self._store, me["id"])),
            "left": talks.left(self._store, self._config, me["id"]),
            "settings": self._config,
            "paused": reason,
            "suspended": me["suspended"],
        }

    def _goal_page(self, me: Row, goal: ArenaGoal) -> dict[str, Any]:
        mine = [row for row in board.submissions_of(self._store, me["id"]) if row["goal"] == goal.id]
        own = talks.talks_of(self._store, me["id"], goal.id)
        return {"goal": goal, "talks": own, "submissions": mine, "settings": self._config}

    def _talk_page(self, me: Row, talk: str) -> dict[str, Any]:
        row = self._talk(me, talk)
        mine = {one["number"]: one for one in board.submissions_of(self._store, me["id"]) if one["talk"] == talk}
        return {
            "talk": row,
            "goal": self._goal(row["goal"]),
            "turns": talks.history(self._store, talk),
            "submitted": mine,
            "stopped": STOPPED,
            "left": talks.left(self._store, self._config, me["id"]),
            "most": self._config.limits.characters,
        }

    def _submission_page(self, me: Row, submission: str) -> dict[str, Any]:
        row = self._court.row(submission)
        if row["participant"] != me["id"]:
            raise HttpError(404, "There is no such submission.")
        prompt, answer = self._court.said(row)
        paid = [one for one in board.payments(self._store, me["id"]) if one["submission"] == submission]
        return {
            "row": row,
            "goal": self._goal(row["goal"]),
            "asked": [turn for turn in prompt.exchange.messages if turn.role != "system"],
            "reply": answer.text,
            "appeal": unpacked(row["appeal"]),
            "decision": unpacked(row["decision"]),
            "paid": paid,
            "settings": self._config,
        }

    def _talk(self, me: Row, talk: str) -> Row:
        row = talks.talk_of(self._store, talk, me["id"])
        if row is None:
            raise HttpError(404, "There is no such conversation.")
        return row

    def _goal(self, goal: str) -> ArenaGoal:
        found = self._config.all_goals.get(goal)
        if found is None:
            raise HttpError(404, "There is no such goal.")
        return found

    def _accept(self, request: Request, me: Row) -> None:
        if request.form.get("scope") != self._config.scope_digest:
            raise HttpError(400, "The text has changed meanwhile. Read it again.")
        people.accept_scope(self._store, me["id"], self._config.scope_digest)

    def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(body=render("arena/login.html", self._shared({"wrong": False})))
        begun = self._sessions.begin(request, request.form.get("key", ""))
        if begun is None:
            return Response(status=401, body=render("arena/login.html", self._shared({"wrong": True})))
        return self._go("/", cookie=begun[1])

    def _join(self, request: Request) -> Response:
        """Use an invitation: a name, the scope accepted, and the key that is shown this once."""
        source = request.form if request.method == "POST" else request.query
        token = source.get("invitation", "")
        values: dict[str, Any] = {"token": token, "scope": self._config.scope, "problem": "", "name": ""}
        if not people.open_invitation(self._store, token):
            raise HttpError(404, "This invitation was used, is over, or never was. Ask for a new one.")
        if request.method != "POST":
            return Response(body=render("arena/join.html", self._shared(values)))
        values["name"] = request.form.get("name", "")
        if request.form.get("accept") != "yes":
            values["problem"] = "Accept the scope first; without it nobody may take part."
            return Response(status=400, body=render("arena/join.html", self._shared(values)))
        try:
            _, key = people.join(self._store, token, values["name"], self._config.scope_digest)
        except ArenaError as error:
            values["problem"] = error.problem
            return Response(status=400, body=render("arena/join.html", self._shared(values)))
        begun = self._sessions.begin(request, key)
        joined = render("arena/joined.html", self._shared({"key": key}))
        return Response(body=joined, cookie=begun[1] if begun else "")

    def _find(self, key: str) -> Viewer | None:
        for name, own in self._parts.operators.items():
            if key and hmac.compare_digest(own.encode(), key.encode("utf-8", "surrogatepass")):
                return Viewer(key=f"{OPERATOR}{name}")
        found = people.by_key(self._store, key)
        return None if found is None else Viewer(key=f"{PARTICIPANT}{found}")

    def _valid(self, viewer: Viewer) -> bool:
        if viewer.key.startswith(OPERATOR):
            return viewer.key.removeprefix(OPERATOR) in self._parts.operators
        return people.participant(self._store, viewer.key.removeprefix(PARTICIPANT)) is not None

    def _require_own(self, request: Request) -> None:
        """Forms without a session come from our own pages too."""
        origin = request.headers.get("origin", "")
        if request.method == "POST" and origin and origin.partition("://")[2] != request.headers.get("host", ""):
            raise HttpError(403, "This form is not from this page.")

    def _page(self, template: str, request: Request, viewer: Viewer, values: Mapping[str, Any]) -> Response:
        own: dict[str, Any] = {"viewer": viewer, "token": self._sessions.token(request), "path": request.path}
        own["operator"] = viewer.key.startswith(OPERATOR)
        return Response(body=render(template, self._shared({**own, **values})))

    def _shared(self, values: Mapping[str, Any]) -> dict[str, Any]:
        digest, currency = self._config.scope_digest, self._config.bounties.currency
        return {"root": self._root, "arena": self._config.name, "scope_digest": digest, "currency": currency, **values}

    def _problem(self, status: int, problem: str) -> Response:
        return Response(status=status, body=render("arena/problem.html", self._shared({"problem": problem})))

    def _go(self, path: str, *, cookie: str = "") -> Response:
        return Response(status=303, location=f"{self._root}{path}", cookie=cookie)


def _static(name: str) -> Response:
    if name not in STATIC:
        raise HttpError(404, "There is no such file.")
    return replace(Response(body=static(name), content_type=STATIC[name]), lasting=True)
