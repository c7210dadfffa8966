"""The organisers' pages: what waits for a decision, who takes part, what was paid, and the files to take away."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from solon.core.attempt import Outcome
from solon.web.arena import board, people, talks
from solon.web.arena.store import ArenaError, Store, unpacked
from solon.web.arena.verdicts import Court
from solon.web.http import HttpError, Request, Response
from solon.web.session import Viewer

Page = Callable[[str, Request, Viewer, Mapping[str, Any]], Response]
_FILES: dict[str, tuple[Callable[[Court], bytes], str]] = {
    "attempts.jsonl": (board.attempts_jsonl, "application/jsonl; charset=utf-8"),
    "findings.jsonl": (board.findings_jsonl, "application/jsonl; charset=utf-8"),
    "bounties.csv": (board.bounties_csv, "text/csv; charset=utf-8"),
}


class Go(Protocol):
    """Leads to another page."""

    def __call__(self, path: str, *, cookie: str = "") -> Response:
        """The redirect."""
        ...


class OperatorPages:
    """Answers an organiser; ``page`` renders and ``go`` redirects as the whole arena does."""

    def __init__(self, store: Store, court: Court, page: Page, go: Go) -> None:
        self._store, self._court, self._page, self._go = store, court, page, go

    def answer(self, method: str, request: Request, viewer: Viewer) -> Response:
        """One request."""
        name = viewer.key.partition(":")[2]
        match (method, *request.path.strip("/").split("/")):
            case ("GET", ""):
                return self._page("arena/operator.html", request, viewer, self._overview())
            case ("GET", "cases"):
                return self._page("arena/cases.html", request, viewer, self._cases())
            case ("GET", "submissions", submission):
                return self._page("arena/case.html", request, viewer, self._case(submission))
            case ("POST", "submissions", submission, "decide"):
                return self._decide(request, submission, name)
            case ("GET", "people"):
                return self._page("arena/people.html", request, viewer, {"people": self._people(), "invitation": ""})
            case ("POST", "people", "invite"):
                return self._invite(request, viewer, name)
            case ("POST", "people", participant, ("suspend" | "resume") as verb):
                people.suspend(self._store, participant, verb == "suspend", operator=name)
                return self._go("/people")
            case ("POST", "pause"):
                people.pause(self._store, request.form.get("reason", "").strip(), operator=name)
                return self._go("/")
            case ("GET", "bounties"):
                return self._page("arena/bounties.html", request, viewer, self._bounties())
            case ("GET", "leaderboard"):
                values = {"places": board.leaderboard(self._store), "me": ""}
                return self._page("arena/leaderboard.html", request, viewer, values)
            case ("GET", "export", file) if file in _FILES:
                make, kind = _FILES[file]
                return Response(body=make(self._court), content_type=kind, filename=file)
            case _:
                raise HttpError(404, "There is no such page.")

    def _overview(self) -> dict[str, Any]:
        config = self._court.config
        rows = board.submissions_of(self._store)
        goals = [
            (
                goal,
                sum(row["goal"] == goal.id for row in rows),
                sum(row["goal"] == goal.id and row["outcome"] == Outcome.SUCCESS for row in rows),
            )
            for goal in config.all_goals.values()
        ]
        with self._store.reading() as connection:
            reason = talks.paused(connection)
        return {
            "figures": board.figures(self._store),
            "waiting": len(board.waiting(self._store)),
            "goals": goals,
            "paused": reason,
            "settings": config,
        }

    def _cases(self) -> dict[str, Any]:
        names = {row["id"]: row["name"] for row in people.everyone(self._store)}
        return {"waiting": board.waiting(self._store), "all": board.submissions_of(self._store)[:200], "names": names}

    def _case(self, submission: str) -> dict[str, Any]:
        try:
            row = self._court.row(submission)
        except ArenaError as error:
            raise HttpError(404, error.problem) from None
        prompt, answer = self._court.said(row)
        names = {one["id"]: one["name"] for one in people.everyone(self._store)}
        return {
            "row": row,
            "goal": self._court.config.all_goals.get(row["goal"]),
            "asked": prompt.exchange.messages,
            "reply": answer.text,
            "appeal": unpacked(row["appeal"]),
            "decision": unpacked(row["decision"]),
            "name": names.get(row["participant"], ""),
            "paid": [one for one in board.payments(self._store) if one["submission"] == submission],
        }

    def _decide(self, request: Request, submission: str, name: str) -> Response:
        found = request.form.get("outcome", "")
        if found not in ("success", "failure"):
            raise HttpError(400, "A decision is success or failure.")
        self._court.decide(submission, Outcome(found), request.form.get("words", ""), operator=name)
        return self._go("/cases")

    def _people(self) -> list[dict[str, Any]]:
        earned: dict[str, int] = {}
        for line in board.payments(self._store):
            earned[line["participant"]] = earned.get(line["participant"], 0) + line["cents"]
        config = self._court.config
        return [
            {**row, "earned": earned.get(row["id"], 0), "left": talks.left(self._store, config, row["id"])}
            for row in people.everyone(self._store)
        ]

    def _invite(self, request: Request, viewer: Viewer, name: str) -> Response:
        """The link is shown on the page that answers, this once."""
        try:
            days = float(request.form.get("days", "14"))
        except ValueError:
            days = math.nan
        if not 0 < days <= 365:
            raise HttpError(400, "An invitation lasts between a moment and 365 days.")
        token = people.invite(self._store, label=request.form.get("label", ""), days=days, operator=name)
        base = self._court.config.public_url or f"{'https' if request.secure else 'http'}://{request.headers['host']}"
        values = {"people": self._people(), "invitation": invitation_link(base, request.root, token)}
        return self._page("arena/people.html", request, viewer, values)

    def _bounties(self) -> dict[str, Any]:
        names = {row["id"]: row["name"] for row in people.everyone(self._store)}
        lines = board.payments(self._store)
        return {"lines": lines[::-1], "names": names, "total": sum(one["cents"] for one in lines),
                "settings": self._court.config}  # fmt: skip


def invitation_link(base: str, root: str, token: str) -> str:
    """Where an invited person goes."""
    return f"{base.rstrip('/')}{root}/join?invitation={token}"
