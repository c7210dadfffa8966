"""What a conversation has shown so far: refusals that are rephrased, payloads split over turns, drift into a persona.

Most of it is read from the conversation itself, which chat dialects send whole with every request: that needs no
memory, works on any worker and replica, and costs only what is new, since verdicts on earlier turns are cached. Memory
adds three things the history does not show: that a turn was refused where the client leaves our answer out, what was
refused at this place before (an edited and repeated request), and what went before a ``previous_response_id``.

A conversation is named by a chain of digests over the key and its messages, so that nobody can enter another's, and a
client needs no id. What was refused is not judged again turn after turn: for some turns the conversation is refined,
and its replies are judged together with what was refused; a request that comes near it meets a lower threshold.
"""

import math
import re
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from solon.core.decision import Thresholds
from solon.core.exchange import Exchange, Message, Role
from solon.core.policy import Policy
from solon.core.verdict import Source, Verdict
from solon.engines.ensemble.stack import SLOPE, risk
from solon.gateway.verdicts import fingerprint
from solon.guard.segments import TEXT, Segment, joined
from solon.guard.stage1 import Scored

SOURCE = Source(name="session", digest="1")
HALVED_AFTER = 2.0
"""Turns after which a refusal weighs half as much."""
FORGOTTEN = 0.2
"""Weight below which it counts no more."""
NEAR, SAME = 0.35, 0.6
"""Cosine of summaries from which a request counts as near to what was refused, and as its rephrasing.

Of held-out benign texts one in two thousand comes near to a refused line of our grammars, of benign texts that resemble
some rule one in a hundred; two refused lines of one rule have a cosine of 0.51 in the median.
"""
LIFT = 1.5
"""How far a rephrasing moves up on the scale of benign tails, where 1 makes one in a hundred one in a thousand."""
DRIFT_FROM = -1.0
"""Place on that scale (one in ten benign texts) from which a turn's jailbreak form adds to the drift."""
DRIFT_KEPT = 0.7
DRIFT_LIFT = 0.5
JAILBREAK = "safeguards.jailbreak"

