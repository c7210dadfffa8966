"""Benign text that only looks encoded: tokens, digests, data, logs, games, code, names; made by seed."""

import base64
import hashlib
import json
import random
import string
import uuid
import zlib
from collections.abc import Callable, Iterator


def _listed(text: str) -> list[str]:
    return text.split()


_WORDS = _listed(
    "account active average balance bucket cache city client count country created currency customer date "
    "delivery detail device duration email error event field file filter first group height image index invoice "
    "item label last level limit line list local method minutes model month name number offset order owner page "
    "parent path price product profile quantity query region report request result role route row sample score "
    "section sensor server session shape size source state status step store stream summary table target task "
    "team temperature ticket title token total track type unit update user value vector version view weight width "
    "window year zone"
)
_FIRST = _listed(
    "Aino Bjorn Chiara Dmitri Elif Fatima Goran Hana Ifeoma Joao Katarzyna Lars Mehmet Nguyen Oluwaseun Priya Qiang "
    "Rasmus Siobhan Tomasz Ulrike Vaclav Wanjiru Xochitl Yusuf Zsofia Dick Gay Fanny Cumhur Shita"
)
_LAST = _listed(
    "Achterberg Bangura Csikszentmihalyi Dijkstra Eriksson Fukuyama Gunawardena Hitchcock Iyer Jankowski Killoran "
    "Lipschitz Mbeki Nakamura Okonkwo Papadopoulos Quispe Rodriguez Szymborska Takahashi Uzun Vandenberg Wojcik Xu "
    "Yilmaz Zimmermann Butts Weiner Sexton Slaughter Bonebreak"
)
_PIECES = "KQRBN"


def _random_bytes(draw: random.Random, low: int = 24, high: int = 400) -> bytes:
    return draw.randbytes(draw.randint(low, high))


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt(draw: random.Random) -> str:
    """A signed token with ordinary claims."""
    head = _b64url(json.dumps({"alg": draw.choice(["HS256", "RS256"]), "typ": "JWT"}).encode())
    claims = {
        "sub": str(draw.randrange(10**10)),
        "name": names(draw).split("\n")[0],
        "iat": 1_600_000_000 + draw.randrange(10**8),
    }
    return f"{head}.{_b64url(json.dumps(claims).encode())}.{_b64url(draw.randbytes(32))}"


def sha(draw: random.Random) -> str:
    """Digests as a checksum file lists them."""
    kind = draw.choice([hashlib.sha1, hashlib.sha256, hashlib.sha512, hashlib.md5])
    return "\n".join(
        f"{kind(draw.randbytes(9)).hexdigest()}  {draw.choice(_WORDS)}-{n}.tar.gz" for n in range(draw.randint(1, 8))
    )


def pem(draw: random.Random) -> str:
    """A certificate of random bytes in its frame."""
    body = base64.encodebytes(_random_bytes(draw, 400, 1200)).decode().replace("\n", "")
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    label = draw.choice(["CERTIFICATE", "PUBLIC KEY", "RSA PRIVATE KEY"])
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"


def uuids(draw: random.Random) -> str:
    """Identifiers, one a line."""
    return "\n".join(str(uuid.UUID(bytes=draw.randbytes(16), version=4)) for _ in range(draw.randint(1, 12)))


def base64_bytes(draw: random.Random) -> str:
    """Base64 of random bytes."""
    return base64.b64encode(_random_bytes(draw)).decode()


def base64_image(draw: random.Random) -> str:
    """A data URI with a small PNG in it."""
    size = draw.randint(4, 24)
    rows = b"".join(b"\0" + draw.randbytes(3 * size) for _ in range(size))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = size.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return f'<img alt="{draw.choice(_WORDS)}" src="data:image/png;base64,{base64.b64encode(image).decode()}">'


def base64_json(draw: random.Random) -> str:
    """Base64 of harmless settings: it decodes to language, and that language is benign."""
    return base64.b64encode(json.dumps({draw.choice(_WORDS): draw.choice(_WORDS) for _ in range(8)}).encode()).decode()


