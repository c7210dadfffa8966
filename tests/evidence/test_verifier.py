"""The stand-alone verifier: every kind of alteration is found and named, and what is sound is said to be."""

import ast
import hashlib
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evidence_ledger import AT, KEY, SIGNER, bundled, filled, packed, unpacked, verify
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.evidence.bundle import write_bundle, write_proof
from solon.evidence.verifier import source
from solon.evidence.verifier.bundle import UNSIGNED
from solon.evidence.verifier.ed25519 import L, signed
from solon.ledger import LedgerError, open_ledger
from solon.ledger.content import Sealer
from solon.ledger.note import Signer, checkpoint_note


def test_it_is_one_file_of_the_standard_library():
    tree = ast.parse(source())
    compile(tree, "verify.py", "exec")
    names = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(defined) == len(set(defined)), "joined parts share one namespace"


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
@settings(max_examples=30, deadline=None)
def test_signatures_are_those_of_cryptography(seed, message, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert signed(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not signed(public, message, bytes(flipped))
    assert not signed(public, message + b"x", signature)


def test_the_vectors_of_rfc_8032():
    for public, message, signature in (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ):  # fmt: skip
        raw = bytes.fromhex(signature)
        assert signed(bytes.fromhex(public), bytes.fromhex(message), raw)
        malleable = raw[:32] + (int.from_bytes(raw[32:], "little") + L).to_bytes(32, "little")
        assert not signed(bytes.fromhex(public), bytes.fromhex(message), malleable)
    assert not signed(b"\xff" * 32, b"", bytes(64)), "no point of the curve"
    assert not signed(b"", b"", bytes(64))


def test_an_untouched_bundle_is_intact(tmp_path):
    path = bundled(tmp_path, 20, 21)
    code, found = verify(tmp_path, path, "--key", KEY)
    assert code == 0, found
    assert found["verdict"] == "INTACT"
    assert found["records shown to be as they were signed for"] == "41 of 41"
    assert found["checkpoints"] == 2
    assert found["notes"] == []
    code, found = verify(tmp_path, path)
    assert code == 0
    assert "came with the bundle" in found["notes"][0]
    files = unpacked(path)
    assert json.loads(files["bodies.jsonl"].splitlines()[3])["n"] == 3
    assert files["verify.py"].decode() == source()
    assert str(tmp_path) not in files["manifest.txt"].decode()


def test_words_are_confirmed_until_they_are_erased(tmp_path, monkeypatch):
    monkeypatch.setenv("SOLON_LEDGER_KEY", "22" * 32)
    sealer = Sealer("encrypt", (bytes([0x22] * 32),))
    store, log = filled(tmp_path, 12, content="encrypt")
    held = tmp_path / "held.txt"
    held.write_text(log.newest().note)
    path = tmp_path / "words.zip"
    assert write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER, sealer=sealer).words == 6
    code, found = verify(tmp_path, path, "--key", KEY)
    assert (code, found["records with confirmed words"]) == (0, 6)
    files = unpacked(path)
    assert b"words 5" in files["words.jsonl"]
    files["words.jsonl"] = files["words.jsonl"].replace(b"words 5", b"words 6")
    code, found = verify(tmp_path, packed(tmp_path / "other.zip", files), "--key", KEY)
    assert code == 1
    assert "record: 5: its words are not those that were logged" in found["altered"]
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.erase({"key": "k2"}, reason="asked")
    log.checkpoint(SIGNER, at=AT)
    assert write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER, sealer=sealer).words == 4
    code, found = verify(tmp_path, path, "--key", KEY, "--held", held)
    assert (code, found["records with confirmed words"]) == (0, 4)
    assert b"words 5" not in b"".join(unpacked(path).values())
    store.close()


def test_a_log_cut_back_shows_against_a_held_checkpoint(tmp_path):
    store, log = filled(tmp_path, 10, 10)
    held = tmp_path / "held.txt"
    held.write_text(log.newest().note)
    early = tmp_path / "early.zip"
    write_bundle(log, early, keys=[SIGNER.public], signer=SIGNER, size=10)
    assert verify(tmp_path, early, "--key", KEY)[0] == 0
    code, found = verify(tmp_path, early, "--key", KEY, "--held", held)
    assert code == 1
    assert "covers 20 records and the bundle ends after 10" in found["altered"][0]
    store.close()


