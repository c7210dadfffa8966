"""The verifier that an auditor can read: parts of the standard library alone, handed out as one file.

Nothing in these modules imports anything but the standard library and each other; ``source`` joins them. They are
written apart from ``solon.ledger.merkle`` and ``solon.ledger.note`` on purpose: what one gets wrong the other shows.
"""

import ast
from importlib.resources import files

_PARTS = ("ed25519", "notes", "records", "bundle", "command")
_HEAD = '''#!/usr/bin/env python3
"""Check a bundle of records of a Solon ledger: python verify.py BUNDLE.zip --key KEY --held CHECKPOINT

One file, Python 3.10 or later, nothing to install, no network. Standards: RFC 6962 and 9162 (Merkle tree), RFC 8032
(Ed25519), C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof. `--help` says what it can and cannot say.
"""
'''
_END = """

if __name__ == "__main__":
    sys.exit(main())
"""


def _each(node: ast.Import | ast.ImportFrom) -> list[ast.Import | ast.ImportFrom]:
    """One import for each name."""
    if isinstance(node, ast.Import):
        return [ast.Import([name]) for name in node.names]
    return [ast.ImportFrom(node.module, [name], node.level) for name in node.names]


def source() -> str:
    """The verifier as one file of Python."""
    imports: set[str] = set()
    bodies: list[str] = []
    for part in _PARTS:
        text = files(__name__).joinpath(f"{part}.py").read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        title, *nodes = ast.parse(text).body
        taken = {n for n in range(title.lineno, (title.end_lineno or 0) + 1)}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                taken |= set(range(node.lineno, (node.end_lineno or 0) + 1))
                if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("solon.")):
                    imports |= {ast.unparse(one) for one in _each(node)}
        says = ast.literal_eval(ast.unparse(title)).strip().split("\n")
        kept = "".join(line for n, line in enumerate(lines, start=1) if n not in taken).strip("\n")
        bodies.append("\n".join(f"# {line}".rstrip() for line in ["-" * 100, *says]) + "\n\n" + kept)
    return _HEAD + "\n" + "\n".join(sorted(imports)) + "\n\n\n" + "\n\n\n".join(bodies) + "\n" + _END
