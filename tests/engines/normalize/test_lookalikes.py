"""Benign texts that look encoded: no view may claim to read language in them."""
# ruff: noqa: E501 - sample texts stand in one piece

import base64
import csv
import hashlib
import io
import json
import random
import uuid
from collections.abc import Callable

import pytest

from solon.engines.normalize import Budget, Normalizer

DRAW = random.Random(20240229)
NORMALIZER = Normalizer(Budget(ms=2000))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def noise(size: int) -> str:
    return base64.b64encode(DRAW.randbytes(size)).decode()


def wrapped(body: str, width: int = 64) -> str:
    return "\n".join(body[at : at + width] for at in range(0, len(body), width))


def pem() -> str:
    return f"-----BEGIN CERTIFICATE-----\n{wrapped(noise(700))}\n-----END CERTIFICATE-----"


def table() -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "x", "y", "when"])
    for row in range(12):
        writer.writerow(
            [row, DRAW.randint(0, 999), round(DRAW.random(), 3), f"2023-0{DRAW.randint(1, 9)}-1{DRAW.randint(0, 9)}"]
        )
    return out.getvalue()


def log() -> str:
    return "\n".join(
        f"2024-02-{DRAW.randint(10, 28)}T12:{DRAW.randint(10, 59)}:07.{DRAW.randint(100, 999)}Z INFO pid={DRAW.randint(100, 9999)} "
        f"GET /api/v1/items/{DRAW.randint(1, 9999)} 200 {DRAW.randint(1, 99)}ms"
        for _ in range(8)
    )


def hexdump() -> str:
    rows = []
    for at in range(8):
        data = DRAW.randbytes(16)
        rows.append(
            f"{at * 16:08x}  {data[:8].hex(' ')}  {data[8:].hex(' ')}  |{''.join(chr(b) if 32 < b < 127 else '.' for b in data)}|"
        )
    return "\n".join(rows)


