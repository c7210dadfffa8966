"""A model that is rewarded by a monitor learns to hide from it: nothing under ``align`` may import one."""

import ast
from collections.abc import Iterator
from pathlib import Path

ALIGN = Path(__file__).resolve().parents[2] / "src" / "solon" / "align"
FORBIDDEN = ("solon.engines.monitor", "solon.gateway.watch", "solon.train.fit_monitor")


def monitor_imports(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(name == bad or name.startswith(f"{bad}.") for name in names for bad in FORBIDDEN):
                yield f"{path.name}:{node.lineno}"


def test_alignment_never_sees_a_monitor() -> None:
    assert list(monitor_imports(ALIGN)) == []


def test_the_check_finds_every_way_of_importing_one(tmp_path: Path) -> None:
    (tmp_path / "reward.py").write_text(
        "from solon.engines import monitor\nimport solon.engines.monitor.heads\n"
        "def late():\n    from solon.engines.monitor import Monitor\nfrom solon.engines import graders\n"
    )
    assert len(list(monitor_imports(tmp_path))) == 3
