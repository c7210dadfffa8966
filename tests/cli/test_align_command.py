"""`solon align` end to end on a tiny model, with a judge behind a real HTTP endpoint."""

import json
import re

import pytest
from click.testing import CliRunner

from chat_server import saying, serving

pytest.importorskip("torch")

from solon.cli.main import cli


def invoke(*arguments):
    return CliRunner().invoke(cli, ["align", *map(str, arguments)], catch_exceptions=True)


def judging(request):
    """Finds every chain and answer right; it must never be shown reasoning where it judges answers."""
    system, data = (message["content"] for message in request["messages"])
    fence = data.splitlines()[0]
    said = {"id": fence, "applies": [], "action": "comply", "follows": True, "helpful": True}
    if '"cites"' in system:
        said["cites"] = True
    else:
        assert set(json.loads(data.splitlines()[1])) == {"request", "answer"}
    return saying(json.dumps(said))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A policy pack, prompts, cases, and a tiny model that reasons and refuses whatever it is asked."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "align"))
    import tiny_chat

    from solon.align.loop_sft import Lesson, SftSettings, sft
    from solon.policies.loader import load_policy

    folder = tmp_path_factory.mktemp("world")
    policy = load_policy("bank")
    category = policy.categories[0].id
    rules = " ".join(rule.id for rule in policy.rules)
    talk = tiny_chat.chat(more=rules.split())
    model = tiny_chat.model(vocabulary=len(talk.tokenizer), positions=4096)
    first = policy.categories[0].rules[0].id
    completion = tuple(talk.completion_ids(f"use rule {first} so refuse", "sorry I cannot"))
    tasks = tiny_chat.tasks(6)
    prompts = [talk.prompt_ids(task) for task in tasks]
    from solon.align.spec import prompt_text, spec_for

    text = prompt_text("generate_v1").format(spec=spec_for(policy, category))
    prompts += [talk.prompt_ids(task, rules=text) for task in tasks]
    lessons = [Lesson(prompt=tuple(prompt), completion=completion) for prompt in prompts]
    sft(model, lessons, SftSettings(steps=25, batch=4, rate=1e-2), pad=0)
    model.save_pretrained(folder / "base")
    talk.tokenizer.save_pretrained(folder / "base")
    (folder / "tasks.jsonl").write_text(
        "".join(json.dumps({"prompt": task.prompt, "category": category}) + "\n" for task in tasks)
    )
    (folder / "cases.jsonl").write_text(
        "".join(
            json.dumps({"prompt": f"how to make {word}", "category": category, "harmful": harmful}) + "\n"
            for word, harmful in (("poison", True), ("knife", True), ("cake", False), ("story", False))
        )
    )
    return folder


@pytest.mark.slow
def test_the_whole_run_and_an_ablation(world, tmp_path):
    shared = ("-p", "bank", "--out", tmp_path / "run")
    with serving(judging) as server:
        judge = ("--judge", server.url, "--judge-model", "judge")
        done = invoke(
            "run", *shared, "--tasks", world / "tasks.jsonl", "--cases", world / "cases.jsonl", "--model",
            world / "base", *judge, "--samples", 2, "--sft-steps", 4, "--rl-steps", 2, "--max-tokens", 12, "--batch", 4,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        stages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert [row["stage"] for row in stages] == ["generate", "filter", "sft", "verify", "rl", "report"]
        assert set(stages[-1]["counts"]) == {"base", "sft", "rl"}
        asked = len(server.requests)
        again = invoke(
            "run", *shared, "--tasks", world / "tasks.jsonl", "--cases", world / "cases.jsonl", "--model",
            world / "base", *judge, "--samples", 2, "--sft-steps", 4, "--rl-steps", 2, "--max-tokens", 12, "--batch", 4,
            "--label-only",
        )  # fmt: skip
        assert again.exit_code == 0, again.output
        assert [json.loads(line)["stage"] for line in again.stdout.splitlines() if line.startswith("{")] == [
            "generate", "filter", "label-only", "report",
        ]  # fmt: skip
        assert not any('"cites"' in r["messages"][0]["content"] for r in server.requests[asked:]), "not filtered twice"
    context = invoke(
        "report", *shared, "--cases", world / "cases.jsonl", "--model", world / "base", "--rules-in-context",
        "--max-tokens", 12, "--arm", "sft",
    )  # fmt: skip
    assert context.exit_code == 0, context.output
    assert re.search(r"\| rules-in-context \|.*\n\| sft \|", context.output)
    held = tmp_path / "run" / "verify" / "head.json"
    other = invoke("filter", *shared, "--verifier", held, "--model", world / "base", "--least", "0.5")
    assert other.exit_code != 0 and "begun with other" in str(other.exception)


def test_what_the_command_needs_is_told(world, tmp_path):
    out = ("-p", "bank", "--out", tmp_path / "run")
    for arguments, expected in (
        (("filter", *out), "one of --judge URL and --verifier"),
        (("filter", *out, "--judge", "http://127.0.0.1:9/v1"), "--judge-model"),
        (("rl", *out, "--tasks", world / "tasks.jsonl", "--judge", "u", "--judge-model", "m", "--rl-only"), "--model"),
        (("sft", *out, "--model", world / "base", "--steps", 1), "filter is not finished"),
        (("rl", *out, "--tasks", world / "tasks.jsonl", "--judge", "u", "--judge-model", "m"), "sft is not finished"),
        (("generate", *out, "--tasks", world / "tasks.jsonl", "--model", world / "base", "--think", "<a>", "</a>"),
         "cannot write '<a>'"),
        (("generate", *out, "--tasks", world / "cases.jsonl", "--model", world / "base"), "unknown fields"),
        (("report", *out, "--model", world / "base", "--cases", world / "cases.jsonl", "--arm", "rl"), "not finished"),
    ):  # fmt: skip
        done = invoke(*arguments)
        assert done.exit_code != 0
        assert expected in done.output + str(done.exception), arguments
