"""Whose a thread is: who wrote first in it. Moderators and admins may do with it what they may."""

from __future__ import annotations

from handlers.model import Person, Role, ThreadKey
from handlers.ports import Store


async def began_by(store: Store, thread: ThreadKey) -> Person | None:
    """None where that is not known any more: the first message is too old, or its maker wanted to be forgotten."""
    turns = await store.turns(thread)
    first = turns[0] if turns else None
    if first is None or first.index != 1 or first.role is not Role.USER or first.person is None:
        return None
    return first.person if first.person.id else None


def moderates(person: Person) -> bool:
    return person.moderator or person.admin


def governs(person: Person, began: Person | None) -> bool:
    """Whether somebody may decide about a thread that `began` has begun."""
    return moderates(person) or (began is not None and began.id == person.id)
