"""Our own codecs pass the suite that we publish, and the suite finds codecs that do not."""

import pytest

from solon.codecs.catalogue import codecs
from solon.core.protocols import Codec, Run
from solon.testing import CODEC_CHECKS, Nonconformance, check_codec


@pytest.mark.parametrize("check", CODEC_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("codec", codecs(), ids=lambda codec: codec.name)
def test_registered_codec_conforms(codec: Codec, check) -> None:
    check(codec)


class Mirrored:
    """A sound codec with nothing but the protocol: text between two marks, back to front."""

    name = "mirrored"

    def encode(self, text: str) -> str:
        return f"\u27ea{text[::-1]}\u27eb"

    def decode(self, text: str) -> str | None:
        return text[1:-1][::-1] if text.startswith("\u27ea") and text.endswith("\u27eb") else None

    def detect(self, text: str) -> list[Run]:
        read = self.decode(text)
        return [Run(start=0, end=len(text), text=read, certain=True)] if read else []


class Unnamed(Mirrored):
    name = "Mirrored Text"


class Lossy(Mirrored):
    def decode(self, text: str) -> str | None:
        read = super().decode(text)
        return read and read.upper()


class Blind(Mirrored):
    def detect(self, text: str) -> list[Run]:
        return []


class Displaced(Mirrored):
    def detect(self, text: str) -> list[Run]:
        return [Run(start=0, end=len(text) + 1, text=run.text) for run in super().detect(text)]


class Overconfident(Mirrored):
    def detect(self, text: str) -> list[Run]:
        return super().detect(text) or [Run(start=0, end=len(text), text=text[::-1], certain=True)][: len(text)]


class Fragile(Mirrored):
    def decode(self, text: str) -> str | None:
        return super().decode(text) if text.encode() else None


class Counting(Mirrored):
    """Remembers how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, text: str) -> list[Run]:
        self.asked += 1
        return [Run(start=0, end=len(text), text=run.text + "!" * (self.asked > 400)) for run in super().detect(text)]


class Nothing(Mirrored):
    def accepts(self, text: str) -> bool:
        return False


def test_a_plain_codec_conforms() -> None:
    check_codec(Mirrored())


@pytest.mark.parametrize(
    ("codec", "problem"),
    [
        (Unnamed(), "expected lower case"),
        (Nothing(), "accepts none"),
        (Lossy(), "came back as"),
        (Blind(), "does not find"),
        (Displaced(), "outside"),
        (Overconfident(), "is certain of"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_codec_is_told_what_it_breaks(codec: Codec, problem: str) -> None:
    with pytest.raises(Nonconformance, match=problem):
        check_codec(codec)


def test_a_codec_that_fails_on_a_lone_surrogate_is_found() -> None:
    with pytest.raises(UnicodeEncodeError):
        check_codec(Fragile())


def test_a_codec_that_remembers_is_found() -> None:
    codec = Counting()
    with pytest.raises(Nonconformance, match="differently"):
        for _ in range(50):
            CODEC_CHECKS[-1](codec)
