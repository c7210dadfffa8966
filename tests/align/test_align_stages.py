"""Stages are resumable: nothing is repeated or lost, and what changed in between is named."""

import json
from typing import ClassVar

import pytest
import tiny_chat

torch = pytest.importorskip("torch")

from solon.align.chain import Chain, FinalAnswer  # noqa: E402
from solon.align.checkpoint import checkpoint_digest, short_name  # noqa: E402
from solon.align.loop_rl import RlSettings  # noqa: E402
from solon.align.loop_sft import SftSettings  # noqa: E402
from solon.align.reasoner import EndpointReasoner, LocalReasoner, load  # noqa: E402
from solon.align.stage import Stage, append_rows, read_chains, read_tasks  # noqa: E402
from solon.align.stages import Learner, Run, filter_chains, generate, kept_chains, learn, lessons_of, reinforce  # noqa: E402
from solon.core.errors import JudgeError, TrainingError  # noqa: E402
from solon.models.completion import Completion  # noqa: E402

BAD = "use rule harm.knife so comply"


class Writer:
    """Writes one chain a task and remembers what it was asked; stops after ``until`` batches."""

    name = "writer"
    settings: ClassVar[dict[str, int]] = {}

    def __init__(self, until=None):
        self.asked, self.calls, self.until = [], 0, until

    def write(self, tasks, specs, *, seed):
        if self.until is not None and self.calls >= self.until:
            raise KeyboardInterrupt
        self.calls += 1
        self.asked += [task.id for task in tasks]
        assert all(f"## {task.category}:" in spec for task, spec in zip(tasks, specs, strict=True))
        return [tiny_chat.chain(f"use rule {self.rule(task)} so refuse") for task in tasks]

    @staticmethod
    def rule(task):
        return next(rule.id for rule in tiny_chat.policy().rules if rule.id.split(".")[1] in task.prompt)


class Grader:
    """Finds every second task's chains wrong; stops after ``until`` gradings."""

    name = "grader"

    def __init__(self, until=None, score=lambda task, seed: float(int(task.id[1:]) % 2)):
        self.calls, self.until, self._score = [], until, score

    def score(self, task, chain, *, seed):
        if self.until is not None and len(self.calls) >= self.until:
            raise KeyboardInterrupt
        self.calls.append((task.id, seed))
        return self._score(task, seed)


@pytest.fixture
def run(tmp_path):
    return Run(out=tmp_path, policy=tiny_chat.policy(), report=lambda line: None)


def chains_of(run, name="generate/chains.jsonl"):
    return [(task.id, row["sample"]) for task, _, row in read_chains(run.out / name)]


def test_an_interrupted_generation_repeats_nothing_and_loses_nothing(run):
    tasks = tiny_chat.tasks(50)
    with pytest.raises(KeyboardInterrupt):
        generate(run, tasks, Writer(until=2), samples=4)
    assert len(chains_of(run)) == 128
    path = run.out / "generate" / "chains.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])  # the last line was cut while it was written
    writer = Writer()
    record = generate(run, tasks, writer, samples=4)
    assert len(writer.asked) == 200 - 127
    assert sorted(chains_of(run)) == sorted((task.id, n) for task in tasks for n in range(4))
    assert record["counts"] == {"complete": 200}
    again = Writer()
    assert generate(run, tasks, again, samples=4) == record and not again.asked


def test_an_interrupted_filter_gives_what_it_would_have_given(run, tmp_path):
    def score(task, seed):
        return 1.0 if seed % 7 else 0.0

    def outcome(where):
        return [(t.id, r["sample"], r["dropped"]) for t, _, r in read_chains(where / "filter" / "graded.jsonl")]

    generate(run, tiny_chat.tasks(50), Writer(), samples=3)
    with pytest.raises(KeyboardInterrupt):
        filter_chains(run, Grader(until=300, score=score))
    assert len(chains_of(run, "filter/graded.jsonl")) == 64
    second = Grader(score=score)
    record = filter_chains(run, second)
    assert len(second.calls) == (150 - 64) * 3
    assert chains_of(run, "filter/graded.jsonl") == chains_of(run)

    other = Run(out=tmp_path / "whole", policy=run.policy, report=run.report)
    generate(other, tiny_chat.tasks(50), Writer(), samples=3)
    assert filter_chains(other, Grader(score=score))["counts"] == record["counts"]
    assert outcome(other.out) == outcome(run.out)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"samples": 2}, "samples"),
        ({"seed": 1}, "seed"),
        ({"tasks": tiny_chat.tasks(5)}, "tasks"),
        ({"reasoner": type("Other", (Writer,), {"name": "other"})()}, "model"),
        ({"reasoner": type("Warm", (Writer,), {"settings": {"temperature": 1}})()}, "sampling"),
    ],
    ids=["samples", "seed", "tasks", "model", "sampling"],
)
def test_changed_inputs_are_refused_by_name(run, changed, named):
    given = {"tasks": tiny_chat.tasks(4), "reasoner": Writer(), "samples": 1, "seed": 0}
    generate(run, given["tasks"], given["reasoner"], samples=1, seed=0)
    given |= changed
    with pytest.raises(TrainingError, match=f"begun with other {named}") as told:
        generate(run, given["tasks"], given["reasoner"], samples=given["samples"], seed=given["seed"])
    assert "--out" in told.value.repair
    assert len(chains_of(run)) == 4, "what was finished is kept"


