"""Checks for a codec (``core.protocols.Codec``).

Two optional methods say more about its domain: ``accepts(text)``, whether the round trip holds for a text, and
``fold(text)``, what of the text it keeps (its case, say). Without them it must give back every text as it was.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from solon.core.protocols import Codec, Run
from solon.testing.expect import expect
from solon.testing.texts import NASTY, PROSE, SENTENCES, WIDER

Check = Callable[[Codec], None]
_THREADS = 4


def check_codec(codec: Codec) -> None:
    """Run every check.

    Raises:
        Nonconformance: for the first that the codec breaks.
    """
    for check in CODEC_CHECKS:
        check(codec)


def has_a_name(codec: Codec) -> None:
    """A name to register under and to stand in the path of a view: lower case, digits and underscores."""
    name: Any = getattr(codec, "name", None)
    sound = isinstance(name, str) and name.isidentifier() and name == name.lower()
    expect(sound, f"name is {name!r}; expected lower case letters, digits and underscores")
    missing = [method for method in ("encode", "decode", "detect") if not callable(getattr(codec, method, None))]
    expect(not missing, f"{name} has no {', '.join(missing)}")


def takes_ordinary_sentences(codec: Codec) -> None:
    """Its domain is not empty: it holds one of the plain sentences at least."""
    held = [text for text in SENTENCES if _accepts(codec, text)]
    expect(bool(held), f"{codec.name} accepts none of {len(SENTENCES)} plain sentences")


def gives_back_what_it_wrote(codec: Codec) -> None:
    """``decode(encode(t)) == fold(t)`` over its domain."""
    for text in _domain(codec):
        coded: Any = codec.encode(text)
        expect(isinstance(coded, str), f"{codec.name}: encode({text!r}) is {type(coded).__name__}, expected str")
        kept, found = _fold(codec, text), codec.decode(coded)
        expect(found == kept, f"{codec.name}: {text!r} became {coded[:80]!r} and came back as {found!r}, not {kept!r}")


def finds_what_it_wrote(codec: Codec) -> None:
    """``detect`` finds encoded sentences, whole or as the parts that were changed: at least half of them."""
    texts = [text for text in SENTENCES if _accepts(codec, text)]
    lost = [text for text in texts if not _found(codec, text)]
    expect(2 * len(lost) <= len(texts), f"{codec.name}: detect does not find what encode made of {lost[:1]!r}")


def keeps_runs_in_their_place(codec: Codec) -> None:
    """Runs lie within the text, say something, and their offsets lie within the run, one a character."""
    for text in (*_domain(codec), *PROSE, *NASTY):
        sources = (text, codec.encode(text)) if _accepts(codec, text) else (text,)
        for source in sources:
            for run in codec.detect(source):
                _place(codec, source, run)


def leaves_prose_alone(codec: Codec) -> None:
    """No certain run in text that nobody encoded: ``certain`` is for forms that prove themselves."""
    for text in PROSE:
        sure = [run.text for run in codec.detect(text) if run.certain]
        expect(not sure, f"{codec.name} is certain of {sure[:1]!r} in plain prose")


def survives_nasty_texts(codec: Codec) -> None:
    """Whatever it is given, it answers: ``None``, a text, or no runs."""
    for text in NASTY:
        decoded: Any = codec.decode(text)
        known = decoded is None or isinstance(decoded, str)
        expect(known, f"{codec.name}: decode({text[:20]!r}) is {type(decoded).__name__}, expected str or None")
        codec.detect(text)


def says_the_same_in_threads(codec: Codec) -> None:
    """A codec keeps no state: one instance serves every thread."""
    texts = [codec.encode(text) for text in _domain(codec)] + list(PROSE)
    alone = [_reading(codec, text) for text in texts]
    with ThreadPoolExecutor(_THREADS) as pool:
        for again in pool.map(_reading, [codec] * (_THREADS * len(texts)), texts * _THREADS):
            expect(again in alone, f"{codec.name} reads one text differently the second time")


CODEC_CHECKS: tuple[Check, ...] = (
    has_a_name,
    takes_ordinary_sentences,
    gives_back_what_it_wrote,
    finds_what_it_wrote,
    keeps_runs_in_their_place,
    leaves_prose_alone,
    survives_nasty_texts,
    says_the_same_in_threads,
)
"""Every check, in order: later ones rely on what earlier ones found."""


def _accepts(codec: Any, text: str) -> bool:
    return bool(codec.accepts(text)) if hasattr(codec, "accepts") else True


def _fold(codec: Any, text: str) -> str:
    return str(codec.fold(text)) if hasattr(codec, "fold") else text


def _domain(codec: Codec) -> list[str]:
    return [text for text in (*SENTENCES, *WIDER) if _accepts(codec, text)]


def _found(codec: Codec, text: str) -> bool:
    coded, kept = codec.encode(text), _fold(codec, text)
    runs = codec.detect(coded)
    return coded == text or any(run.text == kept for run in runs) or kept.casefold() in _spliced(coded, runs).casefold()


def _spliced(text: str, runs: list[Run]) -> str:
    """The text with every run, in order and not overlapping, replaced by its reading."""
    pieces: list[str] = []
    at = 0
    for run in sorted(runs, key=lambda run: run.start):
        if run.start >= at:
            pieces += [text[at : run.start], run.text]
            at = run.end
    return "".join([*pieces, text[at:]])


def _place(codec: Codec, source: str, run: Run) -> None:
    where = f"{codec.name}: in {source[:40]!r} the run [{run.start}, {run.end})"
    expect(0 <= run.start < run.end <= len(source), f"{where} is empty or outside the {len(source)} characters")
    expect(bool(run.text), f"{where} reads nothing")
    if run.offsets is not None:
        expect(
            len(run.offsets) == len(run.text), f"{where} has {len(run.offsets)} offsets for {len(run.text)} characters"
        )
        expect(all(run.start <= at < run.end for at in run.offsets), f"{where} has offsets outside itself")


def _reading(codec: Codec, text: str) -> tuple[str, str | None, list[tuple[int, int, str]]]:
    """A text with what is made of it, to be compared."""
    return text, codec.decode(text), [(run.start, run.end, run.text) for run in codec.detect(text)]
