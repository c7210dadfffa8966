"""Write the reference of the gateway's configuration and metrics from the code: ``gateway_reference.py docs/…md``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from solon.gateway.config import SECRET_FIELDS
from solon.gateway.config_model import GatewayConfig
from solon.gateway.metrics import METRICS
from solon.gateway.reload import FIXED

HEAD = """# Gateway: configuration and metrics

Written by `make docs` from the code; do not edit. How to use it: [gateway.md](gateway.md).

The file is YAML. Every key may be left out; an empty file is a gateway on this machine. Unknown keys are refused, and
every mistake is told with file, line, field, value and repair. Relative paths are meant from the file's own folder.
"""


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A field's type, in words."""
    if "$ref" in schema:
        return kind(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(one, definitions) for one in schema["anyOf"]))
    if "allOf" in schema:
        return kind(schema["allOf"][0], definitions)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'], definitions)}"
    if schema.get("type") == "object":
        free = schema.get("additionalProperties")
        return f"names to {kind(free, definitions)}" if isinstance(free, dict) else "section"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "null": "null",
    }
    return words[schema["type"]]


def default(model: type[BaseModel], name: str) -> str:
    """What holds where nothing is written."""
    value = model.model_fields[name].get_default(call_default_factory=False)
    if name == "state":
        return "`$SOLON_STATE`, else `$XDG_STATE_HOME/solon`"
    if value is PydanticUndefined:
        return "required" if model.model_fields[name].is_required() else ""
    if value is None or value == () or isinstance(value, BaseModel):
        return ""
    plain = yaml.safe_dump(list(value) if isinstance(value, tuple) else value, default_flow_style=True)
    return f"`{plain.removesuffix('...').strip().removesuffix('...').strip()}`"


def table(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model as rows."""
    schema = model.model_json_schema()
    yield "| key | type | default | what |\n|---|---|---|---|\n"
    for name, info in model.model_fields.items():
        shown = kind(schema["properties"][name], schema.get("$defs", {}))
        inner = next(models_in(info.annotation), None)
        text = info.description or (inner.__doc__ if inner else "") or ""
        yield f"| `{name}` | {shown} | {default(model, name)} | {' '.join(text.split()).replace('|', '/')} |\n"


def sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """One heading for each model below ``model``, in order."""
    for name, info in model.model_fields.items():
        inner = next(models_in(info.annotation), None)
        if inner is None:
            continue
        many = ".NAME" if "dict[" in str(info.annotation) else "[]" if "tuple[" in str(info.annotation) else ""
        here = f"{path}{name}{many}"
        yield f"\n### `{here}`\n\n{' '.join((inner.__doc__ or '').split())}\n\n"
        yield from table(inner)
        yield from sections(inner, f"{here}.")


def reference() -> str:
    """The whole page."""
    parts = [HEAD, "\n## Configuration\n\n", *table(GatewayConfig), *sections(GatewayConfig, "")]
    parts.append(
        "\n### Secrets\n\nKeys stand in environment variables (`api_key_env`) or files (`api_key_file`). `${NAME}` is "
        f"read in these fields only: {', '.join(f'`{field}`' for field in SECRET_FIELDS)}.\n"
    )
    parts.append(
        f"\n### Reloads\n\nThese parts change only with a restart: {', '.join(f'`{name}`' for name in FIXED)}. All "
        "others are taken over by a reload.\n"
    )
    parts.append("\n## Metrics\n\n| name | kind | labels | what |\n|---|---|---|---|\n")
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        parts.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
