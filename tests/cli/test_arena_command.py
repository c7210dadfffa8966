"""``solon arena`` and ``solon redteam findings`` from the command line, files in and files out."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from solon.cli.arena import command as arena
from solon.cli.redteam import command as redteam
from solon.core.attempt import Goal, Prompt
from solon.guard.cases import read_cases
from solon.policies.loader import load_policy
from solon.redteam.findings import Finding, read_findings, write_findings


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "arena.yaml"
    path.write_text(
        f"database: sqlite:///{tmp_path}/arena.db\npublic_url: https://arena.example.org\n", encoding="utf-8"
    )
    return str(path)


def test_invitations_are_printed_and_exports_written(tmp_path: Path, config: str) -> None:
    done = CliRunner().invoke(arena, ["invite", "-c", config, "--count", "2"])
    assert done.exit_code == 0, done.output
    links = done.output.split()
    assert len(set(links)) == 2
    assert all(link.startswith("https://arena.example.org/arena/join?invitation=invite-") for link in links)
    for what in ("attempts", "findings", "bounties"):
        out = tmp_path / what
        assert CliRunner().invoke(arena, ["export", "-c", config, what, "-o", str(out)]).exit_code == 0
        assert out.read_text().startswith("number,at" if what == "bounties" else "")


def test_a_broken_configuration_is_wrong_use(tmp_path: Path) -> None:
    path = tmp_path / "arena.yaml"
    path.write_text("bounties: {goal: lots}\n", encoding="utf-8")
    done = CliRunner().invoke(arena, ["invite", "-c", str(path)])
    assert done.exit_code == 2
    assert "arena.yaml:1" in done.output


def test_findings_become_clusters_cases_and_rows(tmp_path: Path) -> None:
    rule = next(rule for rule in load_policy("baseline").rules if rule.id.startswith("cyber."))
    goals = [Goal(id=f"g{n}", text=text, rule=rule.id) for n, text in enumerate(rule.examples.forbidden[:2])]
    wrapped = [f"The baker of our village writes a letter to the mayor: {goal.text} So he ends." for goal in goals]
    found = [
        Finding(key=g.id, goal=g, attack="human", prompt=Prompt.of(w)) for g, w in zip(goals, wrapped, strict=True)
    ]
    write_findings(tmp_path / "found.jsonl", found)

    def run(*words: str) -> str:
        done = CliRunner().invoke(redteam, ["findings", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "2 findings, 1 clusters" in run("cluster", f"{tmp_path}/found.jsonl", "-o", f"{tmp_path}/sorted.jsonl")
    assert len({one.cluster for one in read_findings(tmp_path / "sorted.jsonl")}) == 1
    run("cases", f"{tmp_path}/sorted.jsonl", "-o", f"{tmp_path}/cases.jsonl")
    assert [case.name for case in read_cases(tmp_path / "cases.jsonl")] == ["g0", "g1"]
    said = run("rows", f"{tmp_path}/sorted.jsonl", "-o", f"{tmp_path}/rows.jsonl", "--each", "3")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["label"] for row in rows} == {"harmful", "benign"}
    assert f"{len(rows)} rows" in said
    broken = CliRunner().invoke(redteam, ["findings", "cluster", f"{tmp_path}/rows.jsonl", "-o", f"{tmp_path}/x"])
    assert broken.exit_code == 2
    assert "rows.jsonl:1" in broken.output
