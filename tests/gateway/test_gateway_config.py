"""The configuration: an empty file works, and every mistake is told with file, line, field, value and repair."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from solon.core.errors import ConfigError
from solon.gateway.config import GatewayConfig, load_config, parse_config

WHOLE = """
# a gateway before two providers
listen: {host: 0.0.0.0, port: 9000, workers: 4}
upstreams:
  openai:
    url: https://api.openai.com/v1/
    api_key_env: OPENAI_KEY
    headers: {x-team: "${TEAM}"}
    timeout: {connect: 3}
  claude:
    dialect: anthropic_messages
    url: https://api.anthropic.com
    api_key_file: claude.key
routes:
  - name: main
    models: ["gpt-*", "o?"]
    upstream: openai
    fallbacks: [claude, {upstream: claude, upstream_model: claude-haiku-4-5}]
    policy: strict
policies:
  strict: {pack: ./house, show_rule: true, fail: {cyber.intrusion: open}}
ledger: {dsn: "postgresql://solon:${DB_PASSWORD}@db/solon", content: hash, retention_days: null}
limits:
  key: {requests_per_minute: 60}
  tenants: {acme: {spend_per_day: 12.5}}
"""


@pytest.fixture
def secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_KEY", "sk-test-0123456789abcdef")
    monkeypatch.setenv("TEAM", "blue-team-token")
    monkeypatch.setenv("DB_PASSWORD", "correct-horse")
    (tmp_path / "claude.key").write_text("sk-ant-9876543210\n", encoding="utf-8")
    return tmp_path


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "gateway.yaml")
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n{}\n", "listen:\n  # port: 9\nroutes:\n"])
def test_an_empty_file_is_a_gateway_on_this_machine(text):
    config = parse_config(text, "gateway.yaml")
    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8080)
    assert config.upstreams["embedded"].dialect == "embedded"
    assert [(route.name, route.models, route.upstream, route.policy) for route in config.routes] == [
        ("default", ("*",), "embedded", "default")
    ]
    assert config.policies["default"].pack == "baseline"
    assert config.policies["default"].on_error == "block"
    assert config.policies["default"].mode == "enforce"
    assert config.ledger_dsn.startswith("sqlite:///")
    assert not config.images.allow_hosts


def test_no_file_is_the_same_as_an_empty_one(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("", encoding="utf-8")
    assert load_config() == load_config(file)


def test_a_whole_file(secrets):
    file = secrets / "gateway.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    config = load_config(file)
    openai, claude = config.upstreams["openai"], config.upstreams["claude"]
    assert openai.url == "https://api.openai.com", "a /v1 at the end may be written or left out"
    assert openai.api_key.get_secret_value() == "sk-test-0123456789abcdef"
    assert openai.headers["x-team"].get_secret_value() == "blue-team-token"
    assert claude.api_key.get_secret_value() == "sk-ant-9876543210"
    assert config.policies["strict"].pack == str(secrets / "house"), "paths are meant from the file's own folder"
    assert [(one.upstream, one.upstream_model) for one in config.routes[0].fallbacks] == [
        ("claude", None),
        ("claude", "claude-haiku-4-5"),
    ]
    assert config.ledger_dsn == "postgresql://solon:correct-horse@db/solon"
    assert config.ledger.retention_days is None
    assert config.limits.tenants["acme"].spend_per_day == 12.5


def test_nothing_prints_or_digests_a_secret(secrets, monkeypatch):
    file = secrets / "gateway.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    config = load_config(file)
    shown = f"{config!r} {config} {config.model_dump_json()} {config.model_dump()}"
    for secret in ("sk-test-0123456789abcdef", "blue-team-token", "correct-horse", "sk-ant-9876543210"):
        assert secret not in shown
    monkeypatch.setenv("DB_PASSWORD", "another-password")
    assert load_config(file).digest == config.digest, "a changed password is no other configuration"
    file.write_text(WHOLE.replace("9000", "9001"), encoding="utf-8")
    assert load_config(file).digest != config.digest


def test_frozen():
    config = parse_config("", "gateway.yaml")
    with pytest.raises(ValidationError):
        config.listen = None
    with pytest.raises(ValidationError):
        config.listen.port = 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listen:\n  prot: 8080\n", r"gateway\.yaml:2: listen\.prot: unknown key\. Did you mean `port`\?"),
        ("listn: {}\n", r"gateway\.yaml:1: listn: unknown key\. Did you mean `listen`\?"),
        ("\nzzz: 1\n", r"gateway\.yaml:2: zzz: unknown key\. Known keys here: state, listen"),
        ("listen:\n  port: 99999\n", r"gateway\.yaml:2: listen\.port: must be less than .* 65535, got 99999\. .*8080"),
        ("listen: {port: no}\n", r"gateway\.yaml:1: listen\.port: got false where a value is expected"),
        ("listen: 7\n", r"gateway\.yaml:1: listen: must be `key: value` lines, got 7"),
        (
            "upstreams:\n  a:\n    url: ftp://x\n",
            r"gateway\.yaml:3: upstreams\.a\.url: must start with http.*'ftp://x'",
        ),
        ("upstreams:\n  a:\n    url: https://k:v@x\n", r"gateway\.yaml:3: .*must not hold a password"),
        ("upstreams:\n  a: {}\n", r"gateway\.yaml:2: upstreams\.a: an upstream needs a url"),
        ("upstreams:\n  'a b': {url: 'http://x'}\n", r"gateway\.yaml:2: upstreams\.a b: must match pattern"),
        ("routes:\n - {name: r, upstream: embeded}\n", r"gateway\.yaml:2: routes\[0\]\.upstream: .*mean 'embedded'"),
        ("routes:\n - {upstream: embedded}\n", r"gateway\.yaml:2: routes\[0\]\.name: is missing"),
        ("routes:\n - {name: r, upstream: embedded, policy: x}\n", r"routes\[0\]\.policy: there is no policy 'x'"),
        ("routes:\n - &a {name: r, upstream: embedded}\n - *a\n", r"gateway\.yaml:2: this value is used again"),
        (
            "routes:\n - {name: r, upstream: embedded}\n - {name: r, upstream: embedded}\n",
            r"gateway\.yaml:3: routes\[1\]\.name: route 'r' is there twice",
        ),
        ("policies: {p: {mode: enforced}}\n", r"policies\.p\.mode: must be 'enforce' or 'shadow', got 'enforced'"),
        ("policies: {p: {fail: {a.b: ajar}}}\n", r"policies\.p\.fail\.a\.b: must be 'open' or 'closed', got 'ajar'"),
        ("admin: {api_key_env: NOT_SET_ANYWHERE}\n", r"admin\.api_key_env: environment variable NOT_SET_ANYWHERE is"),
        ("admin: {api_key_file: nowhere.key}\n", r"admin\.api_key_file: cannot be read: .*No such file"),
        ("ledger: {dsn: '${NOT_SET_ANYWHERE}'}\n", r"ledger\.dsn: environment variable NOT_SET_ANYWHERE is not set"),
        ("ledger: {dsn: '${a b}'}\n", r"ledger\.dsn: `\$\{a b\}` is not the name of a variable"),
        ("ledger: {content: encrypt}\n", r"ledger: `content: encrypt` and encryption_key_env go together"),
        (
            "listen: {host: '${HOME}'}\n",
            r"listen\.host: '\$\{HOME\}' refers to the environment, which only secrets may",
        ),
        ("listen: {port: 1, port: 2}\n", r"gateway\.yaml:1: key 'port' appears twice"),
        ("listen: [\n", r"gateway\.yaml:2: this is not YAML"),
        ("- 1\n", r"gateway\.yaml:1: a configuration is `key: value` lines, got \[1\]"),
        (
            "limits: {key: {requests_per_minute: 0}}\n",
            r"limits\.key\.requests_per_minute: must be greater than 0, got 0",
        ),
        ("metrics: {path: '/a b'}\n", r"metrics\.path: must match pattern"),
    ],
)
def test_each_mistake_says_where_what_and_how_to_repair_it(text, told):
    assert re.search(told, wrong(text)), wrong(text)


def test_every_mistake_of_a_file_is_told_at_once():
    told = wrong("listen:\n  port: none\n  hots: x\nlogs:\n  level: loud\nstate: '${X}'\n")
    assert told.startswith("gateway.yaml: 4 mistakes")
    for part in (":2: listen.port", ":3: listen.hots", ":5: logs.level", ":6: state"):
        assert part in told


def test_a_wrong_secret_is_not_quoted(monkeypatch):
    monkeypatch.setenv("BAD", "sëcret-of-mine")
    told = wrong("admin: {api_key_env: BAD}\n")
    assert "printable ASCII" in told
    assert "of-mine" not in told
    assert "topsecret" not in wrong("upstreams: {a: {url: 'http://x', headers: {k: [topsecret]}}}\n")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: the file does not exist"):
        load_config(tmp_path / "nowhere.yaml")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from([*GatewayConfig.model_fields, "nope"])


@given(st.dictionaries(sections, values, max_size=4))
def test_any_yaml_is_read_or_refused_with_its_place(tree):
    text = yaml.safe_dump(tree, allow_unicode=False)
    try:
        config = parse_config(text, "gateway.yaml")
    except ConfigError as error:
        assert "gateway.yaml" in str(error)
        assert "\nTraceback" not in str(error)
    else:
        assert config.routes


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        parse_config(text, "gateway.yaml")
    except ConfigError as error:
        assert str(error).startswith("gateway.yaml")
