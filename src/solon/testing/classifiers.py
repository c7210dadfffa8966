"""Checks for a classifier (``core.protocols.Classifier``).

A classifier may raise: the guard turns that into ``undetermined`` for every rule it speaks on. What it may not do is
answer something that is no answer: a rule it does not speak on, a risk beyond 0..1, a place outside the exchange.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from solon.core.exchange import Exchange, Message, Role
from solon.core.protocols import Classifier
from solon.core.verdict import Span, Status, Verdict
from solon.testing.expect import expect
from solon.testing.texts import NASTY, PROSE, SENTENCES, WIDER

Check = Callable[[Classifier], None]
_THREADS = 4


def check_classifier(classifier: Classifier) -> None:
    """Run every check.

    Raises:
        Nonconformance: for the first that the classifier breaks.
    """
    for check in CLASSIFIER_CHECKS:
        check(classifier)


def says_what_it_speaks_on(classifier: Classifier) -> None:
    """A name for its verdicts, and rule ids, each once."""
    name: Any = getattr(classifier, "name", None)
    expect(isinstance(name, str) and bool(name.strip()), f"name is {name!r}; expected a word")
    found: Any = getattr(classifier, "rules", None)
    rules = cast(tuple[Any, ...], found) if isinstance(found, tuple) else ("",)
    expect(
        all(isinstance(rule, str) and rule for rule in rules), f"{name}: rules is {found!r}; expected a tuple of ids"
    )
    expect(len(set(rules)) == len(rules), f"{name}: a rule id stands twice in {rules!r}")


def answers_for_each_of_its_rules(classifier: Classifier) -> None:
    """One verdict or more for every rule it speaks on and for no other, on a plain exchange."""
    for exchange in _plain_exchanges():
        verdicts = _answers(classifier, exchange, failing=True)
        expect(
            all(isinstance(verdict, Verdict) for verdict in verdicts),
            f"{classifier.name} answered with {sorted({type(one).__name__ for one in verdicts})}, expected verdicts",
        )
        answered = {verdict.rule for verdict in verdicts}
        missing, foreign = set(classifier.rules) - answered, answered - set(classifier.rules)
        expect(not missing, f"{classifier.name} left out {sorted(missing)}; say undetermined instead")
        expect(not foreign, f"{classifier.name} answered for {sorted(foreign)}, which its rules do not name")


def gives_risks_and_reasons(classifier: Classifier) -> None:
    """Risks within 0..1, elapsed time not negative, a reason beside every ``undetermined``."""
    for verdict in _all_verdicts(classifier):
        what = f"{classifier.name} on {verdict.rule}"
        expect(math.isfinite(verdict.risk) and 0.0 <= verdict.risk <= 1.0, f"{what}: risk {verdict.risk}")
        expect(verdict.elapsed_ms >= 0.0, f"{what}: elapsed_ms {verdict.elapsed_ms}")
        if verdict.status is Status.UNDETERMINED:
            expect(bool(verdict.rationale.strip()), f"{what}: undetermined without a reason")


def points_into_the_exchange(classifier: Classifier) -> None:
    """Every span names a text of the exchange and lies within it."""
    for exchange in (*_plain_exchanges(), *_nasty_exchanges()):
        lengths = _lengths(exchange)
        for verdict in _answers(classifier, exchange):
            for span in verdict.spans:
                _within(classifier.name, span, lengths)


def leaves_nothing_to_crash(classifier: Classifier) -> None:
    """On hostile texts it answers or raises an ``Exception``; it neither ends the process nor answers with nonsense."""
    for exchange in _nasty_exchanges():
        for verdict in _answers(classifier, exchange):
            expect(isinstance(verdict, Verdict), f"{classifier.name} answered with {type(verdict).__name__}")
            expect(verdict.rule in classifier.rules, f"{classifier.name} answered for {verdict.rule}")


def serves_several_threads(classifier: Classifier) -> None:
    """One instance judges in many threads at once, and every answer speaks on its rules."""
    exchanges = _plain_exchanges()
    with ThreadPoolExecutor(_THREADS) as pool:
        for verdicts in pool.map(classifier.judge, exchanges * _THREADS):
            answered = {verdict.rule for verdict in verdicts}
            expect(answered == set(classifier.rules), f"{classifier.name} in threads answered for {sorted(answered)}")


CLASSIFIER_CHECKS: tuple[Check, ...] = (
    says_what_it_speaks_on,
    answers_for_each_of_its_rules,
    gives_risks_and_reasons,
    points_into_the_exchange,
    leaves_nothing_to_crash,
    serves_several_threads,
)
"""Every check, in order: later ones rely on what earlier ones found."""


def _plain_exchanges() -> list[Exchange]:
    talk = (
        Message(role=Role.SYSTEM, content="You are a helpful assistant."),
        Message(role=Role.USER, content=SENTENCES[0]),
        Message(role=Role.ASSISTANT, content=PROSE[0]),
        Message(role=Role.TOOL, content=PROSE[1]),
        Message(role=Role.USER, content=WIDER[0]),
    )
    return [
        Exchange.of(SENTENCES[0]),
        Exchange.of(WIDER[1], response=PROSE[0]),
        Exchange(messages=talk),
        Exchange(messages=talk, response=SENTENCES[1]),
    ]


def _nasty_exchanges() -> list[Exchange]:
    return [*(Exchange.of(text) for text in NASTY), Exchange.of("?", response=NASTY[3]), Exchange(messages=())]


def _answers(classifier: Classifier, exchange: Exchange, *, failing: bool = False) -> list[Any]:
    """What it says, of whatever type; nothing where it raises, which it may unless ``failing`` is wanted seen."""
    try:
        return list(classifier.judge(exchange))
    except Exception:  # the guard hears that as undetermined
        if failing:
            raise
        return []


def _all_verdicts(classifier: Classifier) -> list[Any]:
    exchanges = (*_plain_exchanges(), *_nasty_exchanges())
    return [verdict for exchange in exchanges for verdict in _answers(classifier, exchange)]


def _lengths(exchange: Exchange) -> dict[str, int]:
    lengths = {f"messages[{number}]": len(message.content) for number, message in enumerate(exchange.messages)}
    turns = sum(len(message.content) + 1 for message in exchange.messages if message.role is Role.USER)
    return lengths | {"response": len(exchange.response or ""), "messages[*]": turns}


def _within(name: str, span: Span, lengths: dict[str, int]) -> None:
    expect(span.segment in lengths, f"{name} points into {span.segment!r}; the exchange has {sorted(lengths)}")
    size = lengths.get(span.segment, 0)
    sound = 0 <= span.start <= span.end <= size
    expect(sound, f"{name} points at [{span.start}, {span.end}) of {span.segment}, which has {size} characters")
