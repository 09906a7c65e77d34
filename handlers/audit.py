"""A record of what a host may be asked about: what was deleted, decided and refused. It has no words of people."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from handlers.model import Person, ThreadKey
from handlers.ports import Forgotten


class Act(StrEnum):
    DELETION = "deletion"
    ADMIN = "admin"
    """An act that not everybody may do: of an admin, a moderator or the host."""
    REFUSAL = "refusal"
    REPORT = "report"
    """Of a picture, to the moderators."""


class Audit(Protocol):
    """Writes the record."""

    async def note(self, act: Act, what: str, thread: ThreadKey | None, person: Person | None, times: int = 1) -> None:
        """Must not raise: what people do does not hang on its record.

        Args:
            what: Of a few words that stand in the code, never what somebody wrote.
            thread: Where; kept as far as its channel. None: on the host's machine.
            person: Who did it, or was refused. None: nobody in particular, or somebody who wants to be forgotten.
            times: How many (pictures, turns) it was about.
        """


class NoAudit:
    """Nothing is kept."""

    async def note(self, act: Act, what: str, thread: ThreadKey | None, person: Person | None, times: int = 1) -> None:
        """Nothing to write."""


async def note_gone(audit: Audit, why: str, thread: ThreadKey | None, gone: Forgotten) -> None:
    """Write down how much was deleted at once, by nobody in particular."""
    for what, count in (("turns", gone.turns), ("pictures", gone.pictures)):
        if count:
            await audit.note(Act.DELETION, f"{why}: {what}", thread, None, count)


async def note_others(audit: Audit, what: str, thread: ThreadKey, person: Person, owners: Sequence[Person]) -> None:
    """Write down what a moderator did with what is somebody else's; what is one's own is nobody's business."""
    others = sum(owner.id != person.id for owner in owners)
    if others:
        await audit.note(Act.ADMIN, what, thread, person, others)
