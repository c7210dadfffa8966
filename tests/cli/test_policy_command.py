"""``solon policy``: exit codes, JSON and text of its four commands."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from solon.cli.policy import policy
from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.policy import Policy
from solon.core.verdict import Source, Verdict
from solon.policies.dump import write
from solon.policies.loader import load_policy


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, arguments, env={"COLUMNS": "200"})


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The bank pack with one rule loosened and one half reworded."""
    bank = load_policy("bank")
    text = json.loads(json.dumps(bank.model_dump(mode="json")))
    rule = text["categories"][0]["rules"][0]
    rule["severity"] = "low"
    rule["forbidden"] += " Also hinting at it."
    rule["allowed"] = "Rates that were published by the bank."
    write(Policy.model_validate(text), tmp_path / "bank")
    return str(tmp_path / "bank")


def use_guard(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Put a guard in place that answers by ``answer``: oracle, permit or silent."""

    class Guard:
        def __init__(self, loaded: Policy) -> None:
            self.bad = {text: rule.id for rule in loaded.rules for text in rule.examples.forbidden}
            self.ids = tuple(rule.id for rule in loaded.rules)

        def check(self, text: str) -> Decision:
            rule = self.bad.get(text)
            named = (rule,) if rule and answer == "oracle" else ()
            silent = answer == "silent"
            verdicts = tuple(
                Verdict.undetermined(r, because="down", source=Source(name="fake"))
                if silent
                else Verdict(rule=r, risk=0.2)
                for r in self.ids
            )
            action = Action.BLOCK if named or silent else Action.PERMIT
            return Decision(action=action, risk=0.2, rules=named, because="", verdicts=verdicts)

    module = ModuleType("solon.guard.guard")
    module.Guard = Guard  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "solon.guard.guard", module)


def test_lint_passes_shipped_packs_and_stops_at_errors(changed: str) -> None:
    assert run("lint").exit_code == 0
    result = run("lint", changed)
    assert result.exit_code == 1
    assert "promises.guaranteed_returns" in result.stdout
    assert "short-allowed-half" in result.stdout
    value = json.loads(run("lint", changed, "--json").stdout)
    assert [finding["code"] for finding in value["findings"]] == ["short-allowed-half"]


def test_lint_can_stop_at_warnings(tmp_path: Path) -> None:
    text = load_policy("bank").model_dump(mode="json")
    text["categories"][0]["rules"][0]["allowed"] += " Anything reasonable."
    write(Policy.model_validate(text), tmp_path / "bank")
    assert run("lint", str(tmp_path / "bank")).exit_code == 0
    assert run("lint", str(tmp_path / "bank"), "--fail-on", "warning").exit_code == 1


def test_diff_shows_both_sides_and_can_gate(changed: str) -> None:
    result = run("diff", "bank", changed)
    assert result.exit_code == 0
    assert "severity (looser): high → low" in result.stdout
    assert "{+Also hinting at it.+}" in result.stdout
    assert run("diff", "bank", changed, "--fail-on-looser").exit_code == 1
    assert run("diff", "bank", "bank", "--fail-on-looser").exit_code == 0
    assert "no changes" in run("diff", "bank", "bank").stdout
    changes = json.loads(run("diff", "bank", changed, "--json").stdout)["changes"]
    assert {(change["field"], change["direction"]) for change in changes} == {
        ("severity", "looser"),
        ("forbidden", "unclear"),
        ("allowed", "unclear"),
    }


def test_explain_prints_one_rule() -> None:
    result = run("explain", "advice.legal_tax", "-p", "bank")
    assert result.exit_code == 0
    assert "Legal and tax rulings" in result.stdout
    assert json.loads(run("explain", "cyber.malware", "--json").stdout)["rule"]["severity"] == "high"


def test_wrong_use_exits_2_and_says_how_to_repair() -> None:
    for arguments in (("lint", "nowhere"), ("explain", "cyber.nothing"), ("test", "bank", "-r", "no.rule")):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.startswith("solon: ")
        assert "Traceback" not in result.output


def test_test_passes_a_good_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    use_guard(monkeypatch, "oracle")
    result = run("test", "bank", "--min", "1.0")
    assert result.exit_code == 0, result.output
    assert "forbidden caught 80/80 (100%), allowed permitted 80/80 (100%)" in result.stdout
    value = json.loads(run("test", "bank", "--json", "-r", "advice.legal_tax").stdout)
    assert value["verdict"] == "passed"
    (rule,) = value["rules"]
    assert (rule["forbidden"]["passed"], rule["named"]) == (8, 8)


def test_test_misses_the_gate_and_lists_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    use_guard(monkeypatch, "permit")
    result = run("test", "bank", "-v")
    assert result.exit_code == 1
    assert "forbidden caught 0/80 (0%)" in result.stdout
    assert load_policy("bank").rules[0].examples.forbidden[0] in result.stdout
    assert load_policy("bank").rules[0].examples.forbidden[0] not in run("test", "bank").stdout


def test_test_without_answers_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    use_guard(monkeypatch, "silent")
    assert run("test", "bank").exit_code == 3


def test_test_without_a_guard_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "solon.guard.guard", None)
    result = run("test", "bank")
    assert result.exit_code == 3
    assert "the guard cannot start" in result.stderr
