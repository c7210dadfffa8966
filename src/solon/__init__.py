"""Solon: one written policy, and the classifiers, guard and evidence that follow from it.

Names are loaded on first use, so that ``import solon`` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solon.core.action import Action
    from solon.core.decision import Decision
    from solon.core.errors import SolonError
    from solon.core.exchange import Exchange, Message, Role
    from solon.core.policy import Policy, Rule
    from solon.core.verdict import Span, Status, Verdict
    from solon.guard.guard import Guard
    from solon.policies.loader import load_policy

__version__ = "0.1.0"

_HOME = {
    "Action": "solon.core.action",
    "Decision": "solon.core.decision",
    "Exchange": "solon.core.exchange",
    "Guard": "solon.guard.guard",
    "Message": "solon.core.exchange",
    "Policy": "solon.core.policy",
    "Role": "solon.core.exchange",
    "Rule": "solon.core.policy",
    "SolonError": "solon.core.errors",
    "Span": "solon.core.verdict",
    "Status": "solon.core.verdict",
    "Verdict": "solon.core.verdict",
    "load_policy": "solon.policies.loader",
}

__all__ = [
    "Action",
    "Decision",
    "Exchange",
    "Guard",
    "Message",
    "Policy",
    "Role",
    "Rule",
    "SolonError",
    "Span",
    "Status",
    "Verdict",
    "load_policy",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'solon' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