_FRAGMENT, _GLUED = 80, 40
"""Characters of a turn that may be a fragment of a longer text, and of one that may end within a word."""
_MOST_FRAGMENTS, _MOST_GLUED = 24, 6
_MOST_JOINED = 1_200
_PART = re.compile(
    r"""^\s*[\w ]{1,24}[=:]\s*["'“‘]?(?P<line>[^\n]{2,300}?)["'”’]?\s*[;,.]?\s*$|["“](?P<quote>[^"”\n]{2,300})["”]""",
    re.MULTILINE,
)
_MOST_MESSAGES = 16
_MOST_SIBLINGS = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How long a refusal counts, and what likeness to it may do. The defaults are the constants above."""

    halved_after: float = HALVED_AFTER
    forgotten: float = FORGOTTEN
    lift: float = LIFT
    blocks: bool = False
    """Whether a rephrasing may be blocked; else it is refined at most."""

    @property
    def live(self) -> int:
        """Turns, the newest among them, in which a refusal may still count: by default the five before it."""
        return 2 + math.floor(self.halved_after * math.log2(1 / self.forgotten))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was refused: its rules, its summary, and how many turns ago; zero for the same turn worded otherwise."""

    rules: tuple[str, ...]
    summary: Floats | None
    ago: int

    @property
    def weight(self) -> float:
        """1 at first, halved every few turns; by the default decay."""
        return self.weight_under(Persistence())

    def weight_under(self, memory: Persistence) -> float:
        """The same by a decay that somebody chose."""
        return 0.5 ** (max(0, self.ago - 1) / memory.halved_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A conversation up to its newest turn. ``refused`` are places of earlier turns in ``exchange.messages``."""

    exchange: Exchange
    users: tuple[int, ...]
    """Places of the user turns."""
    refused: Mapping[int, tuple[str, ...]]
    siblings: tuple[Refused, ...]
    here: bytes
    """Names the conversation with its newest turn."""
    before: bytes
    """Names it without."""
    memory: Persistence = Persistence()

    def ago(self, place: int) -> int:
        """How many user turns came since that one."""
        return len(self.users) - bisect_right(self.users, place)

    def live(self) -> list[int]:
        """Places of refused turns that still count, oldest first."""
        return [place for place in self.users[-self.memory.live :] if place in self.refused]

    def segments(self, segments: Sequence[Segment]) -> list[Segment]:
        """Those of the exchange's segments that are judged as they stand, and turns joined in further ways.

        Left out are earlier turns that were refused, and our answers to them.
        """
        messages = self.exchange.messages
        answers = {place + 1 for place in self.refused}
        spent = {f"messages[{place}]" for place in (*self.refused, *answers)} | {"messages[*]"}
        kept = [segment for segment in segments if segment.name not in spent]
        others = tuple(message for place, message in enumerate(messages) if place not in self.refused)
        together = joined(Exchange(messages=others))
        turns = [message.content for message in others if message.role is Role.USER]
        return [*kept, *([together] if together else []), *rejoined(turns)]

    def refused_segments(self) -> list[Segment]:
        """The refused turns that still count, to learn what they were about."""
        return [
            Segment(name=f"messages[{place}]", kind=TEXT, text=self.exchange.messages[place].content)
            for place in self.live()
        ]

    def asked(self) -> Exchange:
        """What a reply answers: the newest turn, after what was refused and may be meant by it."""
        live = self.live()
        if not live:
            return self.exchange
        last = self.users[-1] if self.users else 0
        messages = list(self.exchange.messages)
        texts = [messages[place].content for place in live if place != last]
        messages[last] = replace(messages[last], content="\n".join([*texts, messages[last].content]))
        return Exchange(messages=tuple(messages))


def rejoined(turns: Sequence[str]) -> Iterator[Segment]:
    """Texts that turns may hold in parts, beyond the last ones read as one.

    Short turns far back, turns that may break within words, and what several turns quote or assign to names, with and
    without blanks between. Bounded, so that a long conversation costs no more a turn than a short one.
    """
    short = [turn for turn in turns[-_MOST_FRAGMENTS:] if len(turn) <= _FRAGMENT]
    made: list[str] = []
    if len(short) > _MOST_GLUED:
        made.append(" ".join(short))
    glued = [turn for turn in turns[-_MOST_GLUED:] if len(turn) <= _GLUED]
    if len(glued) > 2:
        made.append("".join(turn.strip() for turn in glued))
    by_turn = [[match["line"] or match["quote"] for match in _PART.finditer(turn[:4_000])] for turn in turns[-24:]]
    if sum(bool(parts) for parts in by_turn) > 1:
        parts = [part for found in by_turn for part in found]
        made += [" ".join(parts), "".join(parts)]
    for text in dict.fromkeys(made):
        yield Segment(name="messages[*]", kind=TEXT, text=text[-_MOST_JOINED:])


@dataclass(slots=True, eq=False)
class _Memory:
    at: float
    refused: tuple[str, ...] = ()
    children: list[Refused] = field(default_factory=list[Refused])
    messages: tuple[Message, ...] = ()


class Sessions:
    """What a worker remembers of conversations: the least recently used and the oldest go first.

    Args:
        ttl_s: for how long after the last turn.
        capacity: entries: about one a turn that was refused, and one a reply of the Responses dialect.
        clock: seconds, monotonic.
    """

    def __init__(
        self, *, ttl_s: float = 3_600.0, capacity: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[bytes, _Memory] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, key_id: str, response_id: object, exchange: Exchange) -> Exchange:
        """The exchange after the turns that led to that response, where this key got it from here."""
        if not isinstance(response_id, str):
            return exchange
        memory = self._get(fingerprint("response", key_id, response_id))
        return Exchange(messages=(*memory.messages, *exchange.messages)) if memory else exchange

    def answered(self, key_id: str, response_id: str, exchange: Exchange) -> None:
        """A response went out to that key: what a later request may refer to by its id."""
        frame = (Role.SYSTEM, Role.DEVELOPER)
        said = tuple(message for message in exchange.messages if message.role not in frame)
        kept = said if len(said) <= _MOST_MESSAGES else (said[0], *said[1 - _MOST_MESSAGES :])
        self._put(fingerprint("response", key_id, response_id)).messages = kept

    def read(
        self,
        key_id: str,
        exchange: Exchange,
        notices: Mapping[str, tuple[str, ...]],
        memory: Persistence | None = None,
    ) -> Past:
        """The conversation so far.

        ``notices`` are the refusals that may stand in it, with the rules they speak for; ``memory`` how they decay.
        """
        here = before = fingerprint("start", key_id)
        users = tuple(place for place, message in enumerate(exchange.messages) if message.role is Role.USER)
        refused: dict[int, tuple[str, ...]] = {}
        messages = exchange.messages
        last = users[-1] if users else -1
        for place, message in enumerate(messages[: last + 1]):
            if place == last:
                before = here
            here = fingerprint(here.hex(), message.role.value, message.content)
            if message.role is Role.USER and place < last:
                answer = messages[place + 1]
                rules = _answered_by(answer, notices)
                # An answer that is not ours was made up, or came past us: then the turn counts in full.
                if answer.role is not Role.ASSISTANT and (known := self._get(here)) is not None:
                    rules = known.refused or None
                if rules is not None:
                    refused[place] = rules
        parent = self._get(before)
        # Conversations that only begin have no place in common: many people may share a key.
        siblings = tuple(parent.children) if parent and len(users) > 1 else ()
        return Past(
            exchange=exchange, users=users, refused=refused, siblings=siblings, here=here, before=before,
            memory=memory or Persistence(),
        )  # fmt: skip

    def refused(self, past: Past, rules: tuple[str, ...], summary: Floats | None) -> None:
        """The newest turn, or the reply to it, was refused under these rules."""
        self._put(past.here).refused = rules
        children = self._put(past.before).children
        if summary is None or any(float(one.summary @ summary) > 0.999 for one in children if one.summary is not None):
            return
        children.append(Refused(rules=rules, summary=summary, ago=0))
        del children[:-_MOST_SIBLINGS]

    def _get(self, name: bytes) -> _Memory | None:
        memory = self._entries.get(name)
        if memory is None:
            return None
        if self._clock() - memory.at > self._ttl_s:
            del self._entries[name]
            return None
        self._entries.move_to_end(name)
        return memory

    def _put(self, name: bytes) -> _Memory:
        memory = self._get(name)
        if memory is None:
            memory = self._entries[name] = _Memory(self._clock())
        memory.at = self._clock()
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return memory


def _answered_by(message: Message, notices: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The rules whose refusal an answer ends with; ``None`` where it is no refusal of ours."""
    if message.role is not Role.ASSISTANT:
        return None
    end = message.content.rstrip()[-400:]
    return next((rules for notice, rules in notices.items() if end.endswith(notice)), None)


def session_verdicts(
    policy: Policy, thresholds: Thresholds, past: Past, newest: Scored | None, earlier: Mapping[int, Scored]
) -> list[Verdict]:
    """What the past adds to the newest turn: further verdicts, which can only make the decision stricter.

    Args:
        policy: the law.
        thresholds: its limits.
        past: the conversation.
        newest: the newest user turn.
        earlier: earlier user turns by place, refused ones among them.
    """
    made: list[Verdict] = []
    refused = [
        Refused(
            rules=_broken(earlier.get(place), past.refused[place], thresholds),
            summary=earlier[place].summary if place in earlier else None,
            ago=past.ago(place),
        )
        for place in past.live()
    ]
    known = {rule.id for rule in policy.rules}
    held = (thresholds.refine + thresholds.block) / 2
    for one in refused:
        because = f"refused {one.ago} turn(s) ago"
        made += [Verdict(rule=rule, risk=held, rationale=because, source=SOURCE) for rule in one.rules if rule in known]
    if newest is not None:
        for one in (*refused, *past.siblings):
            found = _rephrased(one, newest, thresholds, past.memory)
            made += [verdict for verdict in found if verdict.rule in known]
        if JAILBREAK in known and (drifted := _drifted(past, newest, earlier)) is not None:
            made.append(drifted)
    return made


def _broken(scored: Scored | None, rules: tuple[str, ...], thresholds: Thresholds) -> tuple[str, ...]:
    """Which of the rules that a refusal speaks for it was about: several rules may share one wording."""
    if scored is None or not rules:
        return rules[:1]
    worst = max(rules, key=lambda rule: scored.risks.get(rule, 0.0))
    return tuple(rule for rule in rules if scored.risks.get(rule, 0.0) > thresholds.block) or (worst,)


def _rephrased(refused: Refused, newest: Scored, thresholds: Thresholds, memory: Persistence) -> list[Verdict]:
    """Likeness to what was refused has a request refined, and blocked only where the operator chose so.

    Harmless twins are alike too; what blocks is the request's own risk, lifted by the likeness.
    """
    if refused.summary is None or newest.summary is None:
        return []
    likeness = float(refused.summary @ newest.summary)
    if likeness <= NEAR:
        return []
    lift = memory.lift * min(1.0, (likeness - NEAR) / (SAME - NEAR)) * refused.weight_under(memory)
    most = 1.0 if memory.blocks else thresholds.block
    because = f"near to what was refused (likeness {likeness:.2f})"
    own = {rule: newest.risks.get(rule, 0.0) for rule in refused.rules}
    return [
        Verdict(rule=rule, risk=max(value, min(lifted(value, lift), most)), rationale=because, source=SOURCE)
        for rule, value in own.items()
    ]


def _drifted(past: Past, newest: Scored, earlier: Mapping[int, Scored]) -> Verdict | None:
    """Turns that lean towards a jailbreak without any of them being one."""
    drift = 0.0
    for place in past.users[:-1]:
        scored = earlier.get(place)
        if scored is not None and place not in past.refused:
            drift = DRIFT_KEPT * drift + max(0.0, tail(scored.families.get("jailbreak", 0.0)) - DRIFT_FROM)
        else:
            drift *= DRIFT_KEPT
    now = newest.risks.get(JAILBREAK, 0.0)
    if drift <= 0 or tail(now) <= DRIFT_FROM:
        return None
    lift = min(1.0, DRIFT_LIFT * drift)
    return Verdict(
        rule=JAILBREAK, risk=lifted(now, lift), rationale=f"the turns before lean there ({drift:.2f})", source=SOURCE
    )


def tail(value: float) -> float:
    """The place on the scale of benign tails that a risk stands for."""
    bounded = min(max(value, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded)) / SLOPE


def lifted(value: float, lift: float) -> float:
    """A risk moved up by so many units of that scale."""
    return float(risk(tail(value) + lift))
