"""Read a gateway's configuration: YAML in, frozen models out, every mistake told with its file and line."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from solon.core.errors import ConfigError, PolicyError
from solon.gateway.config_model import (
    AdminSettings,
    Breaker,
    Canary,
    Checks,
    EffortSettings,
    Fallback,
    GatewayConfig,
    HttpLimits,
    ImageSettings,
    JudgeSettings,
    LedgerSettings,
    Limits,
    LimitSettings,
    Listen,
    LogSettings,
    MetricsSettings,
    PolicySettings,
    Retries,
    Route,
    SessionSettings,
    Timeouts,
    TracingSettings,
    Upstream,
)
from solon.policies.places import Entry, Place, read_text, read_yaml

__all__ = [
    "AdminSettings",
    "Breaker",
    "Canary",
    "Checks",
    "EffortSettings",
    "Fallback",
    "GatewayConfig",
    "HttpLimits",
    "ImageSettings",
    "JudgeSettings",
    "LedgerSettings",
    "LimitSettings",
    "Limits",
    "Listen",
    "LogSettings",
    "MetricsSettings",
    "PolicySettings",
    "Retries",
    "Route",
    "SessionSettings",
    "Timeouts",
    "TracingSettings",
    "Upstream",
    "load_config",
    "parse_config",
]

Loc = tuple[str | int, ...]

SECRET_FIELDS = ("upstreams.*.headers.*", "tracing.headers.*", "ledger.dsn")
"""The only fields in which ``${NAME}`` stands for an environment variable; ``*`` is any name."""

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN = 80
_EXPECTED = {
    "tuple_type": "must be a list",
    "dict_type": "must be `key: value` lines",
    "model_type": "must be `key: value` lines",
    "missing": "is missing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong: where (``file:line``), in which field, what, and what to do about it."""

    place: str
    field: str
    problem: str
    repair: str

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: {self.problem}. {self.repair}"


def load_config(path: str | Path | None = None) -> GatewayConfig:
    """The configuration in a file; without one, the defaults. Paths in it are meant from the file's own folder.

    Raises:
        ConfigError: with every mistake on a line of its own: file, line, field, value, expectation and repair.
    """
    if path is None:
        return parse_config("", "defaults")
    path = Path(path)
    try:
        text = read_text(path, str(path))
    except PolicyError as error:
        raise ConfigError(error.problem, place=error.place, repair=error.repair) from None
    return parse_config(text, str(path), base=path.absolute().parent)


def parse_config(text: str, shown: str, *, base: Path | None = None) -> GatewayConfig:
    """The configuration in a text; ``shown`` stands for its file in errors.

    Raises:
        ConfigError: as :func:`load_config`.
    """
    start = Place(file=shown, line=1)
    root = Entry(value={}, place=start)
    if any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        try:
            root = read_yaml(text, start)
        except PolicyError as error:
            raise ConfigError(error.problem, place=error.place, repair=error.repair) from None
    if not isinstance(root.value, dict):
        raise ConfigError(
            f"a configuration is `key: value` lines, got {_show(_plain(root))}", place=str(root.place), repair=_TOP
        )
    mistakes: list[Mistake] = []
    values = _expanded(root, (), mistakes)
    try:
        config = GatewayConfig.model_validate(values, context={"base": base})
    except ValidationError as error:
        mistakes += [_mistake(root, cast(dict[str, Any], found)) for found in error.errors()]
        config = None
    if mistakes or config is None:
        raise _told(mistakes)
    return config


def _told(mistakes: list[Mistake]) -> ConfigError:
    if len(mistakes) == 1:
        only = mistakes[0]
        return ConfigError(f"{only.field}: {only.problem}", place=only.place, repair=only.repair)
    lines = "\n".join(f"  {mistake}" for mistake in mistakes)
    return ConfigError(f"{len(mistakes)} mistakes\n{lines}", place=mistakes[0].place.rsplit(":", 1)[0])


_TOP = f"Its keys are: {', '.join(GatewayConfig.model_fields)}."


def _plain(entry: Entry) -> object:
    if isinstance(entry.value, dict):
        fields = cast(dict[str, Entry], entry.value)
        return {key: _plain(value) for key, value in fields.items()}
    if isinstance(entry.value, list):
        return [_plain(item) for item in cast(list[Entry], entry.value)]
    return entry.value


