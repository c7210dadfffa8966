"""Every block of code in README.md and docs runs: what the pages say to type is what works.

The blocks of one page run in order, in one temporary folder: ``python`` ones in one namespace, ``bash`` and
``console`` ones in a shell with this environment's commands first on the path. A block under a comment
``<!-- not run: reason -->`` is skipped with that reason.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHELL = {"bash", "console"}
RUN = {"python", *SHELL}
# What a page may show without running it. Other spellings of a language that runs would slip past this test.
SHOWN = {"", "text", "json", "jsonl", "yaml", "toml", "markdown", "mermaid", "diff", "make", "http"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n`]*$")
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
TIME_S = 300


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block. ``line`` is that of its first line of code; ``reason`` says why it is not run."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = text.splitlines()
    at = 0
    comment = ""
    while at < len(lines):
        if not (fence := FENCE.match(lines[at])):
            if lines[at].strip():
                comment = lines[at]
            at += 1
            continue
        first = at + 1
        at = first
        while at < len(lines) and lines[at].strip() != "```":
            at += 1
        assert at < len(lines), f"{page.name}:{first}: the block is never closed"
        indent = len(fence["indent"])
        code = "\n".join(line[indent:] for line in lines[first:at])
        marked = NOT_RUN.search(comment)
        found.append(
            Block(
                page=page,
                line=first + 1,
                language=fence["language"],
                code=code,
                reason=marked["reason"].strip() if marked else None,
            )
        )
        comment = ""
        at += 1
    return found


def commands(block: Block) -> str:
    """The shell script of a block: all of a ``bash`` one, the lines after ``$`` of a ``console`` one."""
    if block.language == "bash":
        return block.code
    kept: list[str] = []
    for line in block.code.splitlines():
        if line.startswith("$ ") or (line.startswith("> ") and kept):
            kept.append(line[2:])
    assert kept, f"{block.place}: a console block without a line that starts with '$ '"
    return "\n".join(kept)


def run(block: Block, names: dict[str, object], folder: Path) -> None:
    if block.language == "python":
        # The line number makes a traceback point into the page.
        code = compile("\n" * (block.line - 1) + block.code, str(block.page), "exec")
        exec(code, names)
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(block)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_S,
        check=False,
    )
    assert done.returncode == 0, f"{block.place} failed\n{done.stdout}\n{done.stderr}"


ALL = {page: blocks(page, page.read_text(encoding="utf-8")) for page in PAGES}
TO_RUN = [page for page, found in ALL.items() if any(b.language in RUN and not b.reason for b in found)]
SKIPPED = [block for found in ALL.values() for block in found if block.reason]


@pytest.mark.slow
@pytest.mark.parametrize("page", TO_RUN, ids=[p.relative_to(ROOT).as_posix() for p in TO_RUN])
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__page__"}
    for block in ALL[page]:
        if block.language in RUN and block.reason is None:
            run(block, names, tmp_path)


@pytest.mark.parametrize("block", SKIPPED, ids=[block.place for block in SKIPPED])
def test_blocks_not_run(block):
    pytest.skip(f"{block.place}: {block.reason}")


def test_languages_are_known():
    unknown = {b.place: b.language for found in ALL.values() for b in found if b.language not in RUN | SHOWN}
    assert not unknown, f"name the language of these blocks as one of {sorted(RUN | SHOWN)}: {unknown}"


PAGE = """
Intro
```python
x = 1
```
<!-- not run: needs a key -->

```bash
exit 1
```
1. item
   ```console
   $ test "$(basename "$PWD")" = here
   output
   $ cat <<END
   > text
   > END
   ```
```text
anything
```
"""


def test_reading_a_page(tmp_path):
    first, second, third, last = blocks(ROOT / "page.md", PAGE)
    assert (first.language, first.line, first.code, first.reason) == ("python", 4, "x = 1", None)
    assert second.reason == "needs a key"
    assert third.reason is None
    assert commands(third).splitlines()[1:] == ["cat <<END", "text", "END"]
    assert last.language == "text"
    with pytest.raises(AssertionError, match="never closed"):
        blocks(ROOT / "page.md", "```python\nx")


def test_running_fails_where_a_block_fails(tmp_path):
    def block(language, code):
        return Block(page=ROOT / "page.md", line=3, language=language, code=code, reason=None)

    folder = tmp_path / "here"
    folder.mkdir()
    names: dict[str, object] = {}
    run(block("python", "x = 1"), names, folder)
    run(block("python", "assert x == 1"), names, folder)
    with pytest.raises(AssertionError):
        run(block("python", "assert x == 2"), names, folder)
    run(block("bash", "python -c 'import solon' && touch made"), names, folder)
    assert (folder / "made").exists()
    with pytest.raises(AssertionError, match=r"page\.md:3 failed"):
        run(block("bash", "false; true"), names, folder)
    with pytest.raises(AssertionError, match=r"page\.md:3 failed"):
        run(block("console", "$ solon no-such-command\nError"), names, folder)
