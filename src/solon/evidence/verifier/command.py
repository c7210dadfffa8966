"""The verifier's command line."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from solon.evidence.verifier.bundle import check_bundle
from solon.evidence.verifier.notes import PROOF, Checkpoint, Key, Wrong, checkpoint_of, key_of, keys_of, proof_of
from solon.evidence.verifier.records import Findings

EPILOG = """\
What it can say: these are the records that the log's key signed for, in this order, none changed, left out or put in.
What it cannot: that everything was recorded, or that what was recorded is true. The key inside a bundle vouches for
itself alone: give --key with one from elsewhere. A log that was cut back to an earlier state, or rewritten by whoever
owns its key, shows only against checkpoints that were kept: give --held.

Exit codes: 0 intact, 1 altered or missing, 2 wrong use, 3 could not be determined."""
HEAD_BYTES = 64 << 20


def check(path: str, keys: Sequence[Key] = (), held: Sequence[str] = ()) -> Findings:
    """What there is to say of a bundle, of a proof of one record, or of a checkpoint.

    ``held`` names files of checkpoints that were kept. Raises OSError where a file cannot be read.
    """
    findings = Findings()
    kept = [(name, Path(name).read_bytes().decode("utf-8", "replace")) for name in held]
    with open(path, "rb") as file:
        head = file.read(4)
        text = head + file.read(HEAD_BYTES) if head != b"PK\3\4" else b""
    if text.startswith(PROOF.encode()) or (b"\n\n" + "— ".encode()) in text[:65536]:
        check_text(text, findings, keys)
    else:
        check_bundle(path, findings, keys, kept)
    return findings


def check_text(raw: bytes, findings: Findings, keys: Sequence[Key]) -> None:
    """A proof of one record, or a checkpoint by itself."""
    if not keys:
        findings.undetermined("key", "there is none: give --key")
    try:
        text = raw.decode("utf-8")
        if not text.startswith(PROOF):
            checkpoint = checkpoint_of(text, keys)
        else:
            leaf, place, checkpoint = proof_of(text, keys)
            findings.figures.update({"record": leaf.decode("utf-8"), "place in the log": place})
        show_checkpoint(checkpoint, findings)
    except (Wrong, UnicodeDecodeError) as error:
        findings.add("proof", f"{error}")


def show_checkpoint(checkpoint: Checkpoint, findings: Findings) -> None:
    """The figures of a checkpoint."""
    origin, size, root, at = checkpoint
    signed_at = datetime.fromtimestamp(at, timezone.utc).isoformat() if at and at < 1 << 36 else "no time"  # noqa: UP017
    findings.figures.update({"log": origin, "records": size, "root": root.hex(), "signed at": signed_at})


def read_keys(texts: Sequence[str]) -> list[Key]:
    """Keys as they were given: each a key or the name of a file with some; raises Wrong and OSError."""
    keys: list[Key] = []
    for text in texts:
        keys += keys_of(Path(text).read_text(encoding="utf-8")) if Path(text).is_file() else [key_of(text)]
    return keys


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names, print what was found, return the exit code."""
    parser = argparse.ArgumentParser(
        description="Check a bundle of records of a Solon ledger, a proof of one record, or a checkpoint.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", help="a bundle (.zip), a proof or a checkpoint")
    parser.add_argument(
        "--key", action="append", default=[], help="the log's key, or a file with keys; may be repeated"
    )
    parser.add_argument("--held", action="append", default=[], metavar="FILE", help="a checkpoint that you kept")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        findings = check(given.path, read_keys(given.key), given.held)
    except (OSError, UnicodeDecodeError, Wrong) as error:
        sys.stderr.write(f"verify: {error}\n")
        return 2
    if given.json:
        found = {"verdict": findings.verdict, "altered": findings.problems, "unknown": findings.unknown}
        json.dump(
            {**found, "notes": findings.notes, "counts": findings.counts, **findings.figures}, sys.stdout, indent=1
        )
        sys.stdout.write("\n")
    else:
        findings.show(sys.stdout)
    return findings.code
