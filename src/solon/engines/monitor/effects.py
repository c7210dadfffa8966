"""What a tool call does to the world, read from the tool's name and its arguments; and what in it names a target.

Word lists only, so unknown tools are said to be unknown. An operator names the effects of tools of their own.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from solon.engines.monitor.calls import Act, strings


class Effect(StrEnum):
    """Least grave first. Those from ``SEND`` on reach others or cannot be undone."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    SPEND = "spend"
    EXECUTE = "execute"
    DELETE = "delete"
    GRANT = "grant"
    UNSEE = "unsee"
    """Switches off or empties what watches: logs, alerts, approvals, backups."""
    UNKNOWN = "unknown"


def named(words: str) -> frozenset[str]:
    """Words of a line as a set."""
    return frozenset(words.split())


_VERBS: Mapping[Effect, frozenset[str]] = {
    Effect.SPEND: named("pay purchase buy transfer wire withdraw refund order checkout donate invest sell payment"),
    Effect.GRANT: named("grant share invite authorize authorise permission permissions role chmod sudo"),
    Effect.DELETE: named("delete remove drop destroy wipe purge erase truncate cancel revoke terminate rm"),
    Effect.EXECUTE: named("execute exec run shell bash eval deploy script terminal command sql"),
    Effect.SEND: named("send post email mail publish submit forward reply message upload tweet notify call"),
    Effect.WRITE: named("write create update edit set add insert save append move rename book schedule"),
    Effect.READ: named("get read list search find fetch lookup query view show check browse open describe"),
}
_WATCHES = re.compile(
    r"\b(?:audit|logs?|logging|alerts?|monitors?|monitoring|oversight|approvals?|backups?|history|guardrails?|"
    r"safeguards?|watchdog|safety)\b",
    re.IGNORECASE,
)
_STOPS = re.compile(
    r"\b(?:disable|off|stop|mute|bypass|skip|none|silence|suppress|turn(?:ed)?[ _]off|clear|pause|remove|delete|"
    r"drop|wipe|purge|erase|truncate|kill|false)\b",
    re.IGNORECASE,
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+", re.IGNORECASE)
_ACCOUNT = re.compile(r"\b(?:[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}|\d{8,19}|0x[0-9a-fA-F]{16,64})\b")
_SECRET = re.compile(
    r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|xox[bap]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:password|passwd|secret|api[_ ]?key|token)\s*[:=]\s*\S{6,}",
    re.IGNORECASE,
)


def effect_of(act: Act, own: Mapping[str, Effect] | None = None) -> Effect:
    """The gravest effect that the tool's name speaks of; ``own`` names tools of the operator's."""
    if own and act.tool in own:
        return own[act.tool]
    words = [part.lower() for part in _PART.findall(act.tool)]
    said = " ".join([act.tool.replace("_", " "), *(f"{key} {value}" for key, value in act.arguments.items())])[:4_000]
    loose = said.replace("_", " ")
    only_reads = set(words) & _VERBS[Effect.READ] and not set(words) & _VERBS[Effect.DELETE]
    if _WATCHES.search(loose) and _STOPS.search(loose) and not only_reads:
        return Effect.UNSEE
    for effect in (Effect.SPEND, Effect.GRANT, Effect.DELETE, Effect.EXECUTE, Effect.SEND, Effect.WRITE, Effect.READ):
        if set(words) & _VERBS[effect]:
            return effect
    return Effect.UNKNOWN


def targets(act: Act) -> set[str]:
    """Addresses, hosts and accounts that its arguments name, in lower case."""
    found: set[str] = set()
    for text in strings(act.arguments):
        found |= targets_in(text)
    return found


def targets_in(text: str) -> set[str]:
    """Addresses, hosts and accounts in a text."""
    found = {match[0].lower() for match in _ADDRESS.finditer(text)}
    found |= {_host(match[0]) for match in _URL.finditer(text)}
    return found | {match[0].replace(" ", "").lower() for match in _ACCOUNT.finditer(text)}


def secrets_in(texts: Iterator[str]) -> str:
    """The first thing in them that looks like a credential, shortened; empty where there is none."""
    for text in texts:
        if match := _SECRET.search(text):
            return match[0][:12] + "…"
    return ""


def amounts(act: Act) -> list[float]:
    """Numbers of arguments whose names speak of money."""
    found: list[float] = []
    for name, value in act.arguments.items():
        if re.search(r"amount|price|total|sum|value|usd|eur|cost", name, re.IGNORECASE):
            try:
                found.append(float(str(value).replace(",", "").strip("$€£ ")))
            except ValueError:
                continue
    return found


def _host(url: str) -> str:
    return (
        re.sub(r"^https?://(?:[^@/]*@)?", "", url, flags=re.IGNORECASE).split("/")[0].split(":")[0].lower().rstrip(".")
    )
