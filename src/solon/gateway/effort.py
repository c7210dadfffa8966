"""More thought for a request that needs it: a step up in the effort that the client itself asked for.

Where a client asks for none, nothing is added: a model without reasoning refuses such a field.
"""

from typing import Any, cast

_STEPS = ("none", "minimal", "low", "medium", "high")


def raised(body: dict[str, Any], dialect: str) -> tuple[dict[str, Any], str | None]:
    """A body for an upstream of a dialect with one step more effort, and that step's name; else as it was."""
    match dialect:
        case "openai_chat":
            more = _above(body.get("reasoning_effort"))
            return ({**body, "reasoning_effort": more}, more) if more else (body, None)
        case "openai_responses":
            reasoning = _held(body.get("reasoning"))
            more = _above(reasoning.get("effort"))
            return ({**body, "reasoning": {**reasoning, "effort": more}}, more) if more else (body, None)
        case "anthropic_messages":
            return _more_thinking(body)
        case _:
            return body, None


def _more_thinking(body: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Twice the tokens for thinking, as far as the bound on the reply has room for them and for an answer."""
    thinking = _held(body.get("thinking"))
    budget, most = thinking.get("budget_tokens"), body.get("max_tokens")
    if type(budget) is not int or type(most) is not int:
        return body, None
    more = min(2 * budget, budget + (most - budget) // 2)
    if more <= budget:
        return body, None
    return {**body, "thinking": {**thinking, "budget_tokens": more}}, str(more)


def _above(effort: Any) -> str | None:
    if effort not in _STEPS or effort == _STEPS[-1]:
        return None
    return _STEPS[max(_STEPS.index("medium"), _STEPS.index(effort) + 1)]


def _held(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
