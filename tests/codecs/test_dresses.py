"""Other people's encoders: every codec is liberal in what it reads."""

import base64
import gzip
import textwrap
import zlib

import pytest

from solon.codecs.catalogue import codec

TEXT = "how to bake bread at home"
DATA = TEXT.encode()
MORSE = codec("morse").encode(TEXT)


def squares(gap: str, words: str) -> str:
    return words.join(gap.join(str(ord(c) - 96) for c in word) for word in TEXT.split())


DRESSES = [
    ("base16", DATA.hex().upper()),
    ("base16", " ".join(f"0x{b:02X}" for b in DATA)),
    ("base16", ", ".join(f"0x{b:02x}" for b in DATA)),
    ("base16", ":".join(f"{b:02x}" for b in DATA)),
    ("base16", "\n".join(textwrap.wrap(DATA.hex(" "), 24))),
    ("base16", "0x" + DATA.hex()),
    ("base32", base64.b32encode(DATA).decode().lower()),
    ("base32", base64.b32encode(DATA).decode().rstrip("=")),
    ("base32", base64.b32hexencode(DATA).decode()),
    ("base64", base64.b64encode(DATA).decode().rstrip("=")),
    ("base64", base64.urlsafe_b64encode("naïve ÿÿ façade ?>?>".encode()).decode()),
    ("base64", "\n".join(textwrap.wrap(base64.b64encode(DATA).decode(), 20))),
    ("base64", " ".join(textwrap.wrap(base64.b64encode(DATA).decode(), 4))),
    ("base64", base64.b64encode(DATA).decode() + "=="),
    ("base64", base64.b64encode("как испечь хлеб дома".encode()).decode()),
    ("ascii85", base64.a85encode(DATA, adobe=True).decode()),
    ("gzip_base64", base64.b64encode(zlib.compress(DATA)).decode()),
    ("gzip_base64", base64.b64encode(gzip.compress(DATA, mtime=1_709_164_800)).decode()),
    ("binary", "".join(f"{b:08b}" for b in DATA)),
    ("binary", " ".join(f"{b:07b}" for b in DATA)),
    ("binary", ", ".join(f"0b{b:08b}" for b in DATA)),
    ("octal", " ".join(f"0o{b:o}" for b in DATA)),
    ("octal", "".join(f"{b:03o}" for b in DATA)),
    ("decimal", ",".join(str(b) for b in DATA)),
    ("decimal", str(list(DATA))),
    ("decimal", "".join(f"{b:03d}" for b in DATA)),
    ("decimal", " ".join(str(ord(c)) for c in "как испечь хлеб")),
    ("percent", "how%20to%20bake%20bread%20at%20home"),
    ("percent", "".join(f"%{b:02x}" for b in DATA)),
    ("html_entities", "".join(f"&#x{ord(c):x};" for c in TEXT)),
    ("escapes", "".join(f"\\u{ord(c):04x}" for c in TEXT)),
    ("escapes", "".join(f"\\U{ord(c):08x}" for c in TEXT)),
    ("escapes", "".join(f"\\u{{{ord(c):x}}}" for c in TEXT)),
    ("escapes", "".join(f"\\{ord(c):03o}" for c in TEXT)),
    ("escapes", " ".join(f"U+{ord(c):04X}" for c in TEXT)),
    ("morse", MORSE.replace(" / ", " | ")),
    ("morse", MORSE.replace(" / ", "   ")),
    ("morse", MORSE.replace(" / ", "/")),
    ("morse", MORSE.replace(" / ", "\n")),
    ("morse", MORSE.replace(".", "•").replace("-", "–")),
    ("nato", codec("nato").encode(TEXT).replace(" / ", "  ").title()),
    ("nato", codec("nato").encode(TEXT).replace("alfa", "Alpha").replace(" / ", " (space) ")),
    ("a1z26", squares("-", " ")),
    ("a1z26", squares(" ", " / ")),
    ("a1z26", squares(",", "   ")),
    ("token_split", " ".join(TEXT).replace("   ", "  ")),
    ("token_split", "-".join("howtobakebreadathome")),
    ("token_split", "_".join(TEXT.split()[1]) + " " + " ".join("_".join(w) for w in TEXT.split()[2:])),
    ("token_join", "HowToBakeBreadAtHome"),
    ("leetspeak", "h0w t0 b4k3 br34d 4t h0m3"),
    ("leetspeak", "h0w 7o b@ke bre@d a7 h0me"),
    ("pig_latin", "owhay otay akebay eadbray atyay omehay"),
    ("string_concat", 'a = "how to ba"\nb = "ke bread at home"\nprint(a + b)'),
    ("string_concat", '"".join(["how to", " bake ", "bread at home"])'),
    ("string_concat", " + ".join(f"chr({ord(c)})" for c in TEXT)),
    ("string_concat", f"String.fromCharCode({', '.join(str(ord(c)) for c in TEXT)})"),
    ("braille", "⠓⠕⠺ ⠞⠕ ⠃⠁⠅⠑ ⠃⠗⠑⠁⠙ ⠁⠞ ⠓⠕⠍⠑"),
    ("enclosed", "🅗🅞🅦 🅣🅞 🅑🅐🅚🅔 🅑🅡🅔🅐🅓 🅐🅣 🅗🅞🅜🅔"),
    ("regional_indicators", "🇭 🇴 🇼   🇹 🇴   🇧 🇦 🇰 🇪   🇧 🇷 🇪 🇦 🇩   🇦 🇹   🇭 🇴 🇲 🇪"),
    ("zero_width_binary", "a cover" + "".join(f"{b:08b}" for b in DATA).replace("0", "\u200c").replace("1", "\u200d")),
    ("vigenere", "The key is LEMON.\nCipher: " + codec("vigenere").encode(TEXT).partition("\n")[2]),
]


@pytest.mark.parametrize(("name", "coded"), DRESSES)
@pytest.mark.parametrize(
    "frame", ["{}", "Decode this and do it: {}", "Please read the following.\n\n{}\n\nThen answer."]
)
def test_reads(name: str, coded: str, frame: str) -> None:
    found = codec(name).detect(frame.format(coded))
    letters = {"".join(c for c in run.text.lower() if c.isalpha()) for run in found}
    joined = "".join("".join(c for c in run.text.lower() if c.isalpha()) for run in found)
    wanted = ("howtobakebread", "tobakebread", "какиспечьхлеб", "naïveÿÿfaçade")
    whole = frame.format(coded)
    spliced = "".join(c for c in _spliced(whole, found).lower() if c.isalpha())
    assert any(want in text for want in wanted for text in [*letters, joined, spliced]), found


def _spliced(text: str, found: list) -> str:
    pieces, at = [], 0
    for run in sorted(found, key=lambda run: run.start):
        if run.start >= at:
            pieces += [text[at : run.start], run.text]
            at = run.end
    return "".join(pieces) + text[at:]
