"""A gateway whose upstream answers by a script, for clients that know nothing of either but a base URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateways import UNSCREENED, Gateway, gateway

from solon.gateway.embedded import Line

CITY = '{"city": "Oslo"}'
SCRIPT = (
    Line(when="weather", tool=("weather", CITY)),
    Line(when="as json", say=CITY),
    Line(when="think", reasoning="First I think.", say="Then I speak."),
    Line(when="long", say=" ".join(f"word{number}" for number in range(200))),
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_PASSES_PICTURES = "images: {ocr: false}\n"


@contextmanager
def scripted(state: Path) -> Iterator[Gateway]:
    """The gateway."""
    with gateway(state, UNSCREENED + _PASSES_PICTURES, script=SCRIPT) as running:
        yield running