def test_a_log_rewritten_by_its_owner_shows_against_a_held_checkpoint(tmp_path):
    """Whoever has the key can sign another log; who kept a checkpoint of the first sees it."""
    store, log = filled(tmp_path, 10)
    held = tmp_path / "held.txt"
    held.write_text(log.newest().note)
    (tmp_path / "second").mkdir()
    path = bundled(tmp_path / "second", 10)
    assert verify(tmp_path, path, "--key", KEY)[0] == 0
    code, found = verify(tmp_path, path, "--key", KEY, "--held", held)
    assert code == 1
    assert any("held.txt was signed for other records" in line for line in found["altered"])
    files = unpacked(path)
    files["checkpoints/x.txt"] = held.read_bytes()
    found = verify(tmp_path, packed(tmp_path / "both.zip", files), "--key", KEY)[1]
    assert any("two logs of 10 records were signed for" in line for line in found["altered"])
    store.close()


def test_a_bundle_may_begin_later(tmp_path):
    store, log = filled(tmp_path, 13, 10, 10)
    path = tmp_path / "late.zip"
    write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER, first=15)
    code, found = verify(tmp_path, path, "--key", KEY)
    assert (code, found["records shown to be as they were signed for"]) == (0, "18 of 18")
    held = tmp_path / "held.txt"
    held.write_text(log.checkpoints()[0].note)
    code, found = verify(tmp_path, path, "--key", KEY, "--held", held)
    assert code == 3
    assert "begins after 15" in found["unknown"][0]
    files = unpacked(path)
    lines = files["records.jsonl"].splitlines(keepends=True)
    files["records.jsonl"] = b"".join([lines[0].replace(b'"seq":3', b'"seq":4'), *lines[1:]])
    assert verify(tmp_path, packed(tmp_path / "other.zip", files), "--key", KEY)[0] == 1
    store.close()


def resigned(files: dict[str, bytes], signer: Signer | None = None) -> dict[str, bytes]:
    """A manifest that fits the files; signed by another key, or by nobody."""
    lines = files["manifest.txt"].decode().rpartition("\n\n")[0].splitlines(keepends=True)
    kept = [line if line.endswith("\n") else line + "\n" for line in lines if not line.startswith("file ")]
    for name, data in files.items():
        if name != "manifest.txt":
            kept.append(f"file {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n")
    text = "".join(kept)
    signed = f"{text}\n{signer.sign(text)}" if signer else text.rstrip("\n") + UNSIGNED
    return {**files, "manifest.txt": signed.encode()}


ALTERATIONS = {
    "a body": lambda f: {**f, "bodies.jsonl": f["bodies.jsonl"].replace(b'"n":7', b'"n":8', 1)},
    "a body and its digest": lambda f: both(f),
    "a time": lambda f: {**f, "records.jsonl": f["records.jsonl"].replace(b'{"at":1', b'{"at":0', 1)},
    "two lines exchanged": lambda f: lines(f, lambda x: [x[1], x[0], *x[2:]]),
    "a line twice": lambda f: lines(f, lambda x: [*x[:5], x[4], *x[5:]]),
    "a line left out": lambda f: lines(f, lambda x: [*x[:5], *x[6:]]),
    "the last lines cut": lambda f: lines(f, lambda x: x[:-3]),
    "half a line cut": lambda f: {**f, "records.jsonl": f["records.jsonl"][:-50]},
    "a checkpoint's size": lambda f: {
        **f, "checkpoints/000000000020.txt": f["checkpoints/000000000020.txt"].replace(b"\n20\n", b"\n19\n")
    },
    "the newest checkpoint left out": lambda f: {n: d for n, d in f.items() if n != "checkpoints/000000000041.txt"},
}  # fmt: skip


def both(files):
    bodies, records = (files[name].splitlines(keepends=True) for name in ("bodies.jsonl", "records.jsonl"))
    old = hashlib.sha256(bodies[7].rstrip(b"\n")).hexdigest().encode()
    bodies[7] = bodies[7].replace(b"permit", b"block")
    new = hashlib.sha256(bodies[7].rstrip(b"\n")).hexdigest().encode()
    records[7] = records[7].replace(old, new)
    return {**files, "bodies.jsonl": b"".join(bodies), "records.jsonl": b"".join(records)}


