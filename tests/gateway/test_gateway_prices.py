"""Prices: dated, by pattern, one's own over the built-in; what nobody priced is not known."""

from datetime import UTC, date, datetime

import pytest

from solon.core.errors import ConfigError
from solon.gateway.prices import BUILT_IN, load_prices
from solon.gateway.wire import Usage

MILLION = 1_000_000


def test_the_built_in_table_names_the_source_of_every_row():
    prices = load_prices()
    rows = prices._rows
    assert len(rows) > 20
    listed = BUILT_IN.read_text(encoding="utf-8")
    for row in rows:
        assert row.effective_from <= datetime.now(UTC).date()
        assert row.source == "built in" or f"  {row.source}: https://" in listed


def test_a_model_without_a_price_costs_nothing_known():
    prices = load_prices()
    assert prices.cost("house-model-7b", Usage(input=10, output=10)) is None
    assert prices.cost("gpt-4o", None) is None
    assert prices.cost("embedded-echo", Usage(input=10, output=10)) == 0.0


def test_cached_and_long_prompts_have_their_own_price(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text(
        "models:\n"
        "- {model: m, source: s, effective_from: 2020-01-01, input: 10, output: 20, cache_read: 1, cache_write: 12}\n"
        "- {model: m, source: s, effective_from: 2020-01-01, over: 1000000, input: 30, output: 40}\n"
        "- {model: plain, source: s, effective_from: 2020-01-01, input: 10, output: 20}\n",
        encoding="utf-8",
    )
    prices = load_prices(own)
    assert prices.cost("m", Usage(input=MILLION, output=MILLION)) == 30
    used = Usage(input=MILLION, output=0, cache_read=500_000, cache_write=100_000)
    assert prices.cost("m", used) == pytest.approx(4 + 0.5 + 1.2)
    assert prices.cost("plain", used) == pytest.approx(10)
    assert prices.cost("m", Usage(input=2 * MILLION, output=MILLION)) == 100


def test_the_price_of_the_day_is_taken(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text(
        "models:\n"
        "- {model: 'gpt-*', source: s, effective_from: 2020-01-01, input: 1, output: 1}\n"
        "- {model: 'gpt-*', source: s, effective_from: 2021-01-01, input: 2, output: 2}\n"
        "- {model: 'gpt-*', source: s, effective_from: 2999-01-01, input: 9, output: 9}\n",
        encoding="utf-8",
    )
    prices = load_prices(own)
    assert prices.of("gpt-4o").input == 2, "one's own table goes before the built-in one"
    assert prices.of("gpt-4o", on=date(2020, 6, 1)).input == 1
    assert prices.of("gpt-4o", on=date(2019, 1, 1)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models:\n- {model: m, source: s, effective_from: 2020-01-01, input: -1, output: 1}", r":2: input: .*got -1"),
        ("models:\n- {model: m, source: s, effective_from: soon, input: 1, output: 1}", r":2: effective_from"),
        ("models:\n- {model: m, source: s, input: 1, output: 1}", r":2: effective_from"),
        ("models:\n- {model: m, sauce: s}", r":2: "),
        ("models: 3", r":1: `models` must be a list"),
        ("modles: []", r":1: unknown key 'modles'"),
    ],
)
def test_a_wrong_table_is_refused_by_its_place(tmp_path, text, told):
    own = tmp_path / "prices.yaml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_prices(own)
