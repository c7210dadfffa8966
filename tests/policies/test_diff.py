"""A diff is empty for equal policies, names every change, and tells the direction where it can."""

from hypothesis import given, settings
from policy_samples import policies, policy, rule

from solon.core.action import Action
from solon.core.policy import BenignBudget, Category, Examples, Policy, ResponseStyle, Severity
from solon.policies.diff import Direction, diff, word_diff

FLIPPED = {
    Direction.STRICTER: Direction.LOOSER,
    Direction.LOOSER: Direction.STRICTER,
    Direction.NEUTRAL: Direction.NEUTRAL,
    Direction.UNCLEAR: Direction.UNCLEAR,
}


def _only(before: Policy, after: Policy) -> tuple[str, str, str | None, str | None, Direction]:
    (change,) = diff(before, after)
    return change.subject, change.field, change.before, change.after, change.direction


@settings(max_examples=40, deadline=None)
@given(policies(), policies())
def test_empty_iff_digests_agree_and_the_way_back_is_the_mirror(a: Policy, b: Policy) -> None:
    assert diff(a, a) == []
    there, back = diff(a, b), diff(b, a)
    assert bool(there) == (a.digest != b.digest)
    mirror = {(c.subject, c.field, c.after, c.before, FLIPPED[c.direction]) for c in back}
    assert {(c.subject, c.field, c.before, c.after, c.direction) for c in there} == mirror


def test_settings_move_in_the_direction_of_their_order() -> None:
    cases = [
        ({"severity": Severity.LOW}, ("severity", "high", "low", Direction.LOOSER)),
        ({"severity": Severity.CRITICAL}, ("severity", "high", "critical", Direction.STRICTER)),
        ({"style": ResponseStyle.COMPLY}, ("style", "refuse", "comply", Direction.LOOSER)),
        ({"action": Action.REFINE}, ("action", "block", "refine", Direction.LOOSER)),
        ({"on_undetermined": Action.BLOCK}, ("on_undetermined", "refine", "block", Direction.STRICTER)),
    ]
    for fields, expected in cases:
        assert _only(policy(rule()), policy(rule(**fields))) == ("noise.night", *expected)


def test_wording_is_left_to_a_reader() -> None:
    changed = rule(forbidden=rule().forbidden + " Or a single house.")
    assert _only(policy(rule()), policy(changed))[-1] is Direction.UNCLEAR
    notice = rule(notice="Sorry, this is not possible.")
    assert _only(policy(rule()), policy(notice))[-1] is Direction.NEUTRAL


def test_rules_that_come_and_go() -> None:
    extra = rule("noise.day", title="Noise by day")
    assert _only(policy(rule()), policy(rule(), extra)) == (
        "noise.day", "rule", None, "Noise by day", Direction.STRICTER,
    )  # fmt: skip
    assert _only(policy(rule(), extra), policy(rule()))[-1] is Direction.LOOSER


def test_examples_pull_to_their_side() -> None:
    more = Examples(forbidden=(*rule().examples.forbidden, "new"), allowed=rule().examples.allowed)
    assert _only(policy(rule()), policy(rule(examples=more))) == (
        "noise.night", "examples.forbidden", None, "new", Direction.STRICTER,
    )  # fmt: skip
    fewer = Examples(forbidden=rule().examples.forbidden, allowed=rule().examples.allowed[1:])
    assert _only(policy(rule()), policy(rule(examples=fewer)))[-1] is Direction.STRICTER


def test_a_larger_benign_budget_is_stricter() -> None:
    larger = policy(rule(), benign_budget=BenignBudget(block=0.01, flag=0.01))
    assert _only(policy(rule()), larger) == (
        "policy", "benign_budget.block", "0.005", "0.01", Direction.STRICTER,
    )  # fmt: skip


def test_taxonomies_and_order_are_neutral() -> None:
    def with_codes(**codes: tuple[str, ...]) -> Policy:
        category = Category(id="noise", title="Noise", taxonomies=codes, rules=(rule(),))
        return Policy(name="tiny", version="1", categories=(category,))

    assert _only(with_codes(iso=("a",)), with_codes(iso=("a", "b"))) == (
        "noise", "taxonomies.iso", "a", "a, b", Direction.NEUTRAL,
    )  # fmt: skip
    extra = rule("noise.day", title="Noise by day")
    assert _only(policy(rule(), extra), policy(extra, rule()))[1] == "order"


def test_word_diff_weaves_both_texts() -> None:
    pieces = word_diff("keep the street awake", "keep a street wide awake")
    assert [(piece.mark, piece.text) for piece in pieces] == [
        (" ", "keep"), ("-", "the"), ("+", "a"), (" ", "street"), ("+", "wide"), (" ", "awake"),
    ]  # fmt: skip
