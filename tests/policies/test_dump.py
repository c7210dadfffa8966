"""Writing a policy and reading it back gives the same policy."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from policy_samples import policies, policy, rule, write_pack

from solon.core.errors import PolicyError
from solon.core.policy import Examples, Policy
from solon.policies.dump import dump, write
from solon.policies.loader import load_policy, parse_pack


@settings(max_examples=60, deadline=None)
@given(policies())
def test_load_of_dump_is_the_same_policy(made: Policy) -> None:
    files = dump(made)
    again = parse_pack(files, "pack")
    assert again == made
    assert again.digest == made.digest
    assert dump(again) == files


@settings(max_examples=10, deadline=None)
@given(policies())
def test_files_on_disk_carry_the_same(made: Policy) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(made, Path(folder) / "pack")
        assert load_policy(Path(folder) / "pack") == made


@pytest.mark.parametrize("name", ["baseline", "bank"])
def test_shipped_packs_are_in_canonical_form(name: str) -> None:
    from solon.policies.loader import PACKS

    for file, text in dump(load_policy(name)).items():
        assert (PACKS / name / file).read_text(encoding="utf-8") == text, file


@pytest.mark.parametrize(
    "broken",
    [
        rule(title="two\nlines"),
        rule(title="sharp #"),
        rule(forbidden="Asking for a whole street\n\n\n\nof noise at night."),
        rule(forbidden="# A heading that is long enough"),
        rule(notice="This service  cannot help."),
        rule(examples=Examples()),
    ],
)
def test_what_the_format_cannot_carry_is_refused(broken: object) -> None:
    with pytest.raises(PolicyError):
        dump(policy(broken))  # type: ignore[arg-type]


def test_texts_around_are_not_silently_stripped() -> None:
    with pytest.raises(PolicyError, match="unchanged"):
        dump(policy(description=" padded "))


def test_long_texts_are_wrapped(tmp_path: Path) -> None:
    made = policy(
        rule(
            forbidden="a long half " * 30 + "- with a dash - and more",
            examples=Examples(forbidden=("an example " * 30 + "end",), allowed=("fine",)),
        )
    )
    files = dump(load_policy(write_pack(tmp_path)))
    assert max(len(line) for line in files["categories/noise.md"].split("\n")) <= 110
    assert parse_pack(dump(made), "pack") == made
