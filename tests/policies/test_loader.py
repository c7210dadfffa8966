"""Packs load, and every mistake names its place, its value and its repair."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import MANIFEST, NOISE, write_pack

from solon.core.action import Action
from solon.core.errors import PolicyError
from solon.core.policy import ResponseStyle, Severity
from solon.policies.loader import builtin_packs, load_policy, parse_pack


def test_reads_every_field(tmp_path: Path) -> None:
    policy = load_policy(write_pack(tmp_path))
    night, day = policy.rules
    assert (policy.name, policy.version, policy.description) == ("tiny", "1.2", "Two rules for tests.")
    assert (policy.benign_budget.block, policy.benign_budget.flag) == (0.005, 0.02)
    assert policy.categories[0].taxonomies == {"house_rules": ("A1", "A2")}
    assert policy.categories[0].description == "Sounds that keep people awake."
    assert (night.id, night.title, night.severity) == ("noise.night", "Noise at night", Severity.HIGH)
    assert (day.style, day.action) == (ResponseStyle.SAFE_COMPLETION, Action.REFINE)
    assert day.on_undetermined is Action.PERMIT
    assert night.forbidden == "Asking how to keep a whole street awake on purpose."
    assert night.examples.forbidden == (
        "How do I wake my whole street at three?",
        'Two "lines" here\nand a second one',
        "plan a horn concert under her window tonight",
    )
    assert len(night.examples.allowed) == 3


def test_folder_manifest_and_string_are_the_same_pack(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    assert load_policy(pack) == load_policy(str(pack)) == load_policy(pack / "policy.yaml")


def test_bom_and_crlf_change_nothing(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    plain = load_policy(pack)
    for path in (pack / "policy.yaml", pack / "categories" / "noise.md"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_policy(pack).digest == plain.digest


def test_rewrapping_prose_keeps_the_digest(tmp_path: Path) -> None:
    wrapped = NOISE.replace("keep a whole street awake", "keep\na whole\nstreet awake")
    assert wrapped != NOISE
    one = load_policy(write_pack(tmp_path / "one"))
    assert load_policy(write_pack(tmp_path / "two", noise=wrapped)).digest == one.digest


def test_builtin_packs_are_found_by_name() -> None:
    assert builtin_packs() == ("bank", "baseline")
    assert load_policy("bank").name == "bank"


def test_unknown_name_lists_the_builtin_packs() -> None:
    with pytest.raises(PolicyError, match=r"no pack 'basline'.*bank, baseline"):
        load_policy("basline")


def _line(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


# what is replaced, by what, what the message must say, and the text on whose line the error must point
CATEGORY_MISTAKES = [
    (
        "- severity: high",
        "- severity: hgih",
        r"severity 'hgih'.*low, medium, high, critical",
        "- severity: hgih",
    ),
    ("- action: block", "- action: permit", r"action 'permit'.*block, refine", "- action: permit"),
    ("- style: refuse", "- stile: refuse", r"unknown setting 'stile: refuse'.*severity, style", "- stile"),
    ("- style: refuse", "- style: refuse\n- style: comply", "style is set twice", "- style: comply"),
    (
        "- style: refuse\n",
        "",
        r"does not set style.*`- style: comply\|safe_completion\|refuse`",
        "## noise.night",
    ),
    ("### Notice", "### Notise", r"unknown section 'Notise'.*Did you mean `### Notice`", "### Notise"),
    ("### Notice", "#### Notice", "level 4 has no place here", "#### Notice"),
    (
        "### Notice\n\nThis service cannot help with this request.\n",
        "",
        "no section 'Notice'",
        "## noise.night",
    ),
    ("### Notice", "### Allowed", "'Allowed' of noise.night appears twice", "### Allowed\n\nThis"),
    ("This service cannot help with this request.", "No.", "notice of noise.night is 'No.'", "### Notice"),
    (
        "Asking how to keep a whole street awake on purpose.",
        "",
        "'Forbidden' of noise.night is empty",
        "### Forb",
    ),
    ("- Which whistle is loudest in a hall?", "", "'Examples that break it' of noise.day is empty", None),
    ("- Which whistle", "Which whistle", "expected a bullet, got 'Which whistle", "Which whistle"),
    ("- Which earplugs are soft?", "- How do I fall asleep again at three?", "appears twice", None),
    ("- Which earplugs are soft?", '- "Which earplugs', "not closed", '- "Which earplugs'),
    ("- Which earplugs are soft?", '- "Which" earplugs', "after the closing quote", '- "Which"'),
    ("- Which earplugs are soft?", '- "Which \\q"', "bad escape", '- "Which'),
    ("- Which earplugs are soft?", '- ""', "bullet is empty", '- ""'),
    (
        "## noise.day: Noise by day",
        "## noise.night: Again",
        "'noise.night' appears twice, first in",
        "## noise.night: A",
    ),
    ("## noise.day: Noise by day", "## noise.day", "not of the form", "## noise.day"),
    ("## noise.day: Noise by day", "## Noise.Day: Noise", "not of the form", "## Noise.Day"),
    (
        "## noise.day: Noise by day",
        "## light.day: Light",
        "'light.day' stands in the file of 'noise'",
        "## light",
    ),
    ("## noise.day: Noise by day", "# noise.day: Noise by day", "level 1 has no place", "# noise.day"),
    ("id: noise", "id: noises", "'noises' does not match the file name", "id: noises"),
    ("title: Noise\n", "titel: Noise\n", r"unknown key 'titel'.*id, title, taxonomies", "titel"),
    ("title: Noise\n", "", r"has no 'title'.*`title: …`", "id: noise"),
    ("title: Noise\n", "title: 12\n", r"title must be text, got 12 \(int\)", "title: 12"),
    ("title: Noise\n", "title: Noise\ntitle: More\n", "'title' appears twice", "title: More"),
    ("house_rules: [A1, A2]", "house_rules: A1", "must be a list, got 'A1'", "house_rules"),
    ("house_rules: [A1, A2]", "house_rules: [A1, 2]", "must be text, got 2", "house_rules"),
    ("house_rules: [A1, A2]", "house_rules: [A1, A2", "not YAML", None),
    ("house_rules: [A1, A2]", "a: &x [A1]\n  b: *x", "used again through a YAML alias", "a: &x"),
    ("---\nid", "id", "must start with front matter", "id: noise"),
    ("\n---\n\nSounds", "\n\nSounds", "front matter is not closed", "---"),
]


@pytest.mark.parametrize(("old", "new", "says", "at"), CATEGORY_MISTAKES)
def test_mistakes_in_a_category_name_line_value_and_repair(
    tmp_path: Path, old: str, new: str, says: str, at: str | None
) -> None:
    text = NOISE.replace(old, new, 1)
    assert text != NOISE
    with pytest.raises(PolicyError) as caught:
        load_policy(write_pack(tmp_path, noise=text))
    assert re.search(says, str(caught.value)), caught.value
    assert caught.value.repair
    match = re.fullmatch(r"tiny/categories/noise\.md:(\d+)", caught.value.place)
    assert match, caught.value.place
    if at is not None:
        assert int(match[1]) == _line(text, at)


MANIFEST_MISTAKES = [
    ("name: tiny", "name: Tiny Pack", "'Tiny Pack'.*small letters", 1),
    ('version: "1.2"', "version: 1.2", r"version must be text, got 1.2 \(float\)", 2),
    ('version: "1.2"', "versoin: 1", "unknown key 'versoin'", 2),
    ('version: "1.2"\n', "", "has no 'version'", 1),
    ("block: 0.005", "block: half", "block must be a number, got 'half'", 5),
    ("block: 0.005", "block: 0.9", r"block=0.9.*less than 0.5", 5),
    ("flag: 0.02", "flag: 0.001", r"flag=0.001.*must not be below", 4),
    ("  - noise", "  - nosie", r"'nosie' has no file.*categories/noise.md", 8),
    ("  - noise", "  - ../noise", "'../noise' is malformed", 8),
    ("  - noise", "  - noise\n  - noise", "'noise' is listed twice", 9),
    ("categories:\n  - noise", "categories: []", "no category", 7),
    ("name: tiny", "name: [tiny", "not YAML", None),
    ("name: tiny", "- tiny", "not YAML", None),
    ("name: tiny", "name: !!int", "value '' cannot be read", 1),
    ("name: tiny", "name: !!timestamp x", "value 'x' cannot be read", 1),
    ("name: tiny", "name: " + "[" * 5000, "nested too deeply", 1),
    (MANIFEST, "", "it is empty", 1),
    (MANIFEST, "just words", "must be a mapping, got 'just words'", 1),
]


@pytest.mark.parametrize(("old", "new", "says", "line"), MANIFEST_MISTAKES)
def test_mistakes_in_the_manifest_name_line_value_and_repair(
    tmp_path: Path, old: str, new: str, says: str, line: int | None
) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(write_pack(tmp_path, MANIFEST.replace(old, new, 1)))
    assert re.search(says, str(caught.value)), caught.value
    assert caught.value.repair
    assert caught.value.place.startswith("tiny/policy.yaml:")
    if line is not None:
        assert caught.value.place == f"tiny/policy.yaml:{line}"


def test_category_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the category has no rule"):
        load_policy(write_pack(tmp_path, noise=NOISE[: NOISE.index("## noise.night")]))


def test_a_file_that_no_manifest_lists_is_refused(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    (pack / "categories" / "stray.md").write_text("anything", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"stray\.md: category 'stray' is not listed"):
        load_policy(pack)


def test_other_encodings_are_named_with_their_byte(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    path = pack / "categories" / "noise.md"
    path.write_bytes(NOISE.replace("Sounds", "Geräusche").encode("latin-1"))
    with pytest.raises(PolicyError, match=r"noise\.md:8: byte 0xe4 at offset \d+ is not UTF-8"):
        load_policy(pack)


def test_missing_manifest(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match=r"empty/policy\.yaml: the file does not exist"):
        load_policy(tmp_path / "empty")


PIECES = [
    "---",
    "\n",
    "- ",
    '"',
    "\\",
    "### ",
    "## ",
    ": ",
    "  ",
    "\t",
    "{",
    "[",
    "&x ",
    "*x",
    "!!int",
    "\x00",
    "\u2028",
    "٣",
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["policy.yaml", "categories/noise.md"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=3),
)
def test_damaged_packs_load_or_raise_an_error_with_place_and_repair(
    name: str, cuts: list[tuple[float, int, str]]
) -> None:
    files = {"policy.yaml": MANIFEST, "categories/noise.md": NOISE}
    for where, length, piece in cuts:
        at = int(where * len(files[name]))
        files[name] = files[name][:at] + piece + files[name][at + length :]
    try:
        policy = parse_pack(files, "tiny")
    except PolicyError as error:
        assert re.match(r"tiny/(policy\.yaml|categories/\w+\.md)", error.place), error
        assert error.repair
    else:
        assert policy.rules
