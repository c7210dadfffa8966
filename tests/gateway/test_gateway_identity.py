"""Keys: found by their hash, bound to what they may do, never shown, and kept in a file that is whole or not there."""

import json
import multiprocessing
import re
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from solon.cli.main import cli
from solon.core.errors import ConfigError
from solon.gateway.config_model import Limits
from solon.gateway.dialects.base import WireError
from solon.gateway.identity import Keys, Principal, credential, merged, new_key
from solon.gateway.keys_file import change_keys, parse_keys, read_keys


def bearer(secret: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {secret}".encode()


def test_a_key_is_found_under_both_headers_and_bound():
    made = new_key(tenant="acme", routes=("a", "b"), policy="strict", limits=Limits(concurrent=3))
    other = new_key()
    keys = Keys([made.stored, other.stored])
    for header in (
        bearer(made.secret),
        (b"x-api-key", made.secret.encode()),
        (b"authorization", b"bearer " + made.secret.encode()),
    ):
        principal = keys.authenticate([(b"host", b"x"), header])
        assert (principal.key_id, principal.tenant, principal.policy) == (made.stored.id, "acme", "strict")
        assert principal.limits.concurrent == 3
        assert principal.may_use("a")
        assert not principal.may_use("c")
    assert keys.authenticate([bearer(other.secret)]).may_use("anything")


def test_neither_a_revoked_nor_an_expired_nor_an_unknown_key_opens_anything():
    now = datetime.now(UTC)
    gone = new_key(expires=now + timedelta(seconds=100))
    revoked = new_key(revoked=now)
    keys = Keys([gone.stored, revoked.stored])
    assert keys.find(gone.secret, now=now.timestamp() + 99) is not None
    assert keys.find(gone.secret, now=now.timestamp() + 100) is None
    assert keys.find(revoked.secret) is None
    for wrong in (
        "",
        "sk-solon-",
        gone.secret[:-1],
        gone.secret + "x",
        gone.secret.upper(),
        gone.secret + " ",
        "\0" * 600,
    ):
        assert keys.find(wrong) is None


@given(st.text())
def test_no_text_that_is_not_a_key_is_one(text):
    keys = Keys([new_key().stored for _ in range(3)])
    assert keys.find(text) is None


def test_a_collision_of_the_table_is_no_match(monkeypatch):
    """Two secrets whose hashes begin alike are told apart by the whole hash."""
    made = new_key()
    keys = Keys([made.stored])
    (digest, principal), *_ = keys._found.values()
    keys._found = {digest[:8]: (digest[:8] + bytes(24), principal)}
    assert keys.find(made.secret) is None


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([], "no key was sent"),
        ([(b"authorization", b"Bearer ")], "no key was sent"),
        ([(b"x-api-key", b"")], "no key was sent"),
        ([(b"authorization", b"Basic dTpw")], "not of the form"),
        ([(b"authorization", b"sk-solon-abc")], "not of the form"),
        ([bearer("one"), (b"x-api-key", b"two")], "two different keys"),
        ([bearer("one"), bearer("two")], "two different keys"),
        ([(b"x-api-key", b"one"), (b"x-api-key", b"two")], "two different keys"),
        ([bearer("one"), (b"x-api-key", b"")], "two different keys"),
    ],
)
def test_headers_that_name_no_one_key_are_refused(headers, told):
    with pytest.raises(WireError, match=told) as caught:
        credential(headers)
    assert (caught.value.status, caught.value.kind) == (401, "authentication")


def test_the_same_key_in_two_headers_is_one_key():
    assert credential([bearer("one"), (b"x-api-key", b"one")]) == "one"


def test_no_repr_and_no_error_holds_a_key():
    made = new_key()
    assert made.secret not in repr(made)
    assert made.stored.sha256 not in repr(made.stored)
    with pytest.raises(WireError) as caught:
        Keys().authenticate([bearer(made.secret)])
    assert made.secret[10:] not in str(caught.value)


def test_a_keys_own_limits_go_before_the_general_ones():
    both = merged(Limits(concurrent=1), Limits(concurrent=9, requests_per_minute=5))
    assert (both.concurrent, both.requests_per_minute) == (1, 5)


def test_one_more_key_leaves_the_first_table_alone():
    keys = Keys([new_key().stored])
    more = keys.with_secret("sk-demo", Principal(key_id="demo"))
    assert (len(keys), len(more)) == (1, 2)
    assert keys.find("sk-demo") is None
    assert more.find("sk-demo") == Principal(key_id="demo")