def dna(draw: random.Random) -> str:
    """A FASTA record."""
    sequence = "".join(draw.choices("ACGT", k=draw.randint(80, 600)))
    return f">seq{draw.randrange(999)} {draw.choice(_WORDS)}\n" + "\n".join(
        sequence[a : a + 60] for a in range(0, len(sequence), 60)
    )


def minified_js(draw: random.Random) -> str:
    """One line of script without spaces."""
    parts = [
        f"function {a}({b},{c}){{return {b}.{word}?{c}[{n}]:{b}(function({a}){{return {a}.{other}+{m}}})}}"
        for a, b, c, word, other, n, m in (
            (*draw.sample(string.ascii_lowercase, 3), *draw.sample(_WORDS, 2), draw.randrange(99), draw.randrange(999))
            for _ in range(draw.randint(3, 14))
        )
    ]
    return "!function(){var e=window,t=document;" + ";".join(parts) + "}();"


def csv(draw: random.Random) -> str:
    """A table of numbers, dates and words."""
    heads = draw.sample(_WORDS, draw.randint(3, 7))
    rows = [",".join(_cell(draw) for _ in heads) for _ in range(draw.randint(4, 30))]
    return "\n".join([",".join(heads), *rows])


def _cell(draw: random.Random) -> str:
    day = f"20{draw.randrange(10, 27)}-0{draw.randint(1, 9)}-1{draw.randrange(9)}"
    return draw.choice([f"{draw.uniform(-99, 999):.2f}", day, draw.choice(_WORDS), ""])


def logs(draw: random.Random) -> str:
    """Lines of a web server or service."""
    return "\n".join(_log_line(draw) for _ in range(draw.randint(3, 20)))


def _log_line(draw: random.Random) -> str:
    number = draw.randrange
    time = f"2026-0{1 + number(9)}-{10 + number(18)}T{10 + number(13)}:{10 + number(49)}:{10 + number(49)}Z"
    level, verb = draw.choice(["INFO", "WARN", "ERROR", "DEBUG"]), draw.choice(["GET", "POST"])
    address = ".".join(str(number(256)) for _ in range(4))
    path = f"/{draw.choice(_WORDS)}/{draw.choice(_WORDS)}?id={number(10**6)}"
    status = draw.choice([200, 204, 301, 404, 500])
    return f"{time} {level} [{draw.choice(_WORDS)}-{number(32)}] {address} {verb} {path} {status} {number(900)}ms"


def hexdump(draw: random.Random) -> str:
    """Bytes as a debugger shows them."""
    data = _random_bytes(draw, 48, 256)
    lines: list[str] = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' ')}  |{shown}|")
    return "\n".join(lines)


def chess(draw: random.Random) -> str:
    """A game in PGN: moves of the right form."""

    def move() -> str:
        square = draw.choice("abcdefgh") + str(draw.randint(1, 8))
        return draw.choice(
            [square, square, *(piece + square for piece in _PIECES), draw.choice(_PIECES) + "x" + square]
        )

    moves = " ".join(f"{n}. {move()} {move()}" for n in range(1, draw.randint(12, 50)))
    return f'[White "{_person(draw)}"]\n[Black "{_person(draw)}"]\n[Result "1-0"]\n\n{moves} 1-0'


def python_code(draw: random.Random) -> str:
    """A small function."""
    a, b, c, d = draw.sample(_WORDS, 4)
    step, power, part = draw.randint(2, 9), draw.randint(2, 4), draw.randint(2, 99)
    return (
        f"def {a}_{b}({c}: list[float], {d}: int = {draw.randrange(20)}) -> dict[str, float]:\n"
        f'    """Return the {b} of every {c}."""\n'
        f"    {a} = {{}}\n    for i, x in enumerate({c}[{d}:]):\n"
        f"        if x % {step} == 0 and i not in {a}:\n"
        f"            {a}[str(i)] = x ** {power} / {part}\n"
        f"    return {a}\n"
    )


