"""Load a pack: ``policy.yaml`` and its category files, from the built-in packs or any folder."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from solon.core.errors import PolicyError
from solon.core.policy import BenignBudget, Category, Policy
from solon.policies.category_file import parse_category
from solon.policies.places import Entry, Place, mapping, number, read_text, read_yaml, word, words

PACKS = Path(__file__).parent / "packs"
MANIFEST = "policy.yaml"
CHAPTERS = "categories"
_CATEGORY_ID = re.compile(r"[a-z0-9_]+")


def builtin_packs() -> tuple[str, ...]:
    """Names of the packs that ship with Solon, sorted."""
    return tuple(sorted(folder.name for folder in PACKS.iterdir() if (folder / MANIFEST).is_file()))


def load_policy(name_or_path: str | Path) -> Policy:
    """Load a pack by the name of a built-in pack, or by the path of a folder or of its ``policy.yaml``.

    Raises:
        PolicyError: naming file and line, the value, what was expected and the repair.
    """
    return load_folder(pack_folder(name_or_path))


def pack_folder(name_or_path: str | Path) -> Path:
    """Where a pack lies. A bare name is a built-in pack where there is one; write ``./name`` for a folder of that name.

    Raises:
        PolicyError: where there is no such folder.
    """
    if isinstance(name_or_path, str) and name_or_path in builtin_packs():
        return PACKS / name_or_path
    path = Path(name_or_path)
    if path.name == MANIFEST:
        path = path.parent
    if not path.is_dir():
        raise PolicyError(
            f"there is no pack {str(name_or_path)!r}",
            repair=f"Give a folder with a {MANIFEST}, or a built-in pack: {', '.join(builtin_packs())}.",
        )
    return path


def load_folder(folder: Path) -> Policy:
    """Load the pack in ``folder``; places in errors are relative to the folder's parent.

    Raises:
        PolicyError: as :func:`load_policy`.
    """
    shown = folder.name or str(folder)
    names = [MANIFEST, *(f"{CHAPTERS}/{path.name}" for path in sorted((folder / CHAPTERS).glob("*.md")))]
    return parse_pack({name: read_text(folder / name, f"{shown}/{name}") for name in names}, shown)


def parse_pack(files: Mapping[str, str], shown: str) -> Policy:
    """Read a pack from the texts of its files by relative path; ``shown`` stands before the paths in errors.

    Raises:
        PolicyError: as :func:`load_policy`.
    """
    place = Place(file=f"{shown}/{MANIFEST}", line=1)
    fields = mapping(
        read_yaml(files[MANIFEST], place),
        MANIFEST,
        required=("name", "version", "benign_budget", "categories"),
        optional=("description",),
    )
    listed = words(fields["categories"], "categories")
    if not listed:
        fields["categories"].place.fail("the pack has no category", "List at least one category id.")
    categories = tuple(_category(files, shown, category_id, at) for category_id, at in _distinct(listed))
    _refuse_strays(files, shown, {category.id for category in categories})
    try:
        return Policy(
            name=word(fields["name"], "name"),
            version=word(fields["version"], "version"),
            description=word(fields["description"], "description") if "description" in fields else "",
            benign_budget=_budget(fields["benign_budget"]),
            categories=categories,
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "name"
        fields[field].place.fail(
            f"{field} {first['input']!r}: {first['msg']}", "A name has small letters, digits, `_` and `-`."
        )


def _distinct(listed: tuple[tuple[str, Place], ...]) -> tuple[tuple[str, Place], ...]:
    seen: set[str] = set()
    for category_id, place in listed:
        if category_id in seen:
            place.fail(f"category {category_id!r} is listed twice", "Keep one of them.")
        seen.add(category_id)
    return listed


def _category(files: Mapping[str, str], shown: str, category_id: str, place: Place) -> Category:
    name = f"{CHAPTERS}/{category_id}.md"
    if not _CATEGORY_ID.fullmatch(category_id):
        place.fail(f"category id {category_id!r} is malformed", "Use small letters, digits and `_`.")
    if name not in files:
        present = ", ".join(file for file in files if file != MANIFEST) or "none"
        place.fail(
            f"category {category_id!r} has no file {name}",
            f"Write the file or correct the id. Files there: {present}.",
        )
    return parse_category(files[name], f"{shown}/{name}", category_id)


def _refuse_strays(files: Mapping[str, str], shown: str, known: set[str]) -> None:
    """A file that is not listed would be a rule that everyone reads and nothing enforces."""
    for name in files:
        stem = name.removeprefix(f"{CHAPTERS}/").removesuffix(".md")
        if name != MANIFEST and stem not in known:
            Place(file=f"{shown}/{name}").fail(
                f"category {stem!r} is not listed in {MANIFEST}",
                f"Add `{stem}` to its `categories`, or move the file away.",
            )


def _budget(entry: Entry) -> BenignBudget:
    fields = mapping(entry, "benign_budget", required=("block", "flag"))
    block, flag = number(fields["block"], "block"), number(fields["flag"], "flag")
    try:
        return BenignBudget(block=block, flag=flag)
    except ValidationError as error:
        first = error.errors()[0]
        at = fields[str(first["loc"][0])] if first["loc"] else entry
        at.place.fail(
            f"benign_budget block={block} flag={flag}: {first['msg']}",
            "Both are shares of benign traffic between 0 and 0.5, and flag is at least block.",
        )
