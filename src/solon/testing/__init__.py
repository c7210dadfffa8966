"""The conformance suite: what a codec, a classifier or an attack must do to take part, as checks for everyone.

A check is a function that takes the part and raises ``Nonconformance`` (an ``AssertionError``) with what was expected
and what was found. Run all of them with ``check_codec(part)``, ``check_classifier(part)`` and
``check_attack(part)``, or one test each:

    @pytest.mark.parametrize("check", CODEC_CHECKS, ids=lambda check: check.__name__)
    def test_my_codec(check):
        check(my_codec)

The built-in codecs and attacks and the guard's own engines pass the same checks. Nothing here needs pytest.
"""

from solon.testing.attacks import ATTACK_CHECKS, check_attack
from solon.testing.classifiers import CLASSIFIER_CHECKS, check_classifier
from solon.testing.codecs import CODEC_CHECKS, check_codec
from solon.testing.expect import Nonconformance

__all__ = [
    "ATTACK_CHECKS",
    "CLASSIFIER_CHECKS",
    "CODEC_CHECKS",
    "Nonconformance",
    "check_attack",
    "check_classifier",
    "check_codec",
]