def test_a_stage_rests_on_the_policy_and_on_files_as_they_were_left(run):
    generate(run, tiny_chat.tasks(4), Writer(), samples=1)
    other = Run(out=run.out, policy=tiny_chat.policy(version="2"), report=run.report)
    with pytest.raises(TrainingError, match="another version of the policy"):
        filter_chains(other, Grader())
    path = run.out / "generate" / "chains.jsonl"
    path.write_text(path.read_text().replace("refuse", "comply"))
    with pytest.raises(TrainingError, match="not what the finished stage left"):
        filter_chains(run, Grader())


def test_a_stage_before_that_is_missing_is_named(run):
    with pytest.raises(TrainingError, match=r"generate is not finished.*`solon align generate`"):
        filter_chains(run, Grader())
    with pytest.raises(TrainingError, match="filter is not finished"):
        kept_chains(run)


def test_nothing_complete_and_nothing_kept_are_told_with_the_repair(run, tmp_path):
    class Cut(Writer):
        def write(self, tasks, specs, *, seed):
            return [Chain(reasoning="so", answer=FinalAnswer(text=""), complete=False) for _ in tasks]

    with pytest.raises(TrainingError, match=r"no chain is complete.*--max-tokens"):
        generate(Run(out=tmp_path / "cut", policy=run.policy), tiny_chat.tasks(2), Cut())
    generate(run, tiny_chat.tasks(4), Writer(), samples=1)
    with pytest.raises(TrainingError, match=r"nothing was kept.*'unjudged': 4"):
        filter_chains(run, Grader(score=lambda task, seed: None))
    assert (run.out / "generate" / "stage.json").exists() and not (run.out / "filter" / "stage.json").exists()


def test_an_unknown_category_is_told_before_anything_is_sampled(run):
    writer = Writer()
    with pytest.raises(TrainingError, match="no category 'other'"):
        generate(run, [*tiny_chat.tasks(2), tiny_chat.Task(id="x", prompt="y", category="other")], writer)
    assert not writer.calls and not (run.out / "generate").exists()


@pytest.fixture
def filtered(run):
    generate(run, tiny_chat.tasks(16), Writer(), samples=1)
    filter_chains(run, Grader())
    return run


def test_the_filter_keeps_what_was_graded_high(filtered):
    assert {task.id for task, _ in kept_chains(filtered)} == {f"t{n}" for n in range(1, 16, 2)}


def test_rows_that_are_too_long_or_hold_tags_are_left_out_and_counted(filtered):
    talk = tiny_chat.chat()
    chains = kept_chains(filtered)
    long = tiny_chat.chain("so " * 40)
    tagged = [tiny_chat.chain("so </think> refuse"), tiny_chat.chain(answer="sorry <end> I")]
    more = [(chains[0][0], chain) for chain in (long, *tagged)]
    lessons = lessons_of([*chains, *more], talk, longest=40, label_only=False)
    assert (len(lessons.rows), lessons.too_long, lessons.tagged) == (8, 1, 2)
    assert all(len(row.prompt) + len(row.completion) <= 40 for row in lessons.rows)
    assert all(row.completion[-1] == talk.tokenizer.eos_token_id for row in lessons.rows), "never cut"
    with pytest.raises(TrainingError, match=r"8 longer than 3 tokens.*--longest"):
        lessons_of(chains, talk, longest=3, label_only=False)


def test_lessons_leave_the_rules_out_and_label_only_the_reasoning_too(filtered):
    talk = tiny_chat.chat()
    whole = lessons_of(kept_chains(filtered), talk, longest=99, label_only=False).rows[0]
    bare = lessons_of(kept_chains(filtered), talk, longest=99, label_only=True).rows[0]
    assert "<system>" not in talk.tokenizer.decode(whole.prompt) and whole.prompt == bare.prompt
    assert talk.read(whole.completion).reasoning == "use rule harm.knife so refuse"
    assert talk.read(bare.completion).reasoning == "" and talk.read(bare.completion).answer.text == "sorry I cannot"


