"""``solon evidence``: sign the log of the ledger, prove a record, hand out bundles, check them."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from solon.cli.ledger_options import DATABASE, MISSED, WrongUse, require_ledger

if TYPE_CHECKING:
    from solon.ledger.log import ProofLog
    from solon.ledger.note import PublicKey, Signer

UNDETERMINED = 3
_SECRET = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The log's private key; else SOLON_LOG_KEY_FILE or SOLON_LOG_KEY of the environment.",
)
_PUBLIC = click.option("--key", "keys", multiple=True, help="A public key, or a file with some; may be repeated.")


@click.group()
def evidence() -> None:
    """What an outsider can check: checkpoints, proofs, bundles.

    The log covers every record of the ledger. Whoever holds a checkpoint can tell later whether anything before it was
    altered: send checkpoints to someone who is not you.
    """


command = evidence


@evidence.command("key")
@click.option("--name", required=True, help="The log's name, for good: like example.com/solon.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The private key's file.")
def key_command(name: str, out: Path) -> None:
    """Make the log's key; prints the public one, which auditors need. Never overwrites a file."""
    from solon.ledger.note import Signer

    signer = Signer.new(name)
    try:
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongUse(f"{out} is there already") from None
    with os.fdopen(file, "w", encoding="utf-8") as secret:
        secret.write(signer.secret() + "\n")
    click.echo(str(signer.public))


