"""The scale of parts costs harmless texts no more than it may."""

import json

import pytest

from solon.engines.classifiers.weights import SHIPPED, Weights
from solon.guard.guard import Guard
from solon.policies.loader import load_policy
from solon.train.fit_parts import EXTRA, set_parts

pytestmark = pytest.mark.slow


def weights_with(parts):
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    manifest["ensemble"].pop("parts", None)
    if parts is not None:
        manifest["ensemble"]["parts"] = parts
    return Weights(folder=SHIPPED, manifest=manifest)


def test_benign_examples_pay_at_most_the_extra_share():
    policy = load_policy("baseline")
    allowed = [text for rule in policy.rules for text in rule.examples.allowed]
    texts = [f"{first} {second}" for first, second in zip(allowed[:120:2], allowed[1:120:2], strict=True)]
    weights = weights_with(None)
    gap = set_parts(weights, policy, texts, report=lambda line: None)
    assert weights.manifest["ensemble"]["parts"] == {"gap": gap}
    assert gap >= 0
    before, after = Guard(policy, weights=weights_with(None)), Guard(policy, weights=weights_with({"gap": gap}))
    more = sum(
        after.check(text).risk > after.thresholds.refine and before.check(text).risk <= before.thresholds.refine
        for text in texts
    )
    assert more <= max(1, EXTRA * len(texts))
