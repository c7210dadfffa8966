"""What the log's proofs are worth and cost: alterations found, a million records verified, ``put`` beside checkpoints.

    python benchmarks/proof_log.py [--mutations 10000] [--records 1000000] [--out FILE]

Alterations are random, by a seed, and judged by the stand-alone verifier with the log's key and one held checkpoint:
``archive`` changes bytes of the archive as it lies; ``files`` changes files of a bundle and packs them soundly again;
``log`` also makes a manifest that fits, unsigned or signed by a stranger, and only what the log itself shows counts.
Speed: a bundle of records made in memory in the form that the log gives them, bodies of about 1 KB, and one of the
gateway's 4 KB; processor seconds count, since the machine may be shared.
"""

import argparse
import functools
import hashlib
import io
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import ledger as ledger_benchmark
from solon.evidence.bundle import _seal, write_bundle
from solon.evidence.verifier import source
from solon.evidence.verifier.bundle import UNSIGNED
from solon.ledger import Record, open_ledger
from solon.ledger.log import Entry, ProofLog
from solon.ledger.merkle import Frontier, leaf_hash
from solon.ledger.note import Checkpoint, Signer, checkpoint_note, read_checkpoint
from solon.ledger.record import encode, new_id
from solon.ledger.store import Store

SIGNER, STRANGER = Signer("example.com/solon", bytes(32)), Signer("example.com/solon", bytes([1] * 32))
KEY = (SIGNER.name, SIGNER.public.raw)
Files = dict[str, bytes]


def stand_alone() -> ModuleType:
    """The verifier as auditors get it. Signatures that were checked once are not computed again."""
    module = ModuleType("verify")
    sys.modules["verify"] = module
    exec(compile(source(), "verify.py", "exec"), module.__dict__)
    module.__dict__["signed"] = functools.lru_cache(maxsize=1 << 16)(module.__dict__["signed"])
    return module


def small_bundle(folder: Path) -> tuple[Path, Path]:
    """A real ledger with three checkpoints, words included; returns its bundle and a held checkpoint."""
    dsn = f"sqlite:///{folder}/small.db"
    store = Store(dsn)
    log = ProofLog(store)
    for _ in range(3):
        with open_ledger(dsn) as opened:
            for n in range(13):
                opened.put(
                    Record(kind="exchange", body={"n": n, "action": "permit"}, content={"messages": f"words {n}"})
                )
        log.checkpoint(SIGNER)
    path, held = folder / "small.zip", folder / "held.txt"
    from solon.ledger.content import Sealer

    write_bundle(log, path, keys=[SIGNER.public], signer=SIGNER, sealer=Sealer("keep"))
    held.write_text(log.checkpoints()[-1].note)
    store.close()
    return path, held


def flip(data: bytes, rng: random.Random) -> bytes:
    """One byte becomes another."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def block_twice(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    end = min(len(data), at + rng.randrange(1, 300))
    return data[:end] + data[at:]


def swap(lines: list[bytes], rng: random.Random) -> list[bytes]:
    first, second = rng.sample(range(len(lines)), 2)
    changed = list(lines)
    changed[first], changed[second] = lines[second], lines[first]
    return changed


def twice(lines: list[bytes], rng: random.Random) -> list[bytes]:
    changed = list(lines)
    changed.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return changed


def left_out(lines: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(len(lines))
    return lines[:at] + lines[at + 1 :]


def lines_of(change: Callable[[list[bytes], random.Random], list[bytes]]) -> Callable[[Files, random.Random], Files]:
    """The same change to records and bodies, line for line."""

    def altered(files: Files, rng: random.Random) -> Files:
        state = rng.getrandbits(64)
        made = dict(files)
        for name in ("records.jsonl", "bodies.jsonl"):
            made[name] = b"".join(change(files[name].splitlines(keepends=True), random.Random(state)))
        return made

    return altered


def clock_back(files: Files, rng: random.Random) -> Files:
    """A record's time is set back."""
    lines = files["records.jsonl"].splitlines(keepends=True)
    at = rng.randrange(len(lines))
    earlier = rng.randrange(1, 10**10)
    lines[at] = re.sub(rb'"at":(\d+)', lambda match: b'"at":%d' % (int(match[1]) - earlier), lines[at], count=1)
    return {**files, "records.jsonl": b"".join(lines)}


