"""Chat messages become an exchange, or an error that names the place."""

import pytest

from solon.core.errors import InputError
from solon.core.exchange import Exchange, Message, Role


def test_of():
    assert Exchange.of("hi") == Exchange(messages=(Message(role=Role.USER, content="hi"),))
    full = Exchange.of("hi", system="be kind", response="")
    assert [message.role for message in full.messages] == [Role.SYSTEM, Role.USER]
    assert full.response == ""  # a reply that has begun is not the same as none


def test_parse_reads_every_role_and_form_of_content():
    got = Exchange.parse(
        [
            {"role": "developer", "content": "rules"},
            {"role": "user", "content": ["one", {"type": "text", "text": "two"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "content": "42", "name": "sum"},
            {"role": "system", "content": []},
        ],
        response="so",
    )
    assert [message.content for message in got.messages] == ["rules", "one\ntwo", "", "42", ""]
    assert [message.role.value for message in got.messages] == [
        "developer",
        "user",
        "assistant",
        "tool",
        "system",
    ]
    assert got.response == "so"
    assert Exchange.parse([]) == Exchange()


@pytest.mark.parametrize(
    ("message", "place", "said"),
    [
        ("hello", "messages[1]", "str"),
        (None, "messages[1]", "NoneType"),
        ({"content": "x"}, "messages[1].role", "None"),
        ({"role": "admin", "content": "x"}, "messages[1].role", "'admin'"),
        ({"role": "User", "content": "x"}, "messages[1].role", "'User'"),
        ({"role": 3, "content": "x"}, "messages[1].role", "3"),
        ({"role": ["user"], "content": "x"}, "messages[1].role", "['user']"),
        ({"role": "user", "content": 7}, "messages[1].content", "int"),
        ({"role": "user", "content": {"text": "x"}}, "messages[1].content", "dict"),
        ({"role": "user", "content": ["x", 7]}, "messages[1].content[1]", "part"),
    ],
)
def test_errors_name_place_value_and_repair(message, place, said):
    with pytest.raises(InputError) as caught:
        Exchange.parse([{"role": "user", "content": "fine"}, message])
    assert caught.value.place == place
    assert said in caught.value.problem
    assert caught.value.repair


def test_ten_thousand_turns():
    turns = [{"role": "user", "content": str(number)} for number in range(10_000)]
    assert len(Exchange.parse(turns).messages) == 10_000


def test_exchanges_cannot_be_changed():
    exchange = Exchange.of("hi")
    with pytest.raises(AttributeError):
        exchange.response = "changed"
