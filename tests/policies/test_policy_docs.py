"""The code blocks of docs/policies.md run, in order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "policies.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_code_block_runs(tmp_path: Path) -> None:
    shim = tmp_path / "bin" / "solon"
    shim.parent.mkdir()
    shim.write_text(f"#!{sys.executable}\nfrom solon.cli.main import main\nmain()\n")
    shim.chmod(0o755)
    env = {**os.environ, "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}"}
    work = tmp_path / "work"
    work.mkdir()
    blocks = _BLOCK.findall(DOCS.read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} == {"bash", "python", "yaml"}
    for language, code in blocks:
        if language == "yaml":
            continue  # a file, not a command
        command = ["bash", "-euc", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
