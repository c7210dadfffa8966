"""Two runs side by side: what is found, what is not, and what is said of the rest."""

import pytest

pytest.importorskip("scipy")

from solon.core.attempt import Outcome
from solon.core.errors import SuiteError
from solon.evaluate.compare import Row, compare


def run(hits: set[int], n: int = 200, *, benign: bool = False, missing: frozenset[int] = frozenset(), cluster: int = 0):
    return [
        Row(
            id=f"{'b' if benign else 'h'}{at}", benign=benign, suite="s", rule=f"r{at % 2}", language="en",
            cluster=f"c{at // cluster}" if cluster else "",
            outcome=Outcome.UNSCORED if at in missing else Outcome.SUCCESS if at in hits else Outcome.FAILURE,
        )
        for at in range(n)
    ]  # fmt: skip


def test_a_real_gain_is_told_and_its_price_beside_it():
    before = run(set(range(40))) + run(set(range(190)), benign=True)
    after = run(set(range(8))) + run(set(range(188)), benign=True)
    result = compare(before, after, names=("v1", "v2"))
    whole = {change.benign: change for change in result.changes if not change.by}
    assert whole[False].says == "better" and whole[False].difference.value == pytest.approx(-0.16)
    assert whole[True].better is None and whole[True].says.startswith("cannot separate: ")
    assert whole[True].needed and whole[True].needed > 200 and str(whole[True].needed) in whole[True].says
    assert {(c.by, c.name) for c in result.changes} == {("", ""), ("rule", "r0"), ("rule", "r1")}
    assert all(change.p >= change.difference.p for change in result.changes)
    assert set(result.separated) <= set(result.changes)


def test_more_attacks_through_is_worse():
    result = compare(run(set(range(5))), run(set(range(60))))
    assert result.changes[0].says == "worse" and result.changes[0].better is False


def test_the_same_twice_cannot_be_told_apart():
    result = compare(run({1, 2}), run({1, 2}))
    assert not result.separated and result.changes[0].needed is None and "as many" in result.changes[0].says


def test_what_has_no_verdict_is_left_out_and_said():
    result = compare(run({1}, missing=frozenset({3, 4})), run({1}, n=150, missing=frozenset({4, 5})))
    assert (result.only_first, result.only_second, result.without_verdict) == (50, 0, 3)
    assert result.changes[0].difference.n == 147
    assert any("no verdict" in note for note in result.notes) and any("one run only" in note for note in result.notes)


def test_variants_count_as_one():
    plain = compare(run(set()), run(set(range(20))))
    grouped = compare(run(set(), cluster=20), run(set(range(20)), cluster=20))
    assert plain.changes[0].separated and not grouped.changes[0].separated
    assert grouped.changes[0].difference.clusters == 10
    assert grouped.changes[0].after.high > plain.changes[0].after.high


def test_correction_spans_all_comparisons():
    """A 6-0 split is found alone (p = 0.03), and not among three comparisons."""
    assert compare(run(set(), 40), run(set(range(0, 12, 2)), 40), by=()).changes[0].separated
    assert not compare(run(set(), 40), run(set(range(0, 12, 2)), 40)).separated


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([Row(id="a", outcome=Outcome.SUCCESS)] * 2, [], "twice"),
        ([Row(id="a", outcome=Outcome.SUCCESS)], [Row(id="b", outcome=Outcome.SUCCESS)], "share no sample"),
        ([Row(id="a", outcome=Outcome.SUCCESS)], [Row(id="a", outcome=Outcome.SUCCESS, benign=True)], "benign in one"),
    ],
)
def test_runs_that_cannot_be_paired_are_refused(first, second, says):
    with pytest.raises(SuiteError, match=says):
        compare(first, second)
    with pytest.raises(SuiteError, match="compare by"):
        compare(first, second, by=("colour",))
