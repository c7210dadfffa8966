"""The conformance suite: what codecs, classifiers, attacks, searches, targets and graders must do to take part.

A check is a function that takes the part and raises ``Nonconformance`` (an ``AssertionError``) with what was expected
and what was found. Run all of them with ``check_codec(part)``, ``check_classifier(part)``, ``check_attack(part)``,
``check_search(Search)``, ``check_target(part)`` and ``check_grader(part)``, or one test each:

    @pytest.mark.parametrize("check", CODEC_CHECKS, ids=lambda check: check.__name__)
    def test_my_codec(check):
        check(my_codec)

The built-in codecs, attacks and searches and the guard's own engines pass the same checks. Nothing here needs pytest.
"""

from solon.testing.attacks import ATTACK_CHECKS, check_attack
from solon.testing.classifiers import CLASSIFIER_CHECKS, check_classifier
from solon.testing.codecs import CODEC_CHECKS, check_codec
from solon.testing.expect import Nonconformance
from solon.testing.searches import SEARCH_CHECKS, check_search
from solon.testing.targets import GRADER_CHECKS, TARGET_CHECKS, check_grader, check_target

__all__ = [
    "ATTACK_CHECKS",
    "CLASSIFIER_CHECKS",
    "CODEC_CHECKS",
    "GRADER_CHECKS",
    "SEARCH_CHECKS",
    "TARGET_CHECKS",
    "Nonconformance",
    "check_attack",
    "check_classifier",
    "check_codec",
    "check_grader",
    "check_search",
    "check_target",
]
