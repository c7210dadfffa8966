"""What a public suite is, as data: where its files lie at which revision, and what their columns mean."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from solon.core.errors import SuiteError

CATALOGUE = Path(__file__).parent / "catalogue"
Named = Literal["harmful", "benign"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SideColumn(_Frozen):
    """How a row says on which side it stands: a column with words for both, or flags of which any means harmful.

    A row with neither word, or with no value, has no label and is skipped.
    """

    column: str = ""
    harmful: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "SideColumn":
        if bool(self.column) == bool(self.any_of):
            raise ValueError("give either `column` with its words, or `any_of` with flags")
        return self


class Reading(_Frozen):
    """One way to read the rows of a file: which column is what. Every row that passes ``where`` gives a sample.

    ``context`` is text that stands before the request, ``tool`` the content of a tool's answer behind it, ``messages``
    a list of ``{role, content}`` of which the turns up to the first reply are asked. ``replace`` puts other words for
    a placeholder of the suite's own.
    """

    side: Named | SideColumn
    text: str = ""
    messages: str = ""
    context: str = ""
    tool: str = ""
    response: str = ""
    id: str = ""
    category: str = ""
    lang: str = ""
    lang_column: str = ""
    group: str = ""
    where: dict[str, tuple[str, ...]] = {}
    replace: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_text(self) -> "Reading":
        if bool(self.text) == bool(self.messages):
            raise ValueError("give either `text` or `messages`")
        return self


class File(_Frozen):
    """One file at one revision of one repository. Without ``sha256`` the first load pins it in the lock file."""

    host: Literal["hub", "github"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    path: str
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    rows: str = ""
    readings: tuple[Reading, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """The last part of the path: what the file is called in a local folder."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def key(self) -> str:
        """What the lock file calls it: host, repository, revision and path."""
        return f"{self.host}:{self.repo}@{self.revision}/{self.path}"


class Declaration(_Frozen):
    """A public suite. ``most`` keeps that many samples, chosen by hash, where the whole would be too many."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    paper: str = ""
    licence: str
    access: Literal["open", "gated"] = "open"
    use: Literal["measuring only"]
    note: str = ""
    most: int = Field(default=0, ge=0)
    files: tuple[File, ...] = Field(min_length=1)

    @property
    def revision(self) -> str:
        """The revisions of its repositories, twelve digits each."""
        return " ".join(dict.fromkeys(file.revision[:12] for file in self.files))


def read_declaration(path: Path) -> Declaration:
    """Read one declaration.

    Raises:
        SuiteError: naming file and field.
    """
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SuiteError(str(error), place=str(path), repair="Mend the file.") from None
    try:
        return Declaration.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise SuiteError(
            f"{field}: {first['msg']}", place=str(path), repair="Compare with a declaration of the catalogue."
        ) from None


@cache
def catalogue() -> dict[str, Declaration]:
    """The public suites that Solon knows, by name."""
    found = (read_declaration(path) for path in sorted(CATALOGUE.glob("*.yaml")))
    return {declaration.name: declaration for declaration in found}
