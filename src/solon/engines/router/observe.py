"""How much was thought, by the provider's counts: what is missing or contradicts itself is said, never guessed.

Field names: OpenAI Chat and its imitators ``completion_tokens_details.reasoning_tokens``, Responses
``output_tokens_details.reasoning_tokens``, Anthropic ``output_tokens_details.thinking_tokens``, native Gemini
``thoughtsTokenCount``; its OpenAI-compatible surface leaves thoughts out of ``completion_tokens`` and counts them only
in the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from solon.engines.router.providers import Provider

REASONING_FIELDS = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_tokens_details.thinking_tokens",
    "thoughtsTokenCount",
    "reasoning_tokens",
)
MOST = 2**40
"""A count above it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Reasoning tokens in a provider's usage, ``None`` where it gives none that can be believed; and what is wrong."""

    reasoning: int | None
    field: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What came of a request. ``output`` counts the reasoning in; ``None`` is not known."""

    reasoning: int | None
    output: int | None
    problems: tuple[str, ...] = ()


def counted(usage: Mapping[str, Any]) -> Counted:
    """Look through every known field of a raw usage object; of several that disagree none is believed."""
    found: dict[str, int] = {}
    problems: list[str] = []
    for path in REASONING_FIELDS:
        value = _at(usage, path)
        if value is None:
            continue
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if type(whole) is not int or not 0 <= whole <= MOST:
            problems.append(f"{path} is {value!r}"[:100])
        else:
            found[path] = whole
    if len(set(found.values())) > 1:
        told = ", ".join(f"{path} {value}" for path, value in found.items())
        return Counted(reasoning=None, problems=(*problems, f"counts of reasoning disagree: {told}"))
    field, value = next(iter(found.items()), ("", None))
    return Counted(reasoning=value, field=field, problems=tuple(problems))


def observe(
    *,
    provider: Provider | None,
    reasoning: int | None,
    output: int | None,
    unaccounted: int | None = None,
    seen_chars: int = 0,
    problems: tuple[str, ...] = (),
) -> Observed:
    """What was thought, as far as it is known.

    Args:
        provider: whose counts they are.
        reasoning: its own count of reasoning.
        output: its count of output; ``None`` where it counted nothing.
        unaccounted: tokens in its total that are neither input nor output.
        seen_chars: characters of reasoning that came.
        problems: what was wrong with the counts already.
    """
    said = list(problems)
    if output is None:
        return Observed(reasoning=None, output=None, problems=(*said, "the provider counted nothing"))
    if provider is not None and provider.counts == "apart" and reasoning is None and unaccounted is not None:
        reasoning, output = unaccounted, output + unaccounted
    elif unaccounted:
        said.append(f"{unaccounted} tokens of the total are neither input nor output")
    if reasoning is None:
        said.append("the provider counted no reasoning tokens" + _seen(seen_chars))
        return Observed(reasoning=None, output=output, problems=tuple(said))
    if reasoning > output:
        said.append(f"{reasoning} reasoning tokens are more than the {output} of the whole output")
        return Observed(reasoning=None, output=output, problems=tuple(said))
    if reasoning == 0 and seen_chars:
        said.append("the provider counted no reasoning" + _seen(seen_chars))
        return Observed(reasoning=None, output=output, problems=tuple(said))
    return Observed(reasoning=reasoning, output=output, problems=tuple(said))


def _seen(chars: int) -> str:
    return f", and {chars} characters of it came" if chars else ""


def _at(usage: Mapping[str, Any], path: str) -> Any:
    value: Any = usage
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(key)
    return value
