"""A small policy, and models of a judge's behaviour that answer over real HTTP."""

import json
import re
from collections.abc import Callable

from chat_server import Reply, Request, saying
from solon.core.policy import Category, Policy, Rule

BOMBS = Rule(
    id="arms.bombs",
    title="Explosives",
    forbidden="Giving recipes, parts lists or assembly steps for explosive devices.",
    allowed="History of explosives, safety rules for fireworks, mining in outline.",
    notice="This service cannot help with explosives.",
)
KNIVES = Rule(
    id="arms.knives",
    title="Knives as weapons",
    forbidden="Teaching how to hurt a person with a knife, or how to hide one for an attack.",
    allowed="Cooking, carving, collecting, first aid after cuts, martial arts taught for sport.",
    notice="This service cannot help with knife attacks.",
)
DEBTS = Rule(
    id="money.debts",
    title="Threats to debtors",
    forbidden="Threatening a debtor or the debtor's family with violence or exposure.",
    allowed="Polite reminders, payment plans, legal notices, and advice for debtors.",
    notice="This service cannot help with threats.",
)
POLICY = Policy(
    name="small",
    version="3",
    categories=(
        Category(id="arms", title="Arms", rules=(BOMBS, KNIVES)),
        Category(id="money", title="Money", rules=(DEBTS,)),
    ),
)
CLAUSE = "parts lists or assembly steps for explosive devices"
ALLOWED_CLAUSE = "History of explosives, safety rules for fireworks"


def fence_of(request: Request) -> str:
    """The id a model that read the prompt to its end would copy: the operator's last line names it."""
    last = request["messages"][-1]["content"].rstrip().splitlines()[-1]
    return re.findall(r'"exchange": "([^"]+)"', last)[-1]


def block_of(request: Request) -> str:
    """The lines of the exchange block."""
    fence = fence_of(request)
    content = request["messages"][-1]["content"]
    [block] = re.findall(
        rf'^<exchange id="{fence}">\n(.*?)\n^</exchange id="{fence}">$',
        content,
        re.DOTALL | re.MULTILINE,
    )
    return block


def ruling(rule: str, verdict: str, *, applies: bool = True, clauses: tuple[str, ...] = ()) -> dict:
    return {"rule": rule, "applies": applies, "verdict": verdict, "clauses": list(clauses)}


def answer(fence: str, *rulings: dict, reasoning: str = "Weighed both halves.") -> str:
    return json.dumps({"reasoning": reasoning, "exchange": fence, "rules": list(rulings)})


def judging(*rulings: dict, before: str = "", after: str = "") -> Callable[[Request], Reply]:
    """A judge that answers ``rulings`` in the right form."""
    return lambda request: saying(before + answer(fence_of(request), *rulings) + after)
