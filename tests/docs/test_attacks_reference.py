"""The table of attacks is what the attacks say of themselves."""

import subprocess
import sys
import tomllib
from pathlib import Path

from solon.redteam.attacks.catalogue import built_in

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_page_is_what_the_tool_writes(tmp_path: Path) -> None:
    made = tmp_path / "attacks.md"
    subprocess.run([sys.executable, ROOT / "tools" / "attacks_reference.py", made], check=True, cwd=tmp_path)
    committed = ROOT / "docs" / "attacks.md"
    assert made.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), "run `make docs`"


def test_every_built_in_attack_is_registered_under_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["entry-points"]["solon.attacks"]) == set(built_in())
