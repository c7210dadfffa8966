"""TRL as the back end, on a tiny Llama: what is learned, what the judge hears, what it could not judge."""

import json
from pathlib import Path

import pytest
import tiny_chat

torch = pytest.importorskip("torch")

from solon.align.chain import FinalAnswer, Task  # noqa: E402
from solon.align.loop_rl import RlSettings, RlStep  # noqa: E402
from solon.align.loop_sft import Lesson, SftSettings, lesson_loss  # noqa: E402
from solon.align.reasoner import load  # noqa: E402
from solon.align.stages import Learner, Run, filter_chains, generate, learn  # noqa: E402
from solon.align.trl_rl import messages, reward_of, rl_on_trl  # noqa: E402
from solon.core.errors import TrainingError  # noqa: E402

QUIET = pytest.mark.filterwarnings("default")  # TRL and what it stands on warn of each other's next releases


class Judge:
    """Keeps what it hears; cannot judge every third answer."""

    name = "judge"

    def __init__(self):
        self.heard, self.asked = [], []

    def reward(self, tasks, answers):
        self.heard += answers
        self.asked += tasks
        return [None if n % 3 == 2 else float(len(answer.text)) for n, answer in enumerate(answers)]


def test_the_reward_is_cut_at_ids_and_not_from_the_decoded_text():
    talk, judge, steps = tiny_chat.chat(), Judge(), []
    tasks = tiny_chat.tasks(2)
    ids = [talk.completion_ids("praise me", "sorry"), talk.completion_ids("so", "here is"), [talk.tags.opening[0], 30]]
    fused = talk.tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert "praise me sorry" in fused[0], "what TRL hands over as text"
    reward = reward_of(judge, talk, tasks, steps, group=3)
    given = {"prompts": ["p"] * 3, "completions": fused, "trainer_state": None, "log_extra": None}
    assert reward(completion_ids=ids, task=[0, 1, 1], **given) == [5.0, 7.0, None]
    assert judge.heard == [FinalAnswer(text="sorry"), FinalAnswer(text="here is"), FinalAnswer(text="")]
    assert judge.asked == [tasks[0], tasks[1], tasks[1]]
    assert steps == [RlStep(reward=6.0, signal=1.0, unjudged=pytest.approx(1 / 3), thought_tokens=pytest.approx(4 / 3))]


def test_conversations_are_those_of_the_chat():
    talk = tiny_chat.chat()
    for task in (Task(id="a", prompt="tell me"), Task(id="b", prompt="tell me", system="a kind song")):
        written = talk.tokenizer.apply_chat_template(messages(task), add_generation_prompt=True, return_dict=False)
        assert list(written) == talk.prompt_ids(task)


def test_a_batch_that_cuts_groups_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="2 prompts of 4 completions cannot be taken 3 at a time"):
        settings = RlSettings(steps=1, prompts=2, group=4, batch=3)
        rl_on_trl(None, tiny_chat.chat(), tiny_chat.tasks(2), Judge(), settings, folder=tmp_path)


@QUIET
@pytest.mark.slow
def test_sft_on_trl_learns_the_very_ids_and_leaves_no_adapter(tmp_path):
    from test_align_verify import Exact, Writer

    run = Run(out=tmp_path, policy=tiny_chat.policy(), report=lambda line: None)
    generate(run, tiny_chat.tasks(12), Writer(), samples=1)
    filter_chains(run, Exact(), times=1)
    talk, base = tiny_chat.chat(), tiny_chat.model()
    task, chain = tiny_chat.tasks(2)[1], tiny_chat.chain("use rule harm.knife so refuse")
    row = Lesson(
        prompt=tuple(talk.prompt_ids(task)), completion=tuple(talk.completion_ids(chain.reasoning, chain.answer.text))
    )
    with torch.no_grad():
        base.get_input_embeddings().weight.mul_(15)  # adapters leave them alone: they must tell words apart already
        before = lesson_loss(base, [row], 0).item()
    settings = SftSettings(steps=30, batch=4, rate=1e-2)
    record = learn(run, Learner(model=base, chat=talk, start="base"), settings, back_end="trl")
    assert record["inputs"]["back_end"] == "trl" and record["counts"]["rows"] > 5
    folder = tmp_path / "sft" / "model"
    assert not (folder / "adapter_config.json").exists() and not (tmp_path / "sft" / "trainer").exists()
    model, _ = load(folder, think=tiny_chat.TAGS, learns=True)
    assert all(weight.requires_grad for weight in model.parameters()), "nothing is frozen for the next stage"
    with torch.no_grad():
        assert lesson_loss(model, [row], 0).item() < before / 2


@QUIET
@pytest.mark.slow
def test_an_interrupted_trainer_goes_on_from_its_checkpoint(tmp_path):
    from solon.align.trl_sft import last_checkpoint, sft_on_trl

    talk = tiny_chat.chat()
    rows = [Lesson(prompt=(5, 6), completion=tuple(talk.completion_ids("so", "sorry"))) for _ in range(4)]
    for steps in (4, 6):
        sft_on_trl(tiny_chat.model(), talk, rows, SftSettings(steps=steps, batch=2), folder=tmp_path)
    kept = last_checkpoint(tmp_path)
    state = json.loads((Path(kept) / "trainer_state.json").read_text())
    assert state["global_step"] == 6
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4, 5, 6]


@QUIET
@pytest.mark.slow
@pytest.mark.parametrize("advantage", ["grpo", "rloo"])
def test_rl_on_trl_shows_answers_only_and_leaves_out_what_was_not_judged(tmp_path, advantage):
    talk, model, judge = tiny_chat.chat(), tiny_chat.model(1), Judge()
    # the untrained model closes its reasoning now and then if it is told to begin with it
    opened = tiny_chat.chat(template=tiny_chat.OPENED)
    before = [weight.clone() for weight in model.parameters()]
    settings = RlSettings(steps=3, prompts=2, group=6, batch=6, rate=1e-2, max_tokens=24, advantage=advantage)
    taught, steps = rl_on_trl(model, opened, tiny_chat.tasks(4), judge, settings, folder=tmp_path)
    assert {type(answer) for answer in judge.heard} == {FinalAnswer}
    assert len(judge.heard) == 36 and all(step.unjudged == pytest.approx(1 / 3) for step in steps)
    assert any(step.thought_tokens > 1 for step in steps)
    assert type(taught) is type(model) or not hasattr(taught, "peft_config")
    after = list(taught.parameters())
    assert len(after) == len(before) and any(
        not torch.equal(old, new) for old, new in zip(before, after, strict=True)
    ), "the adapter was merged"
    assert talk.tags.closing == opened.tags.closing
