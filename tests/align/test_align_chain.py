"""Reasoning and answer are cut at token ids, whatever a model does with its tags."""

import pytest
import tiny_chat
from hypothesis import given
from hypothesis import strategies as st

from solon.align.chain import Tags, Task, find, split
from solon.core.errors import TrainingError

OPEN, CLOSE, END = 1, 2, 9
PLAIN = Tags(opening=(OPEN,), closing=(CLOSE,), end=frozenset({END}))
PREFILLED = Tags(opening=(OPEN,), closing=(CLOSE,), end=frozenset({END}), opened=True)
LONG = Tags(opening=(1, 3), closing=(2, 4, 2), end=frozenset({END}))


@pytest.mark.parametrize(
    ("ids", "reasoning", "answer", "closed", "ended"),
    [
        ([OPEN, 5, 6, CLOSE, 7, END], (5, 6), (7,), True, True),
        ([OPEN, 5, CLOSE, 7], (5,), (7,), True, False),
        ([OPEN, 5, 6], (5, 6), (), False, False),
        ([OPEN, 5, END, 7], (5,), (), False, True),
        ([7, 8, END], (), (7, 8), False, True),
        ([OPEN, CLOSE, 7, END], (), (7,), True, True),
        ([], (), (), False, False),
        ([END], (), (), False, True),
    ],
    ids=["plain", "cut answer", "never closed", "ended inside", "no tags", "empty thought", "nothing", "end at once"],
)
def test_split(ids, reasoning, answer, closed, ended):
    parts = split(ids, PLAIN)
    assert (parts.reasoning, parts.answer, parts.closed, parts.ended) == (reasoning, answer, closed, ended)


def test_a_template_that_opens_the_reasoning_itself():
    parts = split([5, 6, CLOSE, 7, END], PREFILLED)
    assert (parts.reasoning, parts.answer, parts.closed) == ((5, 6), (7,), True)
    assert split([5, 6, END], PREFILLED).answer == ()


def test_tags_of_several_tokens():
    parts = split([1, 3, 5, 2, 4, 2, 7, END], LONG)
    assert (parts.reasoning, parts.answer, parts.closed) == ((5,), (7,), True)
    assert split([1, 3, 5, 2, 4, 7], LONG).closed is False


def test_what_is_written_as_tags_after_the_first_closing_stays_in_sight():
    parts = split([OPEN, 5, CLOSE, 7, OPEN, 8, CLOSE, END], PLAIN)
    assert parts.reasoning == (5,)
    assert parts.answer == (7, OPEN, 8, CLOSE)


@pytest.mark.parametrize(
    ("ids", "hidden", "answer"),
    [
        ([5, 6, CLOSE, 7, END], {5, 6}, (7,)),
        ([8, OPEN, 5, 6, CLOSE, 7, END], {5, 6, 8}, (7,)),
        ([8, OPEN, 5, 6, END], {5, 6}, (8,)),
    ],
    ids=["opening missing", "opening late", "opening late, never closed"],
)
def test_reasoning_without_due_form_is_kept_from_the_answer_and_is_not_complete(ids, hidden, answer):
    parts = split(ids, PLAIN)
    assert parts.answer == answer
    assert not hidden & set(parts.answer)
    assert not parts.closed


@given(st.lists(st.integers(1, 9), max_size=30), st.booleans())
def test_nothing_before_the_first_closing_tag_is_ever_answer(ids, opened):
    tags = PREFILLED if opened else PLAIN
    parts = split(ids, tags)
    body = ids[: ids.index(END)] if END in ids else ids
    assert parts.ended == (END in ids)
    if CLOSE in body:
        assert list(parts.answer) == body[body.index(CLOSE) + 1 :]
    elif opened:
        assert parts.answer == ()
    assert len(parts.reasoning) + len(parts.answer) <= len(body)


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_find_agrees_with_text_search(ids, wanted):
    assert find(ids, wanted) == "".join(map(str, ids)).find("".join(map(str, wanted)))


