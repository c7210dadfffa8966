"""Exchanges turned into regression tests and training rows.

A case is a record: what the exchange said, copied, and what a person expects of it. Its files are written from these
records when they are asked for, so that what was erased is in none of them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from solon.ledger import Ledger, LedgerError, Query, Record, Stored
from solon.web.words import words_of

Form = Literal["test", "row"]
FORMS: tuple[Form, ...] = ("test", "row")
_HALF = re.compile("[\ud800-\udfff]")


def put_case(ledger: Ledger, exchange: Stored, form: Form, *, harmful: bool, rule: str, reviewer: str) -> str:
    """Record an exchange as a regression test (``test``) or a training row (``row``); returns the record's id.

    Raises:
        LedgerError: where its words were not kept, or a training row has no rule.
    """
    words = words_of(exchange)
    if words.exchange is None:
        raise LedgerError(f"its words cannot be used: {words.note}", repair="Only what was kept can become a case.")
    if form == "row" and not rule:
        raise LedgerError("a training row teaches a rule", place="rule", repair="Choose the rule it is about.")
    messages = [{"role": str(message.role), "content": _whole(message.content)} for message in words.exchange.messages]
    content: dict[str, Any] = {"messages": messages}
    if words.exchange.response is not None:
        content["response"] = _whole(words.exchange.response)
    body = {
        "exchange": exchange.id, "form": form, "expected": "refine" if harmful else "permit",
        "label": "harmful" if harmful else "benign", "rule": rule, "reviewer": reviewer,
        "tenant": exchange.body.get("tenant"),
    }  # fmt: skip
    return ledger.put(Record(kind="case", body=body, content=content), durable=True)


def cases(ledger: Ledger, tenant: str | None, form: Form | None = None) -> list[Stored]:
    """The cases a viewer may see, the last one of each exchange and form, oldest first."""
    where: dict[str, Any] = {} if tenant is None else {"tenant": tenant}
    if form is not None:
        where["form"] = form
    latest: dict[tuple[str, str], Stored] = {}
    for stored in ledger.select(Query(kind="case", where=where)):
        latest[stored.body["exchange"], stored.body["form"]] = stored
    return list(latest.values())


def case_line(stored: Stored) -> dict[str, Any] | None:
    """``{id, text | messages, response?, expected}`` or ``{text, rule, label}``; ``None`` once its words are gone."""
    if stored.content is None:
        return None
    messages: list[Mapping[str, str]] = stored.content["messages"]
    if stored.body["form"] == "row":
        asked = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        return {"text": asked, "rule": stored.body["rule"], "label": stored.body["label"]}
    line: dict[str, Any] = {"id": stored.body["exchange"]}
    if len(messages) == 1 and messages[0]["role"] == "user":
        line["text"] = messages[0]["content"]
    else:
        line["messages"] = messages
    if "response" in stored.content:
        line["response"] = stored.content["response"]
    return {**line, "expected": stored.body["expected"], "rule": stored.body["rule"]}


def jsonl(stored: Iterator[Stored] | list[Stored]) -> bytes:
    """JSON lines of cases, those without words left out."""
    lines = [case_line(one) for one in stored]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines if line is not None).encode()


def _whole(text: str) -> str:
    """Text that a UTF-8 file can hold: halves of surrogate pairs become U+FFFD, as the guard's own files want it."""
    return _HALF.sub("\ufffd", text)
