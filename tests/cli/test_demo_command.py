"""``solon demo``: real requests, and what they are said to be."""

import base64
import codecs
import json

from click.testing import CliRunner

from solon.cli.demo import demo, items


def test_the_requests_are_many_and_what_their_titles_say() -> None:
    requests = items()
    assert len(requests) >= 24
    assert {item["meant"] for item in requests} == {"harmful", "harmless"}
    by_title = {item["title"]: item for item in requests}
    goal = requests[0]["text"]
    assert codecs.decode(by_title["rot13"]["text"], "rot13") == goal
    assert base64.b64decode(by_title["base64"]["text"].split()[-1]).decode() == goal
    inner = base64.b64decode(by_title["rot13 inside base64"]["text"].split()[-1]).decode()
    assert codecs.decode(inner, "rot13") == goal
    hidden = by_title["invisible tag characters"]["text"]
    assert "".join(chr(ord(c) - 0xE0000) for c in hidden if ord(c) > 0xE0000) == goal


def test_every_request_is_judged_and_the_bad_reply_is_cut() -> None:
    result = CliRunner().invoke(demo, ["--json"])
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert [one["title"] for one in shown] == [item["title"] for item in items()]
    assert all(one["action"] in {"permit", "refine", "block"} for one in shown)
    replies = {one["title"]: one for one in shown if one["reply"] is not None}
    cut, whole = replies["a reply that turns harmful"], replies["a harmless reply"]
    assert cut["action"] == "block" and cut["released"].startswith(cut["reply"][:40])
    assert "shell companies" not in cut["released"] and "ferries" in cut["released"]
    assert whole["released"] == whole["reply"]
    assert sum(one["right"] for one in shown) >= len(shown) / 2


def test_the_table_fits_80_columns_and_says_how_to_go_on() -> None:
    result = CliRunner().invoke(demo, ["--no-stay"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert all(len(line) <= 86 for line in result.stdout.splitlines())
    for part in ("as meant", "the client saw", "solon check", "solon doctor"):
        assert part in result.stdout
