"""Playbooks, and drills that practise them with the same records and clocks as a real incident."""

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from solon.core.errors import EvidenceError
from solon.evidence.entry import Form, Name, Text
from solon.evidence.incidents.records import Applicability, Closure, Drill, Fact, Incident
from solon.evidence.incidents.regimes import load_regimes
from solon.evidence.incidents.workflow import File, find
from solon.evidence.register import Register, told

FOLDER = Path(__file__).parent / "playbooks"


class PlaybookStep(Form):
    """One thing to do, and who does it."""

    id: Name
    do: Text
    who: Text


class Playbook(Form):
    """What to do when something happens; ``scenario`` is what a drill pretends, with the facts and regimes it sets."""

    id: Name
    title: Text
    when: Text
    scenario: Text
    facts: dict[Fact, bool] = Field(default_factory=dict[Fact, bool])
    regimes: tuple[str, ...] = ()
    steps: tuple[PlaybookStep, ...] = Field(min_length=1)
    digest: str = ""


@cache
def playbooks(folder: Path = FOLDER) -> dict[str, Playbook]:
    """Every playbook of a folder by its id, which is its file's name.

    Raises:
        EvidenceError: naming file, field, value and what was expected.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> Playbook:
    try:
        raw = path.read_bytes()
        fields: Any = yaml.safe_load(raw)
        if fields.pop("schema") != 1:
            raise EvidenceError("is not of schema 1", place=path.name, repair="This Solon reads schema 1.")
        book = Playbook.model_validate({**fields, "id": path.stem, "digest": hashlib.sha256(raw).hexdigest()})
    except ValidationError as error:
        raise EvidenceError(told(error), place=path.name, repair="Correct the playbook.") from None
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise EvidenceError(f"cannot be read: {error}", place=path.name, repair="Write schema, title, steps.") from None
    if unknown := sorted(set(book.regimes) - set(load_regimes())):
        raise EvidenceError(f"{', '.join(unknown)} is no regime", place=path.name, repair="Name regimes of the table.")
    return book


def start(register: Register, playbook: Playbook, *, actor: str, now: datetime) -> str:
    """Open the incident that a drill practises on; returns its id. Its clocks run as if every law were in force."""
    decided = {
        name: Applicability(applies=name in playbook.regimes, owner=actor, rationale="drill: as the playbook sets it")
        for name in load_regimes()
    }
    incident = Incident(
        actor=actor, title=f"Drill: {playbook.title}", what=playbook.scenario, drill=True, source="drill",
        times={"awareness": now, "discovery": now, "determination": now, "involvement": now}, facts=playbook.facts,
        regimes=decided, tags=(f"playbook:{playbook.id}",),
    )  # fmt: skip
    return register.put(incident)


def finish(
    register: Register,
    incident_id: str,
    *,
    actor: str,
    participants: tuple[str, ...],
    done: tuple[str, ...],
    lessons: str,
    now: datetime,
) -> str:
    """End a drill: record which steps were done and which clocks were kept, and close its incident.

    Raises:
        EvidenceError: where the incident is no open drill, or a step is none of the playbook's.
    """
    file = find(register, incident_id)
    if not file.entry.drill or file.closure is not None:
        raise EvidenceError("is no open drill", place=incident_id, repair="`solon incident drill start` opens one.")
    playbook = _playbook_of(file)
    steps = [step.id for step in playbook.steps]
    if unknown := [name for name in done if name not in steps]:
        raise EvidenceError(
            f"{', '.join(unknown)} is no step", place=playbook.id, repair=f"The steps are {', '.join(steps)}."
        )
    clocks = file.clocks(now)
    missed = sum(1 for clock in clocks if clock.state in ("late", "overdue"))
    try:
        drill = Drill(
            actor=actor, playbook=playbook.id, playbook_digest=playbook.digest, incident=incident_id,
            started_at=file.entry.times["awareness"], ended_at=now, participants=participants, done=done,
            left_out=tuple(step for step in steps if step not in done),
            clocks_met=sum(1 for clock in clocks if clock.state in ("met", "sent")), clocks_missed=missed,
            lessons=lessons,
        )  # fmt: skip
    except ValidationError as error:
        raise EvidenceError(told(error), place="drill", repair="Correct these fields.") from None
    record = register.put(drill)
    register.put(Closure(actor=actor, incident=incident_id, verified_by=actor, summary=f"Drill recorded as {record}."))
    return record


def _playbook_of(file: File) -> Playbook:
    name = next((tag.removeprefix("playbook:") for tag in file.entry.tags if tag.startswith("playbook:")), "")
    known = playbooks()
    if name not in known:
        raise EvidenceError(f"its playbook {name!r} is not there", place=file.id, repair=f"One of {', '.join(known)}.")
    return known[name]
