"""The gateway's reference says what its code says, and its page names only what there is."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from solon.gateway.config import parse_config
from solon.gateway.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gateway.md"


def test_the_reference_is_current(tmp_path):
    made = tmp_path / "reference.md"
    subprocess.run([sys.executable, ROOT / "tools" / "gateway_reference.py", made], check=True, cwd=tmp_path)
    committed = ROOT / "docs" / "gateway_reference.md"
    assert made.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), "run `make docs`"


def test_every_configuration_on_the_page_is_read(monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SOLON_DB_PASSWORD", "COLLECTOR_TOKEN", "LEDGER_KEY"):
        monkeypatch.setenv(name, "sk-of-the-test-0123456789")
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        if "routes" in yaml.safe_load(block) or "listen" in yaml.safe_load(block):
            parse_config(block, "docs/gateway.md")


def test_every_metric_on_the_page_exists():
    named = set(re.findall(r"solon_[a-z_]+", PAGE.read_text(encoding="utf-8")))
    known = {metric.name for metric in METRICS}
    known |= {
        f"{metric.name}{end}"
        for metric in METRICS
        if metric.kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    }
    assert named <= known | {"solon_counts", "solon_slots"}


def test_every_test_that_the_threat_model_names_exists():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`(?:[\w/]+/)?(test_\w+\.py)`", text))
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(files) > 10
    assert files <= there, files - there
    for folder in set(re.findall(r"`(tests/\w+)`", text)):
        assert any((ROOT / folder).glob("test_*.py")), folder