KINDS: dict[str, Callable[[], str]] = {
    "sha1": lambda: f"commit {hashlib.sha1(DRAW.randbytes(8)).hexdigest()}\nMerge: {DRAW.randbytes(4).hex()[:7]} {DRAW.randbytes(4).hex()[:7]}",
    "sha256": lambda: f"{hashlib.sha256(DRAW.randbytes(8)).hexdigest()}  release.tar.gz",
    "sri": lambda: f'integrity="sha384-{noise(48)}"',
    "uuid": lambda: " ".join(str(uuid.UUID(int=DRAW.getrandbits(128))) for _ in range(4)),
    "pem": pem,
    "ssh": lambda: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{noise(33)} user@host",
    "noise": lambda: f"token={noise(90)}",
    "dna": lambda: wrapped("".join(DRAW.choice("ACGT") for _ in range(300)), 60),
    "protein": lambda: ">sp|P0\n" + wrapped("".join(DRAW.choice("ACDEFGHIKLMNPQRSTVWY") for _ in range(180)), 60),
    "csv": table,
    "log": log,
    "hexdump": hexdump,
    "pgn": lambda: "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 Nb8 10. d4 Nbd7 1-0",
    "phones": lambda: "\n".join(f"+49 {DRAW.randint(30, 999)} {DRAW.randint(10**5, 10**7)}" for _ in range(10)),
    "products": lambda: ", ".join(f"{DRAW.choice(ALPHABET[:26])}{DRAW.choice(ALPHABET[:26])}-{DRAW.randint(100, 9999)}" for _ in range(14)),
    "coordinates": lambda: "; ".join(f"{DRAW.uniform(-90, 90):.5f}, {DRAW.uniform(-180, 180):.5f}" for _ in range(8)),
    "numbers": lambda: " ".join(str(DRAW.randint(1, 99)) for _ in range(40)),
    "lottery": lambda: "\n".join("-".join(str(DRAW.randint(1, 26)) for _ in range(6)) for _ in range(6)),
    "bits": lambda: " ".join("".join(DRAW.choice("01") for _ in range(8)) for _ in range(20)),
    "youtube": lambda: "https://www.youtube.com/watch?v=" + "".join(DRAW.choice(ALPHABET) for _ in range(11)),
    "image": lambda: f"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{noise(200)}",
    "ip": lambda: "\n".join(".".join(str(DRAW.randint(1, 254)) for _ in range(4)) for _ in range(10)),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_generated_lookalikes_give_no_reading(kind: str) -> None:
    for turn in range(6):
        DRAW.seed(f"{kind} {turn}")
        text = KINDS[kind]()
        found = NORMALIZER.views(text)
        assert [(view.path, view.text) for view in found.views[1:]] == []
        assert found.views[0].text == text


WRITTEN = {
    "minified": '!function(e,t){"object"==typeof exports?module.exports=t():e.Lib=t()}(this,function(){var n={};return n.a=function(r,o){'
    "for(var i=0;i<r.length;i++)o(r[i],i);return r},n.b=1e3,n.c=[0,1,2,4,8,16],n});",
    "python": "def area(width: float, height: float) -> float:\n    total = 0.0\n    for at in range(10):\n        total += width * height\n"
    "    return total if total > 0 else -1\n",
    "latex": r"\begin{equation} \int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}, \qquad \sum_{n=1}^{\infty} \frac{1}{n^2} = \frac{\pi^2}{6} \end{equation}",
    "json": json.dumps({"user": {"id": 8123, "tags": ["a", "b"], "score": 0.25, "active": True}, "next": None}),
    "emoji": "Great job 👍🏽 👨‍👩‍👧‍👦 ❤️ 🇫🇷🇩🇪🇺🇸 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 2️⃣ ✨ see you 🙂",
    "names": "Siobhán O'Brien, Nguyễn Văn Anh, Szczepan Brzęczyszczykiewicz, Þórður Guðmundsson, Xochitl Yáñez, Mbappé",
    "welsh": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch is a village in Wales.",
    "german": "Die Donaudampfschifffahrtsgesellschaft sucht einen Kapitän für die Sommermonate, bitte melden Sie sich bald.",
    "french": "Où est la bibliothèque ? Je voudrais emprunter un livre sur l'histoire de la peinture flamande.",
    "polish": "Czy możesz mi powiedzieć, gdzie jest najbliższy przystanek autobusowy i o której odjeżdża autobus?",
    "finnish": "Voisitko kertoa minulle, missä lähin kirjasto sijaitsee ja milloin se avataan huomenna aamulla?",
    "vietnamese": "Bạn có thể cho tôi biết thư viện gần nhất ở đâu và mấy giờ thì mở cửa không?",
    "turkish": "Bana en yakın kütüphanenin nerede olduğunu ve saat kaçta açıldığını söyler misiniz?",
    "russian": "Скажите, пожалуйста, где находится ближайшая библиотека и когда она открывается?",
    "greek": "Μπορείτε να μου πείτε πού είναι η πλησιέστερη βιβλιοθήκη και πότε ανοίγει;",
    "arabic": "هل يمكنك أن تخبرني أين تقع أقرب مكتبة ومتى تفتح أبوابها غدا؟",
    "hebrew": "האם תוכל לומר לי היכן נמצאת הספרייה הקרובה ומתי היא נפתחת?",
    "hindi": "क्या आप मुझे बता सकते हैं कि निकटतम पुस्तकालय कहाँ है और वह कब खुलता है?",
    "thai": "คุณช่วยบอกฉันได้ไหมว่าห้องสมุดที่ใกล้ที่สุดอยู่ที่ไหนและเปิดกี่โมง",
    "chinese": "请问最近的图书馆在哪里,几点开门?",
    "japanese": "最寄りの図書館はどこにありますか。何時に開きますか。",
    "korean": "가장 가까운 도서관이 어디에 있고 언제 문을 여는지 알려 주시겠어요?",
    "shouting": "PLEASE TELL ME HOW TO GET TO THE STATION BEFORE NOON",
    "acronyms": "NASA, ESA and JAXA met the FAA, EASA, ICAO and IATA at the IAC in BRU; RSVP ASAP c/o HQ.",
    "dots": "1.2.3 -- see section 4.5.6 ... and so on --- etc. (cf. p. 12-14) -- ok?",
    "acrostic": "The apples are ripe. We picked them early. Some were sour, others were sweet. Nobody complained about it.",
    "pathlike": "C:\\Users\\ada\\AppData\\Local\\Temp\\setup_log_20240229.txt and /usr/local/lib/python3.11/site-packages/numpy/__init__.py",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(WRITTEN))
def test_written_lookalikes_give_no_reading(kind: str) -> None:
    found = NORMALIZER.views(WRITTEN[kind])
    assert [(view.path, view.text) for view in found.views[1:]] == []


def test_a_token_shows_its_header_and_nothing_else() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    claims = base64.urlsafe_b64encode(b'{"sub":"1234567890","name":"Jane Roe","iat":1516239022}').decode().rstrip("=")
    signature = base64.urlsafe_b64encode(DRAW.randbytes(32)).decode().rstrip("=")
    found = NORMALIZER.views(f"Authorization: Bearer {header}.{claims}.{signature}")
    for view in found.views[1:]:
        assert '"alg":"HS256"' in view.text or '"sub"' in view.text


@pytest.mark.parametrize("kind", ["pem", "noise", "image"])
def test_long_noise_is_said_to_be_unscannable(kind: str) -> None:
    text = KINDS[kind]()
    found = NORMALIZER.views(text)
    assert found.unscannable
    for low, high in found.unscannable:
        assert 0 <= low < high <= len(text) and high - low >= 64


@pytest.mark.parametrize("kind", ["sha1", "sha256", "uuid", "csv", "log", "phones", "dna"])
def test_short_identifiers_and_tables_are_not_unscannable(kind: str) -> None:
    assert NORMALIZER.views(KINDS[kind]()).unscannable == ()
