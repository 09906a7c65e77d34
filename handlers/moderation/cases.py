"""What people report and moderators decide, as frozen values. A case is one picture that was reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from handlers.model import Person, PictureState, ThreadKey


class Reason(StrEnum):
    """Why somebody reports a picture: the categories of moderation, or something else."""

    SEXUAL = "sexual"
    VIOLENCE = "violence"
    HATE = "hate"
    SELF_HARM = "self-harm"
    REAL_PEOPLE = "real-people"
    MINORS = "minors"
    OTHER = "other"


class Ruling(StrEnum):
    """What a moderator decided on a case."""

    HIDE = "hide"
    SHOW = "show"
    """It stays, or is shown again: no further report hides it."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Case:
    """`id` is unique in a home; `reports` counts people."""

    id: int
    thread: ThreadKey
    number: int
    state: PictureState
    """Of the picture; DELETED also where nothing is known of it any more."""
    reports: int
    reasons: tuple[Reason, ...]
    opened: datetime
    ruling: Ruling | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report has led to."""

    case: Case
    counted: bool
    """False: the person had reported the picture before."""
    opened: bool
    """It is the first report of the picture."""
    hidden: bool
    """This report has hidden it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Somebody for whom nothing is drawn or answered in a server or workspace. `person` is the platform's id; it and
    the name are empty once they have had their data deleted: the block holds on, by a pseudonym."""

    person: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a server's log of moderation; `person` is empty where it is nobody's business."""

    at: datetime
    what: str
    person: str
    times: int


def pseudonym(thread: ThreadKey, person: Person) -> str:
    """Names a person within a server or workspace without saying who it is: what outlives `/forget` holds no more."""
    return sha256(f"{thread.tenant_scope}/{person.id}".encode("utf-8", "replace")).hexdigest()[:32]
