"""Findings that are one trick: the same way of bearing the goal, and the same words around it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from solon.core.exchange import Role
from solon.core.record import digest
from solon.redteam.bearing import Reader
from solon.redteam.findings import Finding
from solon.redteam.likeness import Shingles, likeness, shingles

ALIKE = 0.5
"""Likeness of two wrappers from which on they are one."""
REPEATED = 0.8
"""Likeness of two whole prompts to one goal from which on the later is a repetition."""
FEW = 3
"""Word pairs below which a wrapper is no wrapper: the technique alone tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What two findings are compared by."""

    technique: str
    wrapper: Shingles
    whole: Shingles


def trace(finding: Finding, reader: Reader) -> Trace:
    """The technique (encodings in their order, turns, tool results, prefill), the words around the goal, and all."""
    prompt = finding.shortest
    reading = reader.read(prompt, finding.goal)
    roles = [turn.role for turn in prompt.exchange.messages if turn.role not in (Role.SYSTEM, Role.DEVELOPER)]
    shape = [
        "turns" if roles.count(Role.USER) > 1 else "",
        "document" if Role.TOOL in roles else "",
        "prefill" if roles and roles[-1] is Role.ASSISTANT else "",
        "images" if prompt.images else "",
    ]
    # A goal said in other words leaves nothing to compare but the name of the attack that said so.
    said = reading.view.path if reading.bears else (finding.attack,)
    technique = "+".join(part for part in (*said, *shape) if part)
    return Trace(technique=technique, wrapper=reading.wrapper(finding.goal), whole=shingles(reading.view.text))


def cluster(findings: Sequence[Finding], reader: Reader | None = None) -> list[Finding]:
    """The findings in their order, with ``cluster`` and ``same_as`` set. Single linkage within a technique."""
    reader = reader or Reader()
    traces = [trace(one, reader) for one in findings]
    parent = list(range(len(findings)))
    same = [""] * len(findings)
    for own in _groups(traces):
        for place, later in enumerate(own):
            for earlier in own[:place]:
                if same[later] == "" and _repeats(findings, traces, earlier, later):
                    same[later] = same[earlier] or findings[earlier].key
                if _root(parent, earlier) != _root(parent, later) and one_wrapper(traces[earlier], traces[later]):
                    parent[_root(parent, later)] = _root(parent, earlier)
    names = {at: _name(traces[at], findings[at].key) for at in range(len(findings)) if _root(parent, at) == at}
    return [replace(one, cluster=names[_root(parent, at)], same_as=same[at]) for at, one in enumerate(findings)]


def _groups(traces: Sequence[Trace]) -> list[list[int]]:
    """Places by technique: only those are compared with each other."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(traces):
        groups[one.technique].append(at)
    return list(groups.values())


def _repeats(findings: Sequence[Finding], traces: Sequence[Trace], earlier: int, later: int) -> bool:
    one, other = findings[earlier], findings[later]
    return one.goal.id == other.goal.id and likeness(traces[earlier].whole, traces[later].whole) >= REPEATED


def one_wrapper(one: Trace, other: Trace) -> bool:
    """Whether two findings of one technique put the same words around their goals."""
    if len(one.wrapper) < FEW and len(other.wrapper) < FEW:
        return True
    return likeness(one.wrapper, other.wrapper) >= ALIKE


def _root(parent: list[int], at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


def _name(one: Trace, key: str) -> str:
    """The technique and six digits of the cluster's first finding."""
    return f"{one.technique or 'plain'}-{digest(key)[:6]}"
