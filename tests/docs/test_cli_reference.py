"""The page on the command line says what the commands say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_cli_reference_is_current(tmp_path):
    made = tmp_path / "cli.md"
    subprocess.run([sys.executable, ROOT / "tools" / "cli_reference.py", made], check=True, cwd=tmp_path)
    committed = ROOT / "docs" / "cli.md"
    assert committed.exists(), "run `make docs`"
    assert made.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), "run `make docs`"
