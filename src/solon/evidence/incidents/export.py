"""Drafts of an incident for others, as JSON: OECD reporting framework, AI Incident Database, AVID.

They are drafts. What a person has to write stands in ``to_write``, what looks like personal data or a secret in
``redact`` with the field it is in; nothing is left out or blackened in silence, and nobody should submit a draft while
either list has entries. Exchanges are named by id; no words of theirs are in a draft.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from solon.core.errors import EvidenceError
from solon.evidence.incidents.workflow import File

_SUSPECT = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    "an IP address": re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
    "a telephone number": re.compile(r"(?<![\w-])\+?\d[\d ()/-]{7,}\d(?![\w-])"),
    "a key": re.compile(r"\b(?:sk|pk|ghp|xox[bp]|AKIA)[-_A-Za-z0-9]{12,}"),
    "an IBAN": re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b"),
}
_IDS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,64}|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:[+-][\d:]+|Z)?)?"
)


def draft(file: File, form: str) -> dict[str, Any]:
    """An incident in one of the forms ``FORMS``, with ``to_write`` and ``redact``.

    Raises:
        EvidenceError: for an unknown form, or a drill.
    """
    if form not in FORMS:
        raise EvidenceError(f"{form!r} is no form", place="export", repair=f"One of {', '.join(FORMS)}.")
    if file.entry.drill:
        raise EvidenceError("is a drill", place=file.id, repair="Drills are not reported.")
    body = FORMS[form](file)
    return {
        "form": form, "status": "draft", "record": file.now.id, "record_digest": file.now.digest, form: body,
        "to_write": sorted(_empty(body)), "redact": [dict(zip(("field", "looks_like"), one, strict=True))
                                                     for one in _suspects(body)],
    }  # fmt: skip


def _oecd(file: File) -> dict[str, Any]:
    """Eight dimensions; the names of fields are ours, since the framework's own wording was not read."""
    entry = file.entry
    return {
        "incident_metadata": {
            "title": entry.title, "description": entry.what, "submitter": None, "supporting_material": None,
            "date_of_first_known_occurrence": _when(entry.times.get("occurred")),
            "date_of_awareness": _when(entry.times.get("awareness")), "country": None,
        },
        "harm_details": {
            "severity": entry.severity, "harm": list(entry.harm) or None, "near_miss": entry.near_miss,
            "caught_by": entry.caught_by or ("" if not entry.near_miss else None), "quantification": None,
        },
        "people_and_planet": {"affected_stakeholders": None, "rights_concerned": None, "environment": None},
        "economic_context": {"industry": None, "business_function": None, "deployment": list(entry.systems) or None},
        "data_and_input": {"relation_to_data": "data" in entry.causes, "description": None},
        "ai_model": {"relation_to_model": "model_limits" in entry.causes or "drift" in entry.causes, "model": None},
        "task_and_output": {"task": None, "out_of_purpose": "out_of_purpose" in entry.causes, "autonomy": None},
        "other_information": {
            "causes": list(entry.causes) or None, "root_cause": entry.root_cause or None,
            "corrective_actions": [held.entry.what for held in file.actions] or None,
            "corrective_actions_shown_to_work": file.put_right,
        },
    }  # fmt: skip


def _aiid(file: File) -> dict[str, Any]:
    entry = file.entry
    return {
        "title": entry.title, "description": entry.what, "incident_date": _day(entry.times.get("occurred")),
        "alleged_deployer_of_ai_system": None, "alleged_developer_of_ai_system": None,
        "alleged_harmed_or_nearly_harmed_parties": None, "implicated_systems": list(entry.systems) or None,
        "editor_notes": "A near miss, caught before harm was done." if entry.near_miss else "", "reports": None,
    }  # fmt: skip


def _avid(file: File) -> dict[str, Any]:
    entry = file.entry
    systems = [{"type": "System", "name": name} for name in entry.systems]
    return {
        "data_type": "AVID", "data_version": None, "metadata": None,
        "affects": {"developer": None, "deployer": None, "artifacts": systems or None},
        "problemtype": {"classof": "LLM Evaluation", "type": "Issue",
                        "description": {"lang": "eng", "value": entry.title}},
        "references": None, "description": {"lang": "eng", "value": entry.what},
        "impact": {"avid": {"risk_domain": None, "sep_view": None, "lifecycle_view": None, "taxonomy_version": None},
                   "atlas": [tag for tag in entry.tags if tag.startswith("AML.")],
                   "owasp": [tag for tag in entry.tags if tag.startswith("owasp-")]},
        "credit": None, "reported_date": _day(entry.times.get("awareness")),
    }  # fmt: skip


FORMS: dict[str, Callable[[File], dict[str, Any]]] = {"oecd": _oecd, "aiid": _aiid, "avid": _avid}
"""The forms of drafts by name."""


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.date().isoformat()


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in cast(Mapping[str, Any], value).items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(cast(list[Any], value)):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def _empty(body: Mapping[str, Any]) -> list[str]:
    return [path for path, value in _leaves(body) if value is None]


def _suspects(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Fields with what they seem to hold; ids, digests and dates are none of it."""
    return [
        (path, what)
        for path, value in _leaves(body)
        if isinstance(value, str)
        for what, pattern in _SUSPECT.items()
        if pattern.search(_IDS.sub("", value))
    ]