@evidence.command("checkpoint")
@DATABASE
@_SECRET
@click.option(
    "--every", type=click.FloatRange(min=1), metavar="SECONDS", help="Go on, in a process beside the gateway."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the checkpoint there too.")
def checkpoint_command(dsn: str, key_file: Path | None, every: float | None, out: Path | None) -> None:
    """Log what is new and sign it; prints the checkpoint. Nothing new, nothing signed."""
    from solon.ledger.record import LedgerError

    signer = _signer(key_file)
    with _log(dsn) as log:
        last = ""
        while True:
            try:
                note = log.checkpoint(signer).note
            except LedgerError as error:
                if not every:
                    raise
                click.echo(f"solon: {error}", err=True)  # the database may be back next time
                note = last
            if note != last:
                click.echo(note, nl=False)
                if out:
                    half = out.with_name(f"{out.name}.half")
                    half.write_text(note, encoding="utf-8")
                    half.replace(out)
            if not every:
                return
            last = note
            time.sleep(every)


@evidence.command("prove")
@DATABASE
@_PUBLIC
@click.argument("record_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The proof; printed by default.")
def prove_command(dsn: str, keys: tuple[str, ...], record_id: str, out: Path | None) -> None:
    """Prove that a record is in the log (a C2SP tlog-proof); `solon verify` checks it."""
    from solon.evidence.bundle import write_proof

    found = _public(keys)
    if len(found) != 1:
        raise WrongUse("name the one --key that signed the log, or its private key in SOLON_LOG_KEY_FILE")
    with _log(dsn) as log:
        proof = write_proof(log, record_id, found[0])
    if out:
        out.write_text(proof, encoding="utf-8")
    else:
        click.echo(proof, nl=False)


@evidence.command("bundle")
@DATABASE
@_SECRET
@_PUBLIC
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The archive, a .zip.")
@click.option("--first", default=0, show_default=True, help="The first record, by its place in the log.")
@click.option("--size", type=int, help="The size of the checkpoint where it ends; the newest by default.")
@click.option("--words/--no-words", default=False, show_default=True, help="With people's words, where they are kept.")
def bundle_command(
    dsn: str, key_file: Path | None, keys: tuple[str, ...], out: Path, first: int, size: int | None, words: bool
) -> None:
    """Write records, checkpoints, proofs, key and verifier into one archive. Exit 1 where records are damaged.

    Without the private key the archive is made too, and says that nobody vouches for it as a whole.
    """
    from solon.evidence.bundle import write_bundle
    from solon.ledger.content import Sealer, keys_from_environment
    from solon.ledger.note import signer_from_environment, signer_from_file

    signer = signer_from_file(key_file) if key_file else signer_from_environment()
    public = {str(key): key for key in (*_public(keys, environment=False), *((signer.public,) if signer else ()))}
    sealer = Sealer("keep", keys_from_environment()) if words else None
    with _log(dsn) as log:
        made = write_bundle(log, out, keys=public.values(), signer=signer, first=first, size=size, sealer=sealer)
    click.echo(f"records {made.first} to {made.size - 1} in {out}" + (f", {made.words} with words" if words else ""))
    if not made.signed:
        click.echo("not signed: there is no private key (--key-file, SOLON_LOG_KEY_FILE)", err=True)
    for record_id in made.missing:
        click.echo(f"{record_id}: it was logged and is gone", err=True)
    for record_id in made.altered:
        click.echo(f"{record_id}: it is not as it was logged", err=True)
    if made.missing or made.altered:
        raise SystemExit(MISSED)


@evidence.command("audit")
@DATABASE
def audit_command(dsn: str) -> None:
    """Compare the ledger with its log: what was logged and is gone or altered. Exit 1 where there is any."""
    with _log(dsn) as log:
        found = log.audit()
    for record_id in found.missing:
        click.echo(f"{record_id}: it was logged and is gone")
    for record_id in found.altered:
        click.echo(f"{record_id}: it is not as it was logged")
    told = f"{len(found.missing)} gone, {len(found.altered)} altered, {found.unlogged} not logged yet"
    click.echo(f"{found.size} records in the log, {told}")
    if not found.sound:
        raise SystemExit(MISSED)


@evidence.command("verify")
@click.argument("path", type=click.Path(dir_okay=False))
@_PUBLIC
@click.option("--held", multiple=True, type=click.Path(dir_okay=False), help="A checkpoint that you kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def verify_command(path: str, keys: tuple[str, ...], held: tuple[str, ...], as_json: bool) -> None:
    """Check a bundle, a proof of one record, or a checkpoint. Exit 0 intact, 1 altered, 3 could not be determined.

    `solon evidence verifier` prints the same as one Python file that needs nothing installed.
    """
    from solon.evidence.verifier.command import main

    given = [part for key in keys for part in ("--key", key)] + [part for name in held for part in ("--held", name)]
    raise SystemExit(main([path, *given, *(["--json"] if as_json else [])]))


@evidence.command("verifier")
def verifier_command() -> None:
    """Print the stand-alone verifier: one Python file, standard library only."""
    from solon.evidence.verifier import source

    click.echo(source(), nl=False)


@contextmanager
def _log(dsn: str) -> "Generator[ProofLog]":
    """The log of a ledger that has to be there already."""
    require_ledger(dsn)
    from solon.ledger.log import ProofLog
    from solon.ledger.store import Store

    store = Store(dsn)
    try:
        yield ProofLog(store)
    finally:
        store.close()


def _signer(key_file: Path | None) -> "Signer":
    from solon.ledger.note import KEY_FILE_VARIABLE, signer_from_environment, signer_from_file

    signer = signer_from_file(key_file) if key_file else signer_from_environment()
    if signer is None:
        raise WrongUse(f"there is no key to sign with: `solon evidence key` makes one; name it in {KEY_FILE_VARIABLE}")
    return signer


def _public(keys: tuple[str, ...], *, environment: bool = True) -> "list[PublicKey]":
    """The keys that were given, else the one of the environment's private key."""
    from solon.ledger.note import PublicKey, keys_from_file, signer_from_environment

    found: list[PublicKey] = []
    for text in keys:
        found += keys_from_file(Path(text)) if Path(text).is_file() else [PublicKey.read(text, place="--key")]
    signer = signer_from_environment() if environment and not found else None
    return [signer.public] if signer else found
