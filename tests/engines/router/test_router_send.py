"""What eight providers are sent for a level, what their requests ask for, and how their usage is read.

The shapes are those of the providers' documentation, written down by hand.
"""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.engines.router.budget import Caps
from solon.engines.router.level import Level
from solon.engines.router.observe import counted, observe
from solon.engines.router.providers import providers
from solon.engines.router.send import asked, send

TABLE = providers()
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
# name, dialect, host, model, level, the fields that are sent
SHAPES = [
    ("openai_chat", "openai_chat", "api.openai.com", "gpt-5.5", "high", {"reasoning_effort": "high"}),
    ("openai_chat", "openai_chat", "api.openai.com", "gpt-5.6-pro", "max", {"reasoning_effort": "max"}),
    ("openai_chat", "openai_chat", "api.openai.com", "o3-mini", "none", {"reasoning_effort": "low"}),
    ("openai_responses", "openai_responses", "api.openai.com", "gpt-5.1", "low", {"reasoning": {"effort": "low"}}),
    (
        "anthropic", "anthropic_messages", "api.anthropic.com", "claude-opus-5-5", "xhigh",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
    ),
    (
        "anthropic_budget", "anthropic_messages", "api.anthropic.com", "claude-sonnet-4-5-20250929", "medium",
        {"thinking": {"type": "enabled", "budget_tokens": 10_000}},
    ),
    (
        "anthropic_budget", "anthropic_messages", "api.anthropic.com", "claude-3-7-sonnet-20250219", "none",
        {"thinking": {"type": "disabled"}},
    ),
    ("gemini", "openai_chat", "generativelanguage.googleapis.com", "gemini-3-pro", "max", {"reasoning_effort": "high"}),
    (
        "gemini_budget", "openai_chat", "generativelanguage.googleapis.com", "gemini-2.5-flash", "none",
        {"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}},
    ),
    (
        "qwen", "openai_chat", "dashscope.aliyuncs.com", "qwen3-max", "low",
        {"enable_thinking": True, "thinking_budget": 4096},
    ),
    ("qwen", "openai_chat", "dashscope.aliyuncs.com", "qwen3-max", "none", {"enable_thinking": False}),
    ("gpt_oss", "openai_chat", "localhost", "openai/gpt-oss-120b", "minimal", {"reasoning_effort": "low"}),
    ("deepseek", "openai_chat", "api.deepseek.com", "deepseek-v4-pro", "low", {"reasoning_effort": "high"}),
    ("deepseek", "openai_chat", "api.deepseek.com", "deepseek-v4-flash", "low", {"reasoning_effort": "low"}),
    ("openrouter", "openai_chat", "openrouter.ai", "any/model", "xhigh", {"reasoning": {"effort": "xhigh"}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dialect", "host", "model", "level", "fields"), SHAPES)
def test_a_level_is_said_as_each_provider_has_it(name, dialect, host, model, level, fields) -> None:
    row = TABLE.find(dialect=dialect, model=model, host=host)
    assert row is not None and row.name == name
    body = {"model": model, "max_tokens": 50_000}
    before = copy.deepcopy(body)
    made = send(body, Level.parse(level), provider=row, table=TABLE, dialect=dialect)
    assert body == before
    assert {key: value for key, value in made.body.items() if key not in before} == fields
    assert made.level == row.nearest(Level.parse(level))
    assert (made.level != Level.parse(level)) == any("has no such level" in note for note in made.notes)


@pytest.mark.parametrize(
    ("named", "level", "fields"),
    [
        ("vllm_qwen3", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("vllm_qwen3", "high", {"chat_template_kwargs": {"enable_thinking": True}}),
        ("vllm_thinking", "low", {"chat_template_kwargs": {"thinking": True}}),
        ("vllm_effort", "medium", {"reasoning_effort": "medium"}),
    ],
)
def test_a_server_of_ones_own_is_named(named, level, fields) -> None:
    assert TABLE.find(dialect="openai_chat", model="qwen3-32b", host="localhost") is None
    row = TABLE.find(dialect="openai_chat", model="qwen3-32b", host="localhost", named=named)
    assert row is not None
    assert send(CHAT, Level.parse(level), provider=row, table=TABLE, dialect="openai_chat").body == {**CHAT, **fields}


def test_a_deployment_of_any_name_has_the_row_that_the_operator_names() -> None:
    row = TABLE.find(dialect="openai_chat", model="our-deployment", host="localhost", named="openai_chat")
    assert row is not None and row.name == "openai_chat"
    assert TABLE.find(dialect="openai_chat", model="m", host="localhost", named="anthropic") is None


def test_models_without_reasoning_have_no_row() -> None:
    for dialect, host, model in (
        ("openai_chat", "api.openai.com", "gpt-4o"),
        ("anthropic_messages", "api.anthropic.com", "claude-3-5-sonnet-20241022"),
        ("openai_chat", "evil.example", "gpt-5.5"),
    ):
        assert TABLE.find(dialect=dialect, model=model, host=host) is None
    made = send(CHAT, Level.HIGH, provider=None, table=TABLE, dialect="openai_chat")
    assert made.body == CHAT and made.level is None and "nothing was sent" in made.notes[0]


def test_every_row_is_dated_sourced_and_its_fields_can_be_steered() -> None:
    assert len({row.name for row in TABLE.rows}) >= 8
    for row in TABLE.rows:
        assert row.source in TABLE.sources and str(row.as_of) <= TABLE.version
        for fields in row.values.values():
            assert fields.keys() <= TABLE.controls[row.dialect].keys()
        assert row.budget is None or row.budget in TABLE.controls[row.dialect]
        assert row.steps().keys() >= row.values.keys()
        places = [row.steps()[level] for level in sorted(row.values)]
        assert places == sorted(set(places))


def test_no_other_field_asks_for_less_beside_the_one_that_is_sent() -> None:
    body = {
        **CHAT,
        "reasoning_effort": "none",
        "reasoning": {"enabled": False, "exclude": True},
        "chat_template_kwargs": {"enable_thinking": False},
        "enable_thinking": False,
        "thinking": {"type": "disabled"},
        "thinking_budget": 0,
    }
    row = TABLE.find(dialect="openai_chat", model="gpt-5.5", host="api.openai.com")
    made = send(body, Level.HIGH, provider=row, table=TABLE, dialect="openai_chat")
    assert made.body == {**CHAT, "reasoning": {"exclude": True}, "reasoning_effort": "high"}


@pytest.mark.parametrize(
    ("dialect", "body", "level", "words"),
    [
        ("openai_chat", {"reasoning_effort": "low"}, Level.LOW, "low"),
        ("openai_chat", {"reasoning": {"effort": "xhigh"}}, Level.XHIGH, "xhigh"),
        ("openai_chat", {"reasoning": {"max_tokens": 9000}}, Level.MEDIUM, "9000 tokens"),
        ("openai_chat", {"chat_template_kwargs": {"enable_thinking": False}}, Level.NONE, "off"),
        ("openai_chat", {"enable_thinking": True}, None, None),
        ("openai_chat", {"reasoning_effort": "high", "enable_thinking": False}, Level.HIGH, "high, off"),
        ("openai_chat", {"extra_body": {"google": {"thinking_config": {"thinking_level": "low"}}}}, Level.LOW, "low"),
        ("openai_responses", {"reasoning": {"effort": "minimal", "summary": "auto"}}, Level.MINIMAL, "minimal"),
        ("anthropic_messages", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, Level.LOW, "2000 tokens"),
        ("anthropic_messages", {"thinking": {"type": "disabled"}}, Level.NONE, "off"),
        ("anthropic_messages", {"output_config": {"effort": "max"}}, Level.MAX, "max"),
        ("openai_chat", {}, None, None),
    ],
)
def test_what_a_client_asks_for_is_read_in_every_form(dialect, body, level, words) -> None:
    read = asked(body, TABLE.controls[dialect])
    assert (read.level, read.words, read.unknown) == (level, words, ())


def test_names_that_are_no_level_are_kept_for_the_record() -> None:
    read = asked({"reasoning_effort": "ultra"}, TABLE.controls["openai_chat"])
    assert read.level is None and read.words == "ultra" and read.unknown == ("ultra",)
    assert asked({"thinking_budget": -5}, TABLE.controls["openai_chat"]).unknown == ("thinking_budget=-5",)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["effort", "type", "google"]), inner),
    max_leaves=6,
)
KEYS = st.sampled_from([path.split(".")[0] for path in TABLE.controls["openai_chat"]])


@given(st.dictionaries(KEYS, JUNK))
@settings(deadline=None)
def test_whatever_stands_in_the_fields_is_read_and_replaced(fields) -> None:
    asked(fields, TABLE.controls["openai_chat"])
    row = TABLE.find(dialect="openai_chat", model="gpt-5.5", host="api.openai.com")
    before = copy.deepcopy(fields)
    made = send(fields, Level.MEDIUM, provider=row, table=TABLE, dialect="openai_chat")
    assert fields == before
    assert asked(made.body, TABLE.controls["openai_chat"]).level == Level.MEDIUM


def budget_row():
    return TABLE.find(dialect="anthropic_messages", model="claude-sonnet-4-5", host="api.anthropic.com")


def test_a_budget_keeps_what_the_client_said_beyond_the_level_and_stays_below_the_cap() -> None:
    body = {"max_tokens": 60_000, "thinking": {"type": "enabled", "budget_tokens": 20_000}}
    more = send(body, Level.LOW, provider=budget_row(), table=TABLE, dialect="anthropic_messages", tokens=20_000)
    assert more.body["thinking"]["budget_tokens"] == 20_000
    capped = send(
        body,
        Level.HIGH,
        provider=budget_row(),
        table=TABLE,
        dialect="anthropic_messages",
        caps=Caps(reasoning_tokens=5_000, output_tokens=8_000),
    )
    assert capped.body["thinking"]["budget_tokens"] == 5_000 and capped.body["max_tokens"] == 8_000
    assert any("lowered to 5000 by a cap" in note for note in capped.notes)


@given(st.integers(1, 60_000), st.sampled_from(Level), st.none() | st.integers(1, 50_000))
@settings(deadline=None)
def test_thinking_always_fits_into_the_reply(most, level, cap) -> None:
    caps = Caps(output_tokens=cap)
    made = send(
        {"max_tokens": most}, level, provider=budget_row(), table=TABLE, dialect="anthropic_messages", caps=caps
    )
    thinking = made.body["thinking"]
    if thinking["type"] == "enabled":
        assert 1024 <= thinking["budget_tokens"] < made.body["max_tokens"]
    if cap is not None and cap > 1300:
        assert made.body["max_tokens"] <= cap


def test_bounds_on_the_reply_are_lowered_never_raised() -> None:
    for dialect, name in (
        ("openai_chat", "max_completion_tokens"),
        ("openai_responses", "max_output_tokens"),
        ("anthropic_messages", "max_tokens"),
    ):
        caps = Caps(output_tokens=100)
        for given_, sent in (({name: 50}, 50), ({name: 500}, 100), ({}, 100)):
            made = send(given_, None, provider=None, table=TABLE, dialect=dialect, caps=caps)
            assert made.body == {name: sent}
    made = send(
        {"max_tokens": 500}, None, provider=None, table=TABLE, dialect="openai_chat", caps=Caps(output_tokens=9)
    )
    assert made.body == {"max_tokens": 9}


# provider's raw usage, reasoning tokens that are believed, and a word of the problem where none are
USAGES = [
    ({"completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 64}}, 64, ""),
    ({"output_tokens": 90, "output_tokens_details": {"reasoning_tokens": 64}}, 64, ""),
    ({"output_tokens": 90, "output_tokens_details": {"thinking_tokens": 64}}, 64, ""),
    ({"candidatesTokenCount": 26, "thoughtsTokenCount": 64}, 64, ""),
    ({"completion_tokens": 90, "reasoning_tokens": 64}, 64, ""),
    ({"completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 0}}, 0, ""),
    ({"completion_tokens": 90}, None, ""),
    ({"completion_tokens": 90, "completion_tokens_details": None}, None, ""),
    ({"completion_tokens_details": {"reasoning_tokens": 64}, "reasoning_tokens": 12}, None, "disagree"),
    ({"completion_tokens_details": {"reasoning_tokens": -1}}, None, "is -1"),
    ({"completion_tokens_details": {"reasoning_tokens": "64"}}, None, "is '64'"),
    ({"completion_tokens_details": {"reasoning_tokens": 1e300}}, None, "is"),
    ({"completion_tokens_details": {"reasoning_tokens": True}}, None, "is True"),
]


@pytest.mark.parametrize(("usage", "reasoning", "problem"), USAGES)
def test_usage_is_read_as_each_provider_writes_it_and_never_guessed(usage, reasoning, problem) -> None:
    read = counted(usage)
    assert read.reasoning == reasoning
    assert bool(read.problems) == bool(problem) and all(problem in text for text in read.problems)


def test_missing_and_contradictory_counts_are_said() -> None:
    def seen(**more):
        return observe(provider=None, **{"reasoning": None, "output": 50, **more})

    assert seen(output=None).problems == ("the provider counted nothing",)
    assert "no reasoning tokens, and 12 characters" in seen(seen_chars=12).problems[0]
    assert (seen(reasoning=60).reasoning, "more than the 50" in seen(reasoning=60).problems[0]) == (None, True)
    zero = seen(reasoning=0, seen_chars=9)
    assert zero.reasoning is None and "counted no reasoning, and 9 characters" in zero.problems[0]
    assert seen(reasoning=0) == observe(provider=None, reasoning=0, output=50)
    assert "5 tokens of the total" in seen(reasoning=3, unaccounted=5).problems[0]


def test_gemini_counts_thoughts_in_the_total_alone() -> None:
    row = TABLE.find(dialect="openai_chat", model="gemini-3-flash", host="generativelanguage.googleapis.com")
    made = observe(provider=row, reasoning=None, output=20, unaccounted=300)
    assert (made.reasoning, made.output, made.problems) == (300, 320, ())