def sql(draw: random.Random) -> str:
    """A query over ordinary tables."""
    a, b, c, d, e = draw.sample(_WORDS, 5)
    return (
        f"SELECT t.{a}, COUNT(*) AS {b} FROM {c}s t JOIN {d}s u ON u.{c}_id = t.id "
        f"WHERE t.{e} BETWEEN {draw.randrange(50)} AND {draw.randrange(50, 99)} "
        f"GROUP BY t.{a} HAVING COUNT(*) > {draw.randrange(9)} ORDER BY {b} DESC LIMIT {draw.randrange(1, 99)};"
    )


def latex(draw: random.Random) -> str:
    """Displayed formulas."""
    lines: list[str] = []
    for _ in range(draw.randint(1, 6)):
        power, end = draw.randint(2, 9), draw.choice(["N", "k", r"\infty"])
        left = (
            rf"\int_{{{draw.randrange(3)}}}^{{\infty}} \frac{{x^{{{power}}}}}{{e^{{{draw.choice('abkn')}x}} - 1}}\,dx"
        )
        right = (
            rf"\sum_{{n={draw.randrange(4)}}}^{{{end}}} \zeta_{{n}}\left({draw.choice('xyz')}_{{i}}^{{{power}}}\right)"
        )
        lines.append(f"{left} = {right}")
    return "\\begin{align}\n" + " \\\\\n".join(lines) + "\n\\end{align}"


def names(draw: random.Random) -> str:
    """A list of people, some with names that mean something else."""
    return "\n".join(_person(draw) for _ in range(draw.randint(1, 15)))


def _person(draw: random.Random) -> str:
    return f"{draw.choice(_FIRST)} {draw.choice(_LAST)}"


def hex_colours(draw: random.Random) -> str:
    """Style rules with colours."""
    return "\n".join(
        f".{draw.choice(_WORDS)} {{ color: #{draw.randrange(16**6):06x}; margin: {draw.randrange(40)}px; }}"
        for _ in range(draw.randint(2, 10))
    )


def git_log(draw: random.Random) -> str:
    """Commits as a history lists them."""
    return "\n".join(
        f"{draw.randbytes(4).hex()} {draw.choice(['Add', 'Fix', 'Move'])} {draw.choice(_WORDS)} {draw.choice(_WORDS)} "
        f"(#{draw.randrange(4000)})"
        for _ in range(draw.randint(2, 14))
    )


def urls(draw: random.Random) -> str:
    """Links with escaped and tracked parameters."""
    return "\n".join(
        f"https://www.{draw.choice(_WORDS)}.example/{draw.choice(_WORDS)}%20{draw.choice(_WORDS)}?utm_source={draw.choice(_WORDS)}&sig={_b64url(draw.randbytes(24))}"
        for _ in range(draw.randint(1, 5))
    )


def matrix(draw: random.Random) -> str:
    """Rows of numbers."""
    width = draw.randint(3, 10)
    return "\n".join(" ".join(f"{draw.uniform(-1, 1):.4f}" for _ in range(width)) for _ in range(draw.randint(3, 16)))


def binary_counts(draw: random.Random) -> str:
    """Truth tables: bits that are no bytes."""
    width = draw.randint(3, 5)
    return "\n".join(f"{n:0{width}b} | {draw.randrange(2)}" for n in range(2**width))


KINDS: dict[str, Callable[[random.Random], str]] = {
    made.__name__: made
    for made in (
        jwt, sha, pem, uuids, base64_bytes, base64_image, base64_json, dna, minified_js, csv, logs, hexdump, chess,
        python_code, sql, latex, names, hex_colours, git_log, urls, matrix, binary_counts,
    )
}  # fmt: skip


def blobs(per_kind: int, *, seed: int = 17) -> Iterator[tuple[str, str]]:
    """``(kind, text)``: so many of every kind, every third behind a harmless question."""
    draw = random.Random(seed)
    asks = ("What is this?\n\n", "Why does this not parse?\n\n", "Tidy this up for me:\n\n")
    for kind, make in KINDS.items():
        for number in range(per_kind):
            yield kind, (draw.choice(asks) if number % 3 == 2 else "") + make(draw)
