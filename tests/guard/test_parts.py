"""Parts of a text are read by themselves, and only the riskiest of them."""

import pytest

from solon.engines.classifiers.weights import load_weights
from solon.engines.normalize import Budget
from solon.guard.guard import Guard
from solon.guard.parts import READ, Part, Parts

CALM = (
    "Which train museums are open on Mondays? {} Is the radon level in my cellar dangerous for my houseplants? "
    "Thank you for your patience, and greetings from the museum."
)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(load_weights(), gap=1.0, cut=-9.0)


def test_sentences_and_stretches_are_parts_with_their_places(parts):
    text = "The first sentence stands here. The second one is about trains; the third is not."
    found = parts.of(text, load_weights().encoder.encode(text))
    said = {text[part.start : part.end] for part in found}
    assert "The first sentence stands here." in said
    assert "the third is not." in said


def test_a_single_sentence_has_no_parts(parts):
    text = "How do I bake bread in a cold kitchen"
    assert parts.of(text, load_weights().encoder.encode(text)) == []


def test_few_parts_are_read_and_none_that_the_scout_finds_calm(parts):
    text = "Words about the weather and the garden. " * 400
    windows = parts.of(text, load_weights().encoder.encode(text))
    found = [Part(view=0, window=window, ngram=0.0) for window in windows]
    assert len(found) > READ
    assert len(parts.riskiest(found, cascade=False)) <= READ
    careful = Parts(load_weights(), gap=1.0, cut=9.0)
    assert careful.riskiest(found, cascade=True) == []


def test_a_part_that_decides_is_shown_at_its_place_in_the_original(guard):
    """Quotation marks in front are not read: places must be moved by them."""
    rules = [rule for rule in guard.policy.rules if rule.id.startswith("cyber.")]
    lines = [text for rule in rules for text in rule.examples.forbidden]
    text = next(text for text in map(CALM.format, lines) if guard.check(text).risk > guard.thresholds.refine)
    (bare,), (quoted,) = guard.score(text), guard.score(f'""{text}')
    assert quoted.best["harm"].start == bare.best["harm"].start + 2
    assert quoted.best["harm"].end == bare.best["harm"].end + 2


def test_company_hides_less_than_it_did(guard):
    """Among forbidden examples that are stopped alone, padding must let through clearly fewer than without parts."""
    rules = [rule for rule in guard.policy.rules if rule.id.split(".")[0] in ("cyber", "nonviolent_crimes", "hate")]
    lines = [text for rule in rules for text in rule.examples.forbidden][:40]
    known = [text for text in lines if guard.check(text).risk > guard.thresholds.refine]
    wrapped = [CALM.format(text) for text in known]
    blind = Guard(guard.policy, weights=_without_parts(), budget=Budget(ms=500))
    caught = sum(guard.check(text).risk > guard.thresholds.refine for text in wrapped)
    missed = sum(blind.check(text).risk > blind.thresholds.refine for text in wrapped)
    assert len(known) >= 15
    assert caught >= missed + len(known) // 10


def _without_parts():
    weights = load_weights()
    manifest = dict(weights.manifest)
    manifest["ensemble"] = {key: value for key, value in manifest["ensemble"].items() if key != "parts"}
    return type(weights)(folder=weights.folder, manifest=manifest)
