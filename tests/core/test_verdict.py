"""A verdict is never a boolean: risk is bounded, and no answer is not a low risk."""

import math

import pytest

from solon.core.errors import SolonError
from solon.core.verdict import Source, Status, Verdict

ENGINE = Source(name="engine", digest="d")


@pytest.mark.parametrize("risk", [-0.01, 1.01, math.nan, math.inf])
def test_risk_outside_its_range(risk):
    with pytest.raises(ValueError, match=r"tea\.boiled: risk"):
        Verdict(rule="tea.boiled", risk=risk)


def test_undetermined_carries_its_reason():
    verdict = Verdict.undetermined("tea.boiled", because="the kettle is cold", source=ENGINE)
    assert verdict.status is Status.UNDETERMINED
    assert verdict.rationale == "the kettle is cold"
    assert verdict.source == ENGINE
    assert Verdict(rule="tea.boiled", risk=0.0).status is Status.COMPLETE


def test_errors_say_place_problem_and_repair():
    error = SolonError("too hot", place="kettle.temp", repair="Let it cool.")
    assert str(error) == "kettle.temp: too hot. Let it cool."
    assert str(SolonError("too hot")) == "too hot"
    assert (error.place, error.problem, error.repair) == ("kettle.temp", "too hot", "Let it cool.")