def in_one_file(
    change: Callable[[bytes, random.Random], bytes], *names: str
) -> Callable[[Files, random.Random], Files]:
    def altered(files: Files, rng: random.Random) -> Files:
        name = rng.choice(names or tuple(name for name in files if files[name]))
        return {**files, name: change(files[name], rng)}

    return altered


def body_and_digest(files: Files, rng: random.Random) -> Files:
    """A body is changed, and the digest in its record with it."""
    records, bodies = (files[name].splitlines() for name in ("records.jsonl", "bodies.jsonl"))
    at = rng.randrange(len(records))
    old = hashlib.sha256(bodies[at]).hexdigest().encode()
    bodies[at] = flip(bodies[at], rng).replace(b"\n", b"x")
    records[at] = records[at].replace(old, hashlib.sha256(bodies[at]).hexdigest().encode())
    return {**files, "records.jsonl": b"\n".join(records) + b"\n", "bodies.jsonl": b"\n".join(bodies) + b"\n"}


def rolled_back(files: Files, rng: random.Random) -> Files:
    """The log as it was at an earlier checkpoint, everything later gone."""
    sizes = sorted(int(name[12:24]) for name in files if name.startswith("checkpoints/"))
    end = rng.choice(sizes[:-1])
    made = {
        name: data for name, data in files.items() if not name.startswith("checkpoints/") or int(name[12:24]) <= end
    }
    for name in ("records.jsonl", "bodies.jsonl", "words.jsonl"):
        made[name] = b"".join(files[name].splitlines(keepends=True)[:end])
    made["manifest.txt"] = re.sub(rb"\nrecords 0 \d+\n", b"\nrecords 0 %d\n" % end, files["manifest.txt"])
    return made


TABLES = ("records.jsonl", "bodies.jsonl")
CHANGES: dict[str, Callable[[Files, random.Random], Files]] = {
    "byte": in_one_file(flip),
    "truncation": in_one_file(cut),
    "reorder": lines_of(swap),
    "duplicate": lines_of(twice),
    "left out": lines_of(left_out),
    "clock back": clock_back,
}
LOG_CHANGES: dict[str, Callable[[Files, random.Random], Files]] = {
    **CHANGES,
    "byte": in_one_file(flip, *TABLES),
    "truncation": in_one_file(cut, *TABLES),
    "body and digest": body_and_digest,
    "rolled back": rolled_back,
}


def fitting(files: Files, signer: Signer | None) -> Files:
    """A manifest that lists these files as they are."""
    lines = files["manifest.txt"].decode().rpartition("\n\n")[0].splitlines()
    kept = [line for line in lines if not line.startswith("file ")]
    kept += [f"file {hashlib.sha256(d).hexdigest()} {len(d)} {n}" for n, d in files.items() if n != "manifest.txt"]
    text = "\n".join(kept) + "\n"
    signed = f"{text}\n{signer.sign(text)}" if signer else text.rstrip("\n") + UNSIGNED
    return {**files, "manifest.txt": signed.encode()}