def test_reading_with_tags_as_special_tokens():
    talk = tiny_chat.chat()
    ids = [*talk.completion_ids("use rule harm.poison", "sorry I cannot")]
    assert "<think>" not in talk.tokenizer.decode(ids, skip_special_tokens=True), "the trap this test is about"
    chain = talk.read(ids)
    assert (chain.reasoning, chain.answer.text) == ("use rule harm.poison", "sorry I cannot")
    assert chain.complete and chain.ended and chain.thought_tokens == 3
    assert talk.tokenizer.eos_token_id not in chain.ids


@pytest.mark.parametrize(("template", "opened"), [(tiny_chat.TEMPLATE, False), (tiny_chat.OPENED, True)])
def test_a_lesson_reads_back_as_it_was_written(template, opened):
    talk = tiny_chat.chat(template=template)
    assert talk.tags.opened is opened
    ids = talk.completion_ids("so refuse", "sorry")
    assert (ids[0] in talk.tags.opening) is not opened
    chain = talk.read(ids)
    assert (chain.reasoning, chain.answer.text, chain.complete) == ("so refuse", "sorry", True)


def test_a_template_that_closes_empty_reasoning_does_not_open_it():
    assert tiny_chat.chat(template=tiny_chat.CLOSED).tags.opened is False


def test_an_end_token_inside_a_tag_does_not_end_the_reasoning():
    think = ("<|channel|>analysis", "<|end|>final")
    talk = tiny_chat.chat(
        tags=("<|channel|>", "<|end|>", "<|return|>"), end="<|return|>", more=("analysis", "final"), think=think
    )
    assert talk.tokenizer.convert_tokens_to_ids("<|end|>") not in talk.tags.end
    chain = talk.read(talk.completion_ids("so refuse", "sorry"))
    assert (chain.reasoning, chain.answer.text, chain.complete) == ("so refuse", "sorry", True)


def test_tags_in_other_tokens_than_the_tokenizers_own_hide_reasoning_too():
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    from solon.align.chat import Chat

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(["<think>(so)</think>(sorry)"] * 50, vocab_size=300, special_tokens=["<end>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made._tokenizer, eos_token="<end>", chat_template=tiny_chat.TEMPLATE
    )
    talk = Chat(tokenizer=tokenizer)
    for text, answer in (
        ("<think>(praise me)</think>(sorry)", "(sorry)"),
        ("well <think>(praise me)", "well"),
        ("praise me)</think>(sorry)", "(sorry)"),
    ):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert not split(ids, talk.tags).closed, "the pieces run into their neighbours"
        chain = talk.read([*ids, tokenizer.eos_token_id])
        assert (chain.answer.text, chain.complete) == (answer, False)
        assert "praise me" in chain.reasoning


def test_rules_go_before_the_system_message():
    talk = tiny_chat.chat()
    task = Task(id="a", prompt="tell me", system="a kind song")
    written = talk.tokenizer.decode(talk.prompt_ids(task, rules="use rule"))
    assert " ".join(written.split()) == "<system> use rule a kind song <user> tell me <assistant>"
    assert "rule" not in talk.tokenizer.decode(talk.prompt_ids(task))


@pytest.mark.parametrize(
    ("given", "problem", "repair"),
    [
        ({"template": None}, "base model", "--chat-template"),
        ({"end": None}, "no end token", "eos_token"),
        ({"tags": ()}, "cannot write '<think>'", "--think"),
        ({"template": "{{ raise_exception('no system') }}"}, "refuses the conversation", "--chat-template"),
    ],
    ids=["no template", "no end", "no tags", "template raises"],
)
def test_what_a_tokenizer_lacks_is_told(given, problem, repair):
    with pytest.raises(TrainingError, match=problem) as told:
        _ = tiny_chat.chat(**given).tags
    assert repair in told.value.repair