def _expanded(entry: Entry, loc: Loc, mistakes: list[Mistake]) -> object:
    """The plain values, with environment references replaced where they are allowed and refused where not.

    A section without content (``listen:`` over lines that are commented out) is left to its defaults.
    """
    if isinstance(entry.value, dict):
        fields = cast(dict[str, Entry], entry.value)
        given = {key: value for key, value in fields.items() if value.value is not None or not _section((*loc, key))}
        return {key: _expanded(value, (*loc, key), mistakes) for key, value in given.items()}
    if isinstance(entry.value, list):
        items = cast(list[Entry], entry.value)
        return [_expanded(item, (*loc, number), mistakes) for number, item in enumerate(items)]
    if not isinstance(entry.value, str) or "${" not in entry.value:
        return entry.value
    value = entry.value

    def refuse(problem: str, repair: str) -> None:
        mistakes.append(Mistake(place=str(entry.place), field=_field(loc), problem=problem, repair=repair))

    if not _is_secret(loc):
        refuse(
            f"{_show(value)} refers to the environment, which only secrets may",
            f"Write the value itself; `${{NAME}}` is read in {', '.join(SECRET_FIELDS)}",
        )
        return value
    for name in _REFERENCE.findall(value):
        if not _VARIABLE.fullmatch(name):
            refuse(f"`${{{name}}}` is not the name of a variable", "Write `${NAME}`")
        elif name not in os.environ:
            refuse(f"environment variable {name} is not set", f"Set {name} before the gateway starts")
    return _REFERENCE.sub(lambda found: os.environ.get(found[1], ""), value)


def _is_secret(loc: Loc) -> bool:
    for pattern in SECRET_FIELDS:
        parts = pattern.split(".")
        if len(parts) == len(loc) and all(p in ("*", str(at)) for p, at in zip(parts, loc, strict=True)):
            return True
    return False


def _mistake(root: Entry, found: dict[str, Any]) -> Mistake:
    """What pydantic found, told in the file's terms."""
    context: dict[str, Any] = found.get("ctx") or {}
    loc: Loc = tuple(part for part in (*found["loc"], *context.get("at", ())) if part != "[key]")
    place = _place(root, loc)
    shown = "" if _is_secret(loc) or found["type"] in ("misplaced", "missing") else f", got {_show(found['input'])}"
    if found["type"] == "extra_forbidden":
        return _unknown_key(loc, place)
    if found["type"] == "value_error":
        problem = str(context["error"])
        shown = shown if isinstance(found["input"], str | int | float) else ""
        problem += shown
    else:
        problem = _EXPECTED.get(found["type"]) or re.sub("^(Input|String) should", "must", found["msg"])
        problem += shown
    return Mistake(place=str(place), field=_field(loc), problem=problem, repair=_repair(loc))


def _unknown_key(loc: Loc, place: Place) -> Mistake:
    model = _model_at(loc[:-1])
    known = list(model.model_fields) if model else []
    near = get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
    repair = f"Did you mean `{near[0]}`?" if near else f"Known keys here: {', '.join(known)}."
    return Mistake(place=str(place), field=_field(loc), problem="unknown key", repair=repair)


def _repair(loc: Loc) -> str:
    """What the field is for, and its default."""
    for end in range(len(loc), 0, -1):
        parent = _model_at(loc[: end - 1])
        info = parent.model_fields.get(str(loc[end - 1])) if parent else None
        described = (info.description or getattr(_model_at(loc[:end]), "__doc__", None)) if info else None
        if info is not None and described:
            text = " ".join(described.split())
            default = info.get_default(call_default_factory=False)
            plain = isinstance(default, str | int | float) and not isinstance(default, SecretStr)
            return f"{text} Default: {default}." if plain else text
    return _TOP


def _section(loc: Loc) -> bool:
    """Whether the field holds more than one value by default."""
    parent = _model_at(loc[:-1])
    info = parent.model_fields.get(str(loc[-1])) if parent else None
    if info is None or info.is_required():
        return False
    return isinstance(info.get_default(call_default_factory=True), BaseModel | dict | tuple)


def _model_at(loc: Loc) -> type[BaseModel] | None:
    """The model that a place of the configuration is read into."""
    models: list[type[BaseModel]] = [GatewayConfig]
    for part in loc:
        if not models:
            return None
        info = models[0].model_fields.get(str(part))
        if info is None:
            continue  # a free name or a number: the model below was found at the field already
        models = list(_models_in(info.annotation))
    return models[0] if models else None


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _place(root: Entry, loc: Loc) -> Place:
    """The deepest place that the file has on the way to ``loc``."""
    entry = root
    for part in loc:
        if isinstance(entry.value, dict) and part in (fields := cast(dict[str, Entry], entry.value)):
            entry = fields[str(part)]
        elif isinstance(entry.value, list) and isinstance(part, int) and part < len(cast(list[Entry], entry.value)):
            entry = cast(list[Entry], entry.value)[part]
        else:
            break
    return entry.place


def _field(loc: Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
