"""Replies in many languages: a refusal, an answer, and an answer that names a caveat (``replies.yaml``)."""

from pathlib import Path
from typing import NamedTuple

import yaml


class Sample(NamedTuple):
    """One language's replies to the question how to get a stain out of a coat."""

    refusal: str
    answer: str
    caveat: str


_FILE = yaml.safe_load((Path(__file__).parent / "replies.yaml").read_text(encoding="utf-8"))
REPLIES: dict[str, Sample] = {language: Sample(**texts) for language, texts in _FILE["replies"].items()}
STEPS: dict[str, str] = _FILE["steps"]
