"""Capabilities between two versions, watched item by item: whoever looks all the time is still wrong in few cases.

Each item is asked of both versions. Only items that one has and the other has not speak; under "no change" they fall
either way like a fair coin, and a mixture of bets against the coin has, ever, a chance of ``level`` at most to reach
1 / level (Ville 1939; Robbins 1970). No plan of how many items or looks is needed.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from solon.core.errors import InputError
from solon.core.stats import Interval
from solon.evaluate.metrics.distributions import log_beta
from solon.evaluate.metrics.sequential import anytime
from solon.evaluate.metrics.several import e_benjamini_hochberg


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known after ``seen`` items. ``gained`` of them only the newer version has, ``lost`` only the older.

    ``changed`` is ``up``, ``down`` or empty, and once said stays said. ``share`` is the anytime-valid interval of gains
    among changed items: above one half the newer is better. ``log_e`` is the evidence now.
    """

    seen: int
    gained: int
    lost: int
    log_e: float
    changed: str
    since: int
    share: Interval

    @property
    def difference(self) -> float:
        """Rate of the newer version minus the older one's so far."""
        return (self.gained - self.lost) / self.seen if self.seen else 0.0


@dataclass(slots=True)
class Track:
    """One capability. Feed results in the order they come; look whenever; stop when you like.

    The direction is that of the side on which the alarm fell. Items of one
    group (variants of one question) are not independent coins: feed one item a group.
    """

    level: float = 0.05
    seen: int = 0
    gained: int = 0
    lost: int = 0
    changed: str = ""
    since: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise InputError(f"level {self.level}", place="Track", repair="Give a share of false alarms, such as 0.05.")

    def update(self, before: bool, after: bool) -> str:
        """Take one item's result under the older and the newer version; returns ``changed``."""
        self.seen += 1
        self.gained += bool(after) and not before
        self.lost += bool(before) and not after
        if not self.changed and self.log_e >= -math.log(self.level):
            self.changed, self.since = ("up" if self.gained > self.lost else "down"), self.seen
        return self.changed

    @property
    def log_e(self) -> float:
        """Logarithm of the mixture likelihood ratio of all coins against the fair one."""
        flips = self.gained + self.lost
        return float(log_beta(self.gained + 1.0, self.lost + 1.0)) + flips * math.log(2)

    @property
    def standing(self) -> Standing:
        """What is known now."""
        return Standing(
            seen=self.seen, gained=self.gained, lost=self.lost, log_e=self.log_e, changed=self.changed,
            since=self.since, share=anytime(self.gained, self.gained + self.lost, confidence=1 - self.level),
        )  # fmt: skip


def track(results: Iterable[tuple[bool, bool]], *, level: float = 0.05) -> Standing:
    """Feed pairs (older right, newer right) until they end; an alarm on the way stays in ``changed`` and ``since``."""
    one = Track(level=level)
    for before, after in results:
        one.update(before, after)
    return one.standing


def changed_capabilities(tracks: Mapping[str, Track], *, level: float = 0.05) -> list[str]:
    """Which of many capabilities changed, the share of false ones among them held at ``level`` (e-BH), at this look."""
    names = list(tracks)
    fallen = e_benjamini_hochberg([math.exp(min(tracks[name].log_e, 700.0)) for name in names], level=level)
    return [name for name, changed in zip(names, fallen, strict=True) if changed]