def lines(files, change):
    changed = {
        name: b"".join(change(files[name].splitlines(keepends=True))) for name in ("bodies.jsonl", "records.jsonl")
    }
    return {**files, **changed}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_every_layer_finds_an_alteration_by_itself(alteration, tmp_path):
    """First under a sound archive, then under a manifest that was made to fit: the log itself must show it."""
    path = bundled(tmp_path, 20, 21)
    files = ALTERATIONS[alteration](unpacked(path))
    assert files != unpacked(path), "nothing was altered"
    code, found = verify(tmp_path, packed(tmp_path / "a.zip", files), "--key", KEY)
    assert code == 1
    assert not any("archive" in line for line in found["altered"])
    code, found = verify(tmp_path, packed(tmp_path / "b.zip", resigned(files)), "--key", KEY)
    assert code == 1, found
    assert not any("manifest lists" in line for line in found["altered"])
    stranger = Signer("example.com/solon", bytes(32))
    code, found = verify(tmp_path, packed(tmp_path / "c.zip", resigned(files, stranger)), "--key", KEY)
    assert code == 1
    assert any(line.startswith("manifest.txt: it is not signed by") for line in found["altered"])


def test_what_is_sound_before_an_alteration_is_said(tmp_path):
    path = bundled(tmp_path, 20, 21)
    files = unpacked(path)
    rows = files["records.jsonl"].splitlines(keepends=True)
    rows[30] = rows[30].replace(b'"kind":"exchange"', b'"kind":"exchangf"')
    files["records.jsonl"] = b"".join(rows)
    _, found = verify(tmp_path, packed(tmp_path / "a.zip", files), "--key", KEY)
    assert any(
        "not all of records 20 to 40 are as they were signed for" in line and "those before 20 are" in line
        for line in found["altered"]
    )
    assert found["records shown to be as they were signed for"] == "20 of 41"


def test_an_unsigned_manifest_determines_nothing_of_who_made_it(tmp_path):
    (tmp_path / "signed").mkdir()
    code, found = verify(tmp_path, bundled(tmp_path, 5, signer=None), "--key", KEY)
    assert code == 3
    assert "not signed" in found["unknown"][0]
    assert found["records shown to be as they were signed for"] == "5 of 5"
    files = unpacked(bundled(tmp_path / "signed", 5))
    files["manifest.txt"] = files["manifest.txt"].rpartition(b"\n\n")[0] + b"\n"
    code, found = verify(tmp_path, packed(tmp_path / "cut.zip", files), "--key", KEY)
    assert (code, found["altered"]) == (1, ["manifest.txt: its signature is gone"])


def test_without_any_key_the_records_are_still_compared(tmp_path):
    path = bundled(tmp_path, 5)
    files = unpacked(path)
    files["key.txt"] = b""
    keyless = resigned(files, SIGNER)
    code, found = verify(tmp_path, packed(tmp_path / "a.zip", keyless))
    assert (code, found["records shown to be as they were signed for"]) == (3, "5 of 5")
    assert "signatures were not" in found["unknown"][0]
    assert verify(tmp_path, packed(tmp_path / "b.zip", keyless), "--key", KEY)[0] == 0
    files["records.jsonl"] = files["records.jsonl"].replace(b'"seq":3', b'"seq":9')
    assert verify(tmp_path, packed(tmp_path / "c.zip", resigned(files, SIGNER)))[0] == 1


def test_another_key_is_no_key(tmp_path):
    other = str(Signer("example.com/solon", bytes(32)).public)
    code, found = verify(tmp_path, bundled(tmp_path, 5), "--key", other)
    assert code == 1
    assert any("not signed by example.com/solon" in line for line in found["altered"])