# The file -------------------------------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_and_round_trips(tmp_path):
    path = tmp_path / "state" / "keys.json"
    made = new_key(tenant="acme", expires=datetime.now(UTC), limits=Limits(tokens_per_minute=7), admin=True)
    change_keys(path, lambda before: [*before, made.stored])
    assert read_keys(path) == (made.stored,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert made.secret not in path.read_text(encoding="utf-8")
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_no_file_is_no_keys(tmp_path):
    assert read_keys(tmp_path / "keys.json") == ()


def test_a_failed_change_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "keys.json"
    change_keys(path, lambda _: [new_key().stored])
    before = path.read_bytes()

    def fail(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_keys(path, fail)
    assert path.read_bytes() == before
    path.write_text("{broken", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a keys file"):
        change_keys(path, lambda _: [])
    assert path.read_text(encoding="utf-8") == "{broken"


def add_keys(path, count):
    for _ in range(count):
        change_keys(path, lambda before: [*before, new_key().stored])


def test_processes_that_write_at_once_lose_no_key(tmp_path):
    path = tmp_path / "keys.json"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=add_keys, args=(path, 8)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len({key.id for key in read_keys(path)}) == 24


def test_a_file_that_anyone_may_write_is_refused(tmp_path):
    path = tmp_path / "keys.json"
    change_keys(path, lambda _: [new_key().stored])
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="anyone may write"):
        read_keys(path)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "not a keys file"),
        (b"[]", "outermost"),
        (b"\xff", "not a keys file"),
        (b"[" * 100_000, "not a keys file"),
        (b'{"version": 2, "keys": []}', "version 1"),
        (b'{"version": 1, "keys": {}}', "version 1"),
        (b'{"version": 1, "keys": [{"id": "a"}]}', r"keys\[0\]\.sha256: Field required"),
        (b'{"version": 1, "keys": [{"id": "a", "sha256": "' + b"a" * 64 + b'", "rotues": []}]}', r"keys\[0\]\.rotues"),
    ],
)
def test_what_is_no_keys_file_is_refused_by_place(raw, told):
    with pytest.raises(ConfigError, match=told):
        parse_keys(raw, "keys.json")


def test_two_keys_of_one_id_are_refused():
    one = {"id": "a", "sha256": "a" * 64}
    with pytest.raises(ConfigError, match="same id"):
        parse_keys(json.dumps({"version": 1, "keys": [one, {**one, "sha256": "b" * 64}]}).encode(), "keys.json")


# The commands ---------------------------------------------------------------------------------------------------


def run(*arguments: str, ok: int = 0):
    done = CliRunner().invoke(cli, ["keys", *arguments])
    assert done.exit_code == ok, done.output
    return done


def test_new_list_revoke(tmp_path):
    file = str(tmp_path / "keys.json")
    made = run("new", "--file", file, "--tenant", "acme", "--note", "for [red]tests", "--route", "a", "--admin")
    secret = made.stdout.strip()
    assert re.fullmatch(r"sk-solon-[A-Za-z0-9_-]{43}", secret)
    (stored,) = read_keys(tmp_path / "keys.json")
    assert Keys([stored]).find(secret) == Principal(key_id=stored.id, tenant="acme", routes=frozenset("a"), admin=True)
    shown = run("list", "--file", file).stdout
    assert stored.id in shown
    assert "[red]tests" in shown
    run("revoke", stored.id, "--file", file)
    assert stored.id not in run("list", "--file", file).stdout
    listed = json.loads(run("list", "--all", "--json", "--file", file).stdout)
    assert [(one["id"], one["state"]) for one in listed] == [(stored.id, "revoked")]
    assert "sha256" not in listed[0]
    assert Keys(read_keys(tmp_path / "keys.json")).find(secret) is None


def test_new_with_limits_and_expiry_as_json(tmp_path):
    file = tmp_path / "keys.json"
    made = json.loads(
        run(
            "new",
            "--json",
            "--file",
            str(file),
            "--expires",
            "0.5",
            "--requests-per-minute",
            "9",
            "--spend-per-day",
            "2.5",
        ).stdout
    )
    (stored,) = read_keys(file)
    assert made["id"] == stored.id
    assert stored.limits == Limits(requests_per_minute=9, spend_per_day=2.5)
    assert stored.expires - stored.created == timedelta(hours=12)


def test_wrong_use_of_the_commands(tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(f"state: {tmp_path}\n", encoding="utf-8")
    assert "there are: default" in run("new", "--config", str(config), "--route", "nope", ok=2).output
    assert "--policy 'nope'" in run("new", "--config", str(config), "--policy", "nope", ok=2).output
    assert "--tenant" in run("new", "--file", str(tmp_path / "k"), "--tenant", "a b", ok=2).output
    assert "no key 'x'" in run("revoke", "x", "--file", str(tmp_path / "k"), ok=2).output
    config.write_text("nope: 1", encoding="utf-8")
    assert "unknown key" in run("list", "--config", str(config), ok=2).output