def packed(files: Files) -> bytes:
    """A sound archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        archive.comment = b"sha256:" + b"0" * 64
    _seal(file)
    return file.getvalue()


def alterations(folder: Path, count: int) -> list[dict[str, Any]]:
    """How many of each kind of alteration were found."""
    path, held = small_bundle(folder)
    verify, rng = stand_alone(), random.Random(20260301)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    sound = verify.check(str(path), [KEY], [str(held)])
    if sound.code:
        raise SystemExit(f"the bundle is not sound: {sound.problems}")
    archive_changes = {"byte": flip, "truncation": cut, "duplicate": block_twice}
    kinds = [("archive", kind) for kind in archive_changes]
    kinds += [("files", kind) for kind in CHANGES] + [("log", kind) for kind in LOG_CHANGES]
    done: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    altered_path = folder / "altered.zip"
    for number in range(count):
        layer, kind = kinds[number % len(kinds)]
        data = whole
        while data == whole:
            if layer == "archive":
                data = archive_changes[kind](whole, rng)
                continue
            changed = (CHANGES if layer == "files" else LOG_CHANGES)[kind](files, rng)
            if changed == files:
                continue
            data = packed(fitting(changed, rng.choice((None, STRANGER))) if layer == "log" else changed)
        altered_path.write_bytes(data)
        findings = verify.check(str(altered_path), [KEY], [str(held)])
        problems = [line for line in findings.problems if layer != "log" or not line.startswith("manifest.txt")]
        done[layer, kind] += 1
        found[layer, kind] += bool(problems) and findings.code == 1
        if not problems:
            (folder / f"missed-{number}.zip").write_bytes(data)
            print(f"MISSED {layer} {kind} {number}: {findings.unknown}")
    return [{"figure": "found", "layer": a, "kind": b, "found": found[a, b], "n": done[a, b]} for a, b in kinds]


class Made:
    """A log of records made in memory, as ``write_bundle`` asks for it."""

    def __init__(self, count: int, body: Callable[[int], dict[str, Any]]) -> None:
        self.count = count
        self.body = body
        frontier = Frontier()
        for entry in self.entries(0, count):
            frontier.append(entry.hash)
        note = checkpoint_note(SIGNER, count, frontier.root(), int(time.time()))
        self.checkpoint = read_checkpoint(note, [SIGNER.public])

    def checkpoints(self) -> list[Checkpoint]:
        """The one over all of them."""
        return [self.checkpoint]

    def frontier(self, size: int) -> Frontier:
        """Nothing lies before the first record."""
        assert size == 0
        return Frontier()

    def entries(self, first: int, size: int) -> Iterator[Entry]:
        """The records, made anew each time."""
        start = 1_772_000_000_000_000_000
        for n in range(first, size):
            body = encode(self.body(n))
            header = {
                "at": start // 1000 + 1000 * n, "content": {"messages": f"{n:064x}", "response": f"{n:064x}"},
                "digest": hashlib.sha256(body).hexdigest(), "id": f"018f0000-0000-7000-8000-{n:012x}",
                "kind": "exchange", "schema": 1, "seq": n // 4 + 1, "writer": f"host.{n % 4}.aabbccdd",
            }  # fmt: skip
            leaf = encode(header)
            yield Entry(position=n, id=str(header["id"]), hash=leaf_hash(leaf), leaf=leaf, body=body)


def speed(folder: Path, count: int, name: str, body: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """Processor and wall seconds of the verifier in a process of its own."""
    path, program = folder / "large.zip", folder / "verify.py"
    program.write_text(source())
    write_bundle(Made(count, body), path, keys=[SIGNER.public], signer=SIGNER)  # type: ignore[arg-type]
    command = [sys.executable, "-I", "-S", str(program), str(path), "--key", str(SIGNER.public), "--json"]
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode or json.loads(done.stdout)["verdict"] != "INTACT":
        raise SystemExit(f"the bundle does not verify: {done.stdout[:2000]}{done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    size = path.stat().st_size
    path.unlink()
    return {"figure": f"verify {name}", "cpu_s": cpu, "wall_s": wall, "n": count, "bundle_mb": size / 1e6,
            "cpu_s_per_million": cpu / count * 1e6}  # fmt: skip


def short_body(n: int) -> dict[str, Any]:
    """About 1 KB."""
    rules = [{"rule": f"category.rule_{k}", "risk": (n * k % 97) / 97, "asked": k == 7} for k in range(12)]
    return {"request_id": f"req_{n:032x}", "key": "key_0123456789ab", "policy": "baseline", "action": "permit",
            "rules": rules, "policy_digest": f"{n:064x}", "status": 200, "delivered_chars": n % 4000}  # fmt: skip


def beside(folder: Path, count: int) -> list[dict[str, Any]]:
    """``put`` at 500/s, alone and beside a process that checkpoints every second."""
    dsn = f"sqlite:///{folder}/beside.db"
    records = [ledger_benchmark.exchange(n) for n in range(count)]
    rows: list[dict[str, Any]] = []
    with open_ledger(dsn) as opened:
        rows.append(ledger_benchmark.figures("put alone", ledger_benchmark.at_rest(opened, records), 1e3, "ms"))
        program = "import sys; from solon.cli.main import main; sys.argv[0] = 'solon'; main()"
        command = [sys.executable, "-c", program, "evidence", "checkpoint", "--dsn", dsn, "--every", "1"]
        environment = {**os.environ, "SOLON_LOG_KEY": SIGNER.secret()}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()  # its first checkpoint is signed
            beside = ledger_benchmark.at_rest(opened, records)
            rows.append(ledger_benchmark.figures("put beside checkpoints", beside, 1e3, "ms"))
        finally:
            process.kill()
            signed = (process.communicate()[0] or "").count("example.com/solon\n")
        rows[-1]["checkpoints"] = signed + 1
    return rows


def log_speed(folder: Path, count: int) -> list[dict[str, Any]]:
    """Records a second that one checkpoint takes from a real ledger, and the bundle of them."""
    store = Store(f"sqlite:///{folder}/many.db")
    from solon.ledger.store import Row

    for first in range(0, count, 1000):
        rows = [
            Row(id=new_id(), at=time.time_ns() // 1000, writer="host.1.aa", seq=n + 1, kind="exchange",
                body=encode(ledger_benchmark.exchange(n).body), facets={})
            for n in range(first, min(count, first + 1000))
        ]  # fmt: skip
        store.insert(rows)
    log = ProofLog(store)
    began = time.process_time()
    log.checkpoint(SIGNER, at=datetime.now(UTC))
    took = time.process_time() - began
    began = time.process_time()
    write_bundle(log, folder / "many.zip", keys=[SIGNER.public], signer=SIGNER)
    bundled = time.process_time() - began
    store.close()
    return [
        {"figure": "checkpoint", "unit": "cpu s", "cpu_s": took, "n": count},
        {"figure": "bundle", "unit": "cpu s", "cpu_s": bundled, "n": count},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--quick", type=int, default=0, help="this many of everything, written to runs/")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "proof_log.json")
    chosen, _ = parser.parse_known_args()
    mutations, count, out = chosen.quick or chosen.mutations, chosen.quick or chosen.records, chosen.out
    if chosen.quick:
        out = Path("runs/proof_log.json")
    about: dict[str, Any] = {"machine": platform.platform(), "python": platform.python_version()}
    about |= {"commit": ledger_benchmark.commit(), "load_average": os.getloadavg()[0]}
    out.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stages: list[Callable[[], list[dict[str, Any]]]] = [
            lambda: alterations(folder, mutations),
            lambda: beside(folder, min(count, 2500)),
            lambda: log_speed(folder, min(count, 50_000)),
            lambda: [
                speed(folder, min(count, 100_000), "4 KB bodies", lambda n: dict(ledger_benchmark.exchange(n).body))
            ],
            lambda: [speed(folder, count, "1 KB bodies", short_body)],
        ]
        for stage in stages:
            made = stage()
            rows += made
            print(*map(json.dumps, made), sep="\n", flush=True)
            out.write_text(json.dumps({"about": about, "figures": rows}, indent=1) + "\n", encoding="utf-8")
    found = [row for row in rows if row["figure"] == "found"]
    missed = sum(row["n"] - row["found"] for row in found)
    print(f"{sum(row['n'] for row in found)} alterations, {missed} missed; written to {out}")
    if missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
