"""Logs: a line an event, whatever is in it; no secret in any field; no content unless it was asked for."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.core.errors import ConfigError
from solon.gateway import logs
from solon.gateway.config_model import LogSettings
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import new_key
from solon.gateway.logs import Content, LineFormatter, configure_logs, hide, redact, request_id, without_secrets


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(logs, "_known_secrets", set())


def line(event: str, *arguments: object, settings: LogSettings | None = None, error=None, **extra: object) -> str:
    record = logging.LogRecord("solon.gateway.test", logging.INFO, __file__, 1, event, arguments, error)
    vars(record).update(extra)
    return LineFormatter(settings or LogSettings()).format(record)


def test_an_event_is_one_json_object_with_its_fields():
    token = request_id.set("req_1")
    try:
        told = json.loads(line("reloaded %d times", 3, digest="abc", n=1, deep={"a": [1, None, True]}))
    finally:
        request_id.reset(token)
    assert told["event"] == "reloaded 3 times"
    assert (told["level"], told["logger"], told["request_id"]) == ("info", "solon.gateway.test", "req_1")
    assert (told["digest"], told["n"], told["deep"]) == ("abc", 1, {"a": [1, None, True]})
    assert told["time"].endswith("+00:00")


hostile = st.text() | st.sampled_from(
    ["\n", "\r\n", '"}\n{"level":"error"', "\x1b[31m", "\u2028", "\u202e", "\x00", "\ud800", "a=1 level=error", "\x85"]
)


@given(hostile, hostile, hostile)
def test_no_field_starts_a_line_or_forges_another(event, name, value):
    for style in ("json", "text"):
        said = line("%s", event, settings=LogSettings(format=style), **{f"f_{name}": value})
        assert "\n" not in said
        assert "\r" not in said
        assert said.isprintable() or style == "text"
        assert not any(c in said for c in "\x1b\x00\x85\u2028\u2029\u202e")
        if style == "json":
            told = json.loads(said)
            assert told["level"] == "info"
            assert set(told) <= {"time", "level", "logger", "event", f"f_{name}"}


def test_content_is_counted_unless_asked_for():
    text = "my prompt, from bob@example.org"
    assert json.loads(line("asked", prompt=Content(text)))["prompt"] == {"chars": len(text)}
    told = json.loads(line("asked", prompt=Content(text), settings=LogSettings(content=True)))
    assert told["prompt"] == "my prompt, from [email]"
    told = json.loads(line("asked", prompt=Content(text), settings=LogSettings(content=True, redact=False)))
    assert told["prompt"] == text


def raised(error: Exception):
    try:
        raise error
    except type(error) as caught:
        return type(caught), caught, caught.__traceback__


def test_an_exception_that_may_quote_a_client_tells_its_kind_and_way_only():
    told = json.loads(line("failed", error=raised(WireError("unknown role 'my secret plan'"))))
    assert told["error_type"] == "WireError"
    assert any("test_gateway_logs.py" in frame for frame in told["stack"])
    assert "secret plan" not in json.dumps(told)
    assert "secret plan" not in line("failed", error=raised(ValueError("secret plan")))
    assert "secret plan" in line("failed", error=raised(ConfigError("secret plan")))
    assert "secret plan" in line("failed", error=raised(ValueError("secret plan")), settings=LogSettings(content=True))


# Secrets ----------------------------------------------------------------------------------------------------------

letters = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=24, max_size=40)
forms = st.one_of(
    st.builds(lambda _: new_key().secret, st.none()),
    letters.map("sk-".__add__),
    letters.map("sk-ant-api03-".__add__),
    letters.map("ghp_".__add__),
    letters.map("xoxb-".__add__),
    letters.map("hf_".__add__),
    st.tuples(letters, letters, letters).map(lambda three: f"eyJ{three[0]}.{three[1]}.{three[2]}"),
)
known = st.text(st.characters(codec="utf-8", exclude_characters="\\"), min_size=8, max_size=60).filter(
    lambda text: text.strip() and text not in logs.BLANK
)


@st.composite
def buried(draw, secret: str):
    """A value with the secret somewhere in it."""
    text = draw(st.sampled_from(["{}", "key {} end", "Bearer {}", "https://u:{}@host/x", "[{}]", "'{}'", "a\n{}\nb"]))
    value: object = text.replace("{}", secret)
    for _ in range(draw(st.integers(0, 3))):
        value = draw(st.sampled_from([lambda v: [v], lambda v: {"k": v}, lambda v: (1, v), lambda v: {str(v): 1}]))(
            value
        )
    return value


def everywhere(value: object) -> list[str]:
    """Every way in which a value can get into a line."""
    said = []
    for settings in (LogSettings(), LogSettings(format="text"), LogSettings(content=True)):
        said.append(line("x", field=value, settings=settings))
        said.append(line("x %s", value, settings=settings))
        said.append(line("x", error=raised(OSError(str(value))), settings=settings))
        said.append(line("x", error=raised(ValueError(str(value))), settings=settings))
        said.append(line("x", prompt=Content(str(value)), settings=settings))
    return said


@given(st.data())
def test_what_has_the_form_of_a_secret_never_appears(data):
    secret = data.draw(forms)
    for said in everywhere(data.draw(buried(secret))):
        assert secret not in said
        assert secret[12:] not in said


@given(st.data())
def test_what_is_known_to_be_a_secret_never_appears(data):
    secret = data.draw(known)
    hide(secret)
    try:
        for said in everywhere(f"before {secret} after"):
            assert secret not in said
            assert json.dumps(secret)[1:-1] not in said
    finally:
        logs._known_secrets.clear()


def test_bearer_tokens_passwords_and_private_keys():
    text = "Authorization: Bearer abc.def postgresql://solon:hunter22@db/x\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"
    clean = without_secrets(text)
    for secret in ("abc.def", "hunter22", "MIIE"):
        assert secret not in clean
    assert "@db/x" in clean


def test_short_words_are_not_taken_for_secrets():
    hide("", None, "admin")
    assert without_secrets("admin says hello") == "admin says hello"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to ann.lee+x@mail.example.co.uk now", "write to [email] now"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("card 4111-1111-1111-1112.", "card [phone]."),
        ("call +49 (30) 901820-12 today", "call [phone] today"),
        ("token a8f5f167f44f4964e6c998dee827110c end", "token [key] end"),
        ("in 2024, 3 of 12 people, 50% of 1,000", "in 2024, 3 of 12 people, 50% of 1,000"),
        ("internationalisation of counterrevolutionaries", "internationalisation of counterrevolutionaries"),
    ],
)
def test_redaction(text, clean):
    assert redact(text) == clean


@given(st.text(max_size=300))
def test_redaction_reads_any_text(text):
    assert isinstance(redact(text), str)


def test_one_handler_takes_everything(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    level = root.level
    stream = io.StringIO()
    try:
        configure_logs(LogSettings(level="warning"), stream)
        logging.getLogger("uvicorn.error").warning("cannot bind")
        logging.getLogger("solon.gateway").info("not this")
        logging.getLogger("uvicorn.access").info("GET /secret?key=1")
        logging.getLogger("anything").error("broken", extra={"key": "sk-abcdefghijklmnop"})
    finally:
        root.setLevel(level)
    told = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert [one["event"] for one in told] == ["cannot bind", "broken"]
    assert told[1]["key"] == "[hidden]"
