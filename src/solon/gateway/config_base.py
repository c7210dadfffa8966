"""The ground that the models of a configuration stand on: strictness, places of files, addresses, keys."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Share = Annotated[float, Field(ge=0, le=1)]


def state_folder() -> Path:
    """Where a gateway keeps its state by default: ``$SOLON_STATE``, else ``$XDG_STATE_HOME/solon``."""
    if own := os.environ.get("SOLON_STATE"):
        return Path(own)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "solon"


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must start with http:// or https:// and name a host, like https://api.openai.com/v1")
    if parts.username or parts.password:
        raise ValueError("must not hold a password; give the key by api_key_env or api_key_file")
    return url.rstrip("/")


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path is meant from where the configuration file lies."""
    context = cast(dict[str, Path | None], info.context or {})
    base = context.get("base")
    return base / path if base is not None and not path.is_absolute() else path


def _pack_beside_the_file(pack: str, info: ValidationInfo) -> str:
    return str(_beside_the_file(Path(pack), info)) if "/" in pack or "." in pack else pack


HttpUrl = Annotated[str, AfterValidator(_http_url)]
BaseUrl = Annotated[str, AfterValidator(lambda url: _http_url(url).removesuffix("/v1"))]
FileName = Annotated[Path, AfterValidator(_beside_the_file)]
Pack = Annotated[str, AfterValidator(_pack_beside_the_file)]


def misplaced(problem: str, at: tuple[str | int, ...]) -> PydanticCustomError:
    """An error whose place is below the model that found it."""
    return PydanticCustomError("misplaced", "{problem}", {"problem": problem, "at": at})


def require_known(name: str, known: Iterable[str], what: str, at: tuple[str | int, ...]) -> None:
    """Refuse a reference to something that is not there, with the nearest name that is."""
    names = sorted(known)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}" if near else f"there are: {', '.join(names)}"
        raise misplaced(f"there is no {what} {name!r} ({hint})", at)


def _fields(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


class Settings(BaseModel):
    """Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: object) -> object:
        """YAML reads `no`, `off` and `yes` as booleans, which would pass for 0 and 1."""
        for name, given in _fields(value).items():
            field = cls.model_fields.get(name)
            if isinstance(given, bool) and field is not None and field.annotation is not bool:
                said = "true" if given else "false"
                raise misplaced(f"got {said} where a value is expected (`yes`, `no`, `on`, `off` mean that)", (name,))
        return value


class Keyed(Settings):
    """Something that needs a secret key, which stands in an environment variable or a file, never in the YAML."""

    api_key_env: str | None = None
    """Environment variable that holds the key."""
    api_key_file: FileName | None = None
    """File that holds the key, as secrets are mounted in containers. One of the two, or neither."""

    @model_validator(mode="after")
    def _read_key(self) -> Self:
        if self.api_key_env and self.api_key_file:
            raise ValueError("give api_key_env or api_key_file, not both")
        _ = self.api_key
        return self

    @cached_property
    def api_key(self) -> SecretStr | None:
        """The key, read once when the configuration is.

        Raises:
            PydanticCustomError: where the variable or file is missing or empty. The value is never part of the message.
        """
        if self.api_key_env:
            key = os.environ.get(self.api_key_env, "").strip()
            if not key:
                raise misplaced(f"environment variable {self.api_key_env} is not set", ("api_key_env",))
        elif self.api_key_file:
            try:
                key = self.api_key_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise misplaced(f"cannot be read: {error}", ("api_key_file",)) from None
        else:
            return None
        if not (key and key.isascii() and key.isprintable()):
            raise ValueError("the key must be printable ASCII and not empty")
        return SecretStr(key)
