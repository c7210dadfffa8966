"""The guard in front of any model that Inspect can reach."""

from functools import cache
from pathlib import Path
from typing import Any

from anyio import to_thread
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from solon.core.action import Action
from solon.core.decision import Decision
from solon.core.policy import Policy
from solon.evaluate.inspect.dataset import exchange_of
from solon.guard.guard import Guard

KEY = "solon_guard"
"""Where the store of a sample keeps what the guard did: ``layer``, ``action``, ``risk``, ``rules``."""
_REFINED = "The request touches on these rules. Weigh them, and answer as far as they allow:"


@cache
def _guard(policy: str, weights: str) -> Guard:
    return Guard(policy, weights=Path(weights) if weights else None)


@solver
def guarded(policy: str = "baseline", weights: str = "") -> Solver:
    """Judge the request, ask the model where it may be asked, judge its reply.

    A block gives the rule's public notice for an answer. A refinement puts the text of the rules concerned before the
    model, and counts as answered unless the reply is blocked.

    Args:
        policy: a built-in pack's name, or the path of one.
        weights: a folder of weights; the shipped ones by default.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        guard = await to_thread.run_sync(_guard, policy, weights)
        asked = list(state.messages)
        before = await to_thread.run_sync(guard.check, exchange_of(asked))
        if before.action is Action.BLOCK:
            return _stopped(state, guard.policy, before, "input")
        if before.action is Action.REFINE:
            rules = "\n".join(f"- {guard.policy.rule(rule).text}" for rule in before.rules)
            state.messages.insert(0, ChatMessageSystem(content=f"{_REFINED}\n{rules}"))
        state = await generate(state)
        reply = state.output.completion
        after = await to_thread.run_sync(guard.check, exchange_of(asked, reply)) if reply else before
        if reply and after.action is Action.BLOCK:
            return _stopped(state, guard.policy, after, "output")
        state.store.set(KEY, {"layer": "", **_facts(after)})
        return state

    return solve


def _stopped(state: TaskState, policy: Policy, decision: Decision, layer: str) -> TaskState:
    """The rule's notice instead of an answer; what the model said, if it was asked, is not shown."""
    notice = policy.rule(decision.rules[0]).notice
    if layer == "output":
        state.messages = [
            m for m in state.messages if not (isinstance(m, ChatMessageAssistant) and m.source == "generate")
        ]
    state.output = ModelOutput.from_content(model=str(state.model), content=notice, stop_reason="content_filter")
    state.messages.append(state.output.message)
    state.store.set(KEY, {"layer": layer, **_facts(decision)})
    state.completed = True
    return state


def _facts(decision: Decision) -> dict[str, Any]:
    return {"action": str(decision.action), "risk": round(decision.risk, 6), "rules": list(decision.rules[:5])}
