"""What screening said of an exchange, as the ledger's record and the dashboard have it."""

from typing import Any

from solon.core.action import Action
from solon.core.decision import Decision
from solon.gateway.reply_screen import ReplyScreen
from solon.gateway.screen import Screen, Screening
from solon.guard.outcome import decision_json

UNSCREENED: dict[str, Any] = {
    "conversation": "",
    "action": "permit",
    "cause": "",
    "shadow": False,
    "variant": "main",
    "rules": [],
    "notice": "",
    "input": None,
    "output": None,
    "policy_digest": "",
    "weights_digest": "",
}
"""Of a request that was not screened: it was refused before, or the operator turned every check off."""


def findings(screen: Screen, screening: Screening, reply: ReplyScreen | None, notice: str) -> dict[str, Any]:
    """The fields of ``UNSCREENED`` for a request that was read, and for its reply where one was heard.

    ``action`` is what the policy asks for; with ``shadow`` it was not done. The fields of ``rules`` are those of the
    decision that asked for more, the input's where both asked alike.
    """
    policy = screen.policy(screening.variant)
    before = screening.decision
    after = None if reply is None else reply.decision()
    asked = before if after is None or after.action <= before.action else after
    before_json = decision_json(policy, before)
    after_json = None if after is None else decision_json(policy, after)
    shown = before_json if asked is before else after_json
    return {
        "conversation": screening.conversation,
        "action": str(asked.action),
        "cause": _cause(asked, before, reply),
        "shadow": screening.shadow,
        "variant": screening.variant,
        "rules": [
            {name: rule[name] for name in ("rule", "risk", "status", "asked")} for rule in (shown or {})["rules"]
        ],
        "notice": notice,
        "input": before_json,
        "output": after_json,
        "policy_digest": asked.policy_digest,
        "weights_digest": asked.weights_digest,
    }


def _cause(asked: Decision, before: Decision, reply: ReplyScreen | None) -> str:
    if asked.action is Action.PERMIT:
        return ""
    return "input" if asked is before or reply is None else reply.cause or "output"