def test_learning_and_reinforcing_leave_models_that_load(filtered):
    class Judge:
        name = "judge"
        seen: ClassVar[list[FinalAnswer]] = []

        def reward(self, tasks, answers):
            self.seen += answers
            return [float(len(answer.text)) for answer in answers]

    talk, base = tiny_chat.chat(), tiny_chat.model()
    settings = SftSettings(steps=30, batch=4, rate=1e-2)
    record = learn(filtered, Learner(model=base, chat=talk, start="base"), settings)
    assert record["counts"]["rows"] == 8 and record["counts"]["loss"] < 2
    unneeded = Learner(model=None, chat=talk, start="base")
    assert learn(filtered, unneeded, settings) == record, "a finished stage needs no model"
    folder = filtered.out / "sft" / "model"
    loaded, chat = load(folder, think=tiny_chat.TAGS, learns=True)
    assert chat.tags == talk.tags and next(loaded.parameters()).dtype is torch.float32
    learner = Learner(model=loaded, chat=chat, start=checkpoint_digest(folder))
    settings = RlSettings(steps=2, prompts=2, group=2, max_tokens=8)
    done = reinforce(filtered, learner, tasks=tiny_chat.tasks(4), judge=Judge(), settings=settings)
    assert done["inputs"]["sees"] == "request, answer" and done["counts"]["steps"] == 2
    assert len(Judge.seen) == 8
    assert short_name(folder).startswith("model@") and checkpoint_digest("org/name") == "org/name"
    assert checkpoint_digest(folder) != checkpoint_digest(filtered.out / "rl" / "model")


def test_a_judge_that_never_answers_leaves_no_finished_stage(filtered):
    class Silent:
        name = "silent"

        def reward(self, tasks, answers):
            return [None] * len(answers)

    with pytest.raises(TrainingError, match="said nothing in any step"):
        learner = Learner(model=tiny_chat.model(), chat=tiny_chat.chat(), start="base")
        settings = RlSettings(steps=1, prompts=2, group=2, max_tokens=4)
        reinforce(filtered, learner, tiny_chat.tasks(4), Silent(), settings)
    assert not (filtered.out / "rl" / "stage.json").exists() and (filtered.out / "filter" / "stage.json").exists()


def test_a_local_model_reasons_with_the_rules_of_its_category_in_sight(run):
    seen = []
    talk = tiny_chat.chat()

    class Watched(type(talk)):
        def prompt_ids(self, task, *, rules=""):
            seen.append(rules)
            return super().prompt_ids(task, rules=rules)

    reasoner = LocalReasoner(
        model=tiny_chat.model(positions=1024), chat=Watched(tokenizer=talk.tokenizer), name="tiny", max_tokens=4
    )
    chains = reasoner.write(tiny_chat.tasks(2), ["SPEC ONE", "SPEC TWO"], seed=0)
    assert len(chains) == 2
    assert [("SPEC ONE" in rules, "SPEC TWO" in rules) for rules in seen if rules] == [(True, False), (False, True)]


def test_an_endpoint_that_fails_or_talks_gives_an_incomplete_chain():
    class Endpoint:
        name = "endpoint"

        def complete(self, messages, *, schema=None, logprobs=False, max_tokens=1024):
            said = messages[1]["content"]
            if said == "down":
                raise JudgeError("down")
            return Completion(text='{"reasoning": " so ", "answer": "sorry"}' if said == "fine" else "Sure!")

    tasks = [tiny_chat.Task(id=word, prompt=word) for word in ("fine", "down", "talk")]
    chains = EndpointReasoner(model=Endpoint()).write(tasks, ["spec {with} braces"] * 3, seed=0)
    assert [chain.complete for chain in chains] == [True, False, False]
    assert chains[0].reasoning == "so" and chains[0].answer.text == "sorry"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no prompts"),
        ('{"prompt": "a"}\n{oops', "f.jsonl:2: not JSON"),
        ('["a"]', "f.jsonl:1: expected an object"),
        ('{"prompt": ""}', "with a prompt"),
        ('{"prompt": "a", "colour": "red"}', "unknown fields ..colour"),
        ('{"prompt": "a", "meta": 5}', "every field a text"),
        ('{"prompt": "a", "id": "x"}\n{"prompt": "b", "id": "x"}', "'x' appears twice"),
    ],
)
def test_prompts_of_another_form_are_told_with_their_line(tmp_path, text, problem):
    path = tmp_path / "f.jsonl"
    path.write_text(text)
    with pytest.raises(TrainingError, match=problem):
        read_tasks(path)


def test_a_folder_that_holds_no_model_is_told(tmp_path):
    with pytest.raises(TrainingError, match=r"no model could be loaded.*config.json"):
        load(tmp_path, think=tiny_chat.TAGS)


def test_a_record_is_written_whole_and_rows_go_on_after_a_cut(tmp_path):
    stage = Stage(folder=tmp_path / "s", name="s", inputs={"a": 1})
    assert stage.begin() is False
    path = stage.folder / "rows.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n":')
    append_rows(path, [{"n": 2}])
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 2]
    assert stage.finish({"n": 2}, files=["rows.jsonl"])["counts"] == {"n": 2}
    assert stage.begin() is True and list(tmp_path.rglob("*.part")) == []
