"""Suites by name: the public ones of the catalogue, and our own over a policy or a folder of rows."""

from solon.core.errors import SuiteError
from solon.core.policy import Policy
from solon.evaluate.sample import Sample, Suite
from solon.evaluate.suites.declaration import Declaration, catalogue
from solon.evaluate.suites.fetch import Shelf
from solon.evaluate.suites.own import OWN, own_suite
from solon.evaluate.suites.read import chosen, distinct, read_file


def load_declared(declaration: Declaration, shelf: Shelf) -> Suite:
    """A public suite: its files at hand or fetched, checked, and read.

    Raises:
        SuiteError: where a file cannot be had, differs, or is not of the declared form.
    """
    samples: list[Sample] = []
    skipped = 0
    files: dict[str, str] = {}
    for number, file in enumerate(declaration.files):
        path, found = shelf.file(declaration, file)
        files[file.name] = found
        prefix = f"{number + 1}:" if len(declaration.files) > 1 else ""
        own, unlabelled = read_file(file, path, prefix)
        samples += own
        skipped += unlabelled
    kept = chosen(list(distinct(samples)), declaration.most)
    if not kept:
        raise SuiteError("no row gives a sample", place=declaration.name, repair="Check its columns against the file.")
    return Suite(
        name=declaration.name, samples=tuple(kept), title=declaration.title, licence=declaration.licence,
        revision=declaration.revision, note=declaration.note, skipped=skipped, files=files,
    )  # fmt: skip


def load_suite(name: str, *, policy: Policy, pack: str, shelf: Shelf) -> Suite:
    """A suite by its name; ``rows:PATH`` is a file or folder of labelled rows.

    Args:
        name: of the catalogue, of our own (``policy``, ``policy-paired``), or ``rows:PATH``.
        policy: whose rules are measured.
        pack: where that policy was read from, for the grammars in its folder.
        shelf: where public files are found and kept.

    Raises:
        SuiteError: for a name that is none, or a suite that cannot be had.
    """
    declared = catalogue().get(name)
    if declared is not None:
        return load_declared(declared, shelf)
    if name in OWN or name.startswith("rows:"):
        return own_suite(name, policy=policy, pack=pack)
    known = ", ".join([*sorted(OWN), "rows:PATH", *catalogue()])
    raise SuiteError(f"there is no suite {name!r}", place="--suite", repair=f"Known: {known}.")
