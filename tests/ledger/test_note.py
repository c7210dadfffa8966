"""Signed notes and keys, against Go's implementation and against what may be wrong with them."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.ledger import LedgerError
from solon.ledger.note import (
    PublicKey,
    Signer,
    check_note,
    checkpoint_note,
    keys_from_file,
    read_checkpoint,
    signer_from_environment,
)

# The example of golang.org/x/mod/sumdb/note.
SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

SIGNER = Signer("example.com/solon", bytes(range(32)))
NOTE = checkpoint_note(SIGNER, 7, bytes(32), 1_772_366_400)


def test_keys_and_signatures_are_those_of_go():
    signer = Signer.read(SECRET, place="key")
    assert str(signer.public) == PUBLIC
    assert signer.secret() == SECRET
    assert signer.sign(TEXT) == LINE
    assert check_note(f"{TEXT}\n{LINE}", [PublicKey.read(PUBLIC)]) == (TEXT, None)


def test_a_checkpoint_says_whose_how_many_which_root_and_when():
    checkpoint = read_checkpoint(NOTE, [SIGNER.public])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == ("example.com/solon", 7, bytes(32))
    assert checkpoint.at_s == 1_772_366_400
    assert checkpoint.text == NOTE.split("\n\n")[0] + "\n"


def test_a_witness_adds_its_own_time():
    witness = Signer.new("witness.example/w1")
    both = NOTE + witness.cosign(read_checkpoint(NOTE, [SIGNER.public]).text, 1_772_366_460)
    assert read_checkpoint(both, [SIGNER.public]).at_s == 1_772_366_400, "unknown keys are passed over"
    assert read_checkpoint(both, [SIGNER.public, witness.public]).at_s == 1_772_366_460


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_no_changed_byte_changes_what_a_note_says(at, mask):
    raw = bytearray(NOTE.encode())
    raw[at] ^= mask
    try:
        found = read_checkpoint(raw.decode(), [SIGNER.public])
    except (LedgerError, UnicodeDecodeError):
        return
    assert (found.size, found.root, found.origin) == (7, bytes(32), "example.com/solon")


def test_what_is_no_checkpoint_of_ours():
    stranger = Signer("example.com/solon", os.urandom(32))
    with pytest.raises(LedgerError, match=r"not signed by example\.com/solon"):
        read_checkpoint(NOTE, [stranger.public])
    with pytest.raises(LedgerError, match="not signed by no key at all"):
        read_checkpoint(NOTE, [])
    with pytest.raises(LedgerError, match="does not hold"):
        read_checkpoint(NOTE.replace("\n7\n", "\n8\n"), [SIGNER.public])
    with pytest.raises(LedgerError, match="not a signed note"):
        read_checkpoint(NOTE.split("\n\n")[0], [SIGNER.public])
    text = "example.com/solon\n07\nx\n"
    with pytest.raises(LedgerError, match="three lines"):
        read_checkpoint(f"{text}\n{SIGNER.sign(text)}", [SIGNER.public])


def test_keys_that_cannot_be_read(tmp_path):
    with pytest.raises(LedgerError, match="no space, no plus"):
        Signer.new("a b")
    with pytest.raises(LedgerError, match="no space, no plus"):
        Signer.new("cosignature/v1")
    with pytest.raises(LedgerError, match="not a private key"):
        Signer.read(PUBLIC, place="key")
    with pytest.raises(LedgerError, match="was damaged"):
        Signer.read(SECRET.replace("AYEKF", "AYEKG"), place="key")
    with pytest.raises(LedgerError, match="not an Ed25519 key"):
        PublicKey.read(PUBLIC.replace("c74f20a3", "c74f20a4"))
    path = tmp_path / "keys"
    path.write_text(f"# old\n{PUBLIC}\nnonsense\n")
    with pytest.raises(LedgerError, match="keys:3: this is not an Ed25519 key"):
        keys_from_file(path)
    path.write_text(SECRET + "\n")
    assert signer_from_environment({"SOLON_LOG_KEY_FILE": str(path)}).name == "PeterNeumann"
    assert signer_from_environment({"SOLON_LOG_KEY": SECRET}).name == "PeterNeumann"
    assert signer_from_environment({}) is None
    with pytest.raises(LedgerError, match="cannot be read"):
        signer_from_environment({"SOLON_LOG_KEY_FILE": str(tmp_path / "none")})