def test_what_the_database_lost_leaves_the_rest_provable(tmp_path):
    store, log = filled(tmp_path, 10)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("DROP TRIGGER solon_records_no_delete")
        connection.execute("DROP TRIGGER solon_records_no_update")
        connection.execute("DELETE FROM solon_records WHERE seq = 3")
        connection.execute("UPDATE solon_records SET at = at - 5000000 WHERE seq = 5")
        connection.execute("UPDATE solon_records SET body = body || char(10) WHERE seq = 7")
    connection.close()
    path = tmp_path / "bundle.zip"
    made = write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER)
    assert (len(made.missing), len(made.altered)) == (1, 2)
    code, found = verify(tmp_path, path, "--key", KEY)
    assert code == 1
    assert found["counts"] == {"record": 3, "gap": 2}
    assert found["records shown to be as they were signed for"] == "10 of 10"
    store.close()


def test_clocks_and_newer_schemas_are_noted(tmp_path):
    store, log = filled(tmp_path, 2)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        for seq, at, schema in ((3, 10, 1), (4, 5, 2), (5, 20, 1)):
            connection.execute(
                "INSERT INTO solon_records (id, at, writer, seq, kind, body, digest, schema) VALUES (?,?,?,?,?,?,?,?)",
                (f"f-{seq}", at, "w", seq - 2, "exchange", "{}", hashlib.sha256(b"{}").hexdigest(), schema),
            )
    connection.close()
    log.checkpoint(SIGNER, at=AT.replace(year=2025))
    path = tmp_path / "bundle.zip"
    write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER)
    code, found = verify(tmp_path, path, "--key", KEY)
    assert code == 0
    assert found["counts"] == {"clock": 2, "schema": 1}
    assert any("that of w ran backwards by 0.000005 s at its record 2" in line for line in found["notes"])
    assert any("31536000 s before a smaller checkpoint" in line for line in found["notes"])
    assert any("schema 2, and this verifier knows 1" in line for line in found["notes"])
    store.close()


def test_cut_archives_and_newer_bundles(tmp_path):
    path = bundled(tmp_path, 30)
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        cut = tmp_path / "cut.zip"
        cut.write_bytes(whole[:length])
        code, found = verify(tmp_path, cut, "--key", KEY)
        assert code == 1
        assert found["altered"][0].startswith("archive: ")
    files = unpacked(path)
    files["manifest.txt"] = files["manifest.txt"].replace(b"bundle 1\n", b"bundle 2\n")
    code, found = verify(tmp_path, packed(tmp_path / "new.zip", files), "--key", KEY)
    assert any("newer Solon" in line for line in found["altered"])


def test_a_proof_of_one_record_and_a_checkpoint_alone(tmp_path):
    store, log = filled(tmp_path, 20, 21)
    entry = list(log.entries(0, 41))[33]
    proof = tmp_path / "one.tlog-proof"
    proof.write_text(write_proof(log, entry.id, SIGNER.public))
    code, found = verify(tmp_path, proof, "--key", KEY)
    assert (code, json.loads(found["record"])["id"], found["place in the log"]) == (0, entry.id, 33)
    assert verify(tmp_path, proof)[0] == 3
    proof.write_text(proof.read_text().replace("index 33", "index 32"))
    assert verify(tmp_path, proof, "--key", KEY)[0] == 1
    with pytest.raises(LedgerError, match="in no checkpoint"):
        write_proof(log, "nothing", SIGNER.public)
    checkpoint = tmp_path / "checkpoint.txt"
    checkpoint.write_text(log.newest().note)
    code, found = verify(tmp_path, checkpoint, "--key", KEY)
    assert (code, found["records"], found["signed at"]) == (0, 41, "2026-03-01T12:00:00+00:00")
    checkpoint.write_text(checkpoint_note(Signer("example.com/solon", os.urandom(32)), 41, bytes(32), 5))
    assert verify(tmp_path, checkpoint, "--key", KEY)[0] == 1
    store.close()


def test_bundles_that_cannot_be_made(tmp_path):
    store, log = filled(tmp_path, 5)
    with pytest.raises(LedgerError, match="no checkpoint covers records 0 to 4: the newest is of 5"):
        write_bundle(log, tmp_path / "a.zip", keys=[], size=4)
    with pytest.raises(LedgerError, match="no checkpoint covers"):
        write_bundle(log, tmp_path / "a.zip", keys=[], first=6)
    assert list(Path(tmp_path).glob("*.zip*")) == []
    store.close()
