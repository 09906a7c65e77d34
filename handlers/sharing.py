"""`/share`: links by which whoever has one looks at a thread, and at nothing else, until it ends or is ended.

Of a link only a hash is stored: who reads the database cannot look with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from handlers.audit import Act
from handlers.errors import NotAllowed, UserError
from handlers.model import Answer, CommandCall, Option, OptionKind, ShareLink
from handlers.services import Services
from handlers.whose import began_by, governs

LONGEST_DAYS = 365
MOST = 20
"""Links to one thread at a time."""
OPTIONS = (
    Option("days", "Make a link that is good for so many days", OptionKind.NUMBER, minimum=1, maximum=LONGEST_DAYS),
    Option("revoke", "The number of a link that shall end now", OptionKind.NUMBER, minimum=1),
)


def nowhere(chat: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class SharePolicy:
    """What the host allows."""

    days: int = 0
    """How long a link may be good; 0: there are none."""
    address: Callable[[str], str] = nowhere
    """Where people of a chat open the page, without a slash at the end; empty: nowhere."""


def link_hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _when(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


class Sharing:
    """Answers the command."""

    def __init__(self, services: Services, policy: SharePolicy, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._store = services.store
        self._policy = policy
        self._clock = clock

    async def command(self, call: CommandCall) -> Answer:
        """
        Raises:
            UserError: there are no links here, or not for this person; with the sentence.
        """
        if not self._policy.days:
            raise UserError("Links to a thread are switched off here; /export gives it as a file.")
        began = await began_by(self._store, call.thread)
        if not governs(call.person, began):
            raise NotAllowed("Only who began this thread, or a moderator, decides who else sees it.")
        if "revoke" in call.arguments:
            return await self._end(call, int(call.arguments["revoke"]))
        if "days" in call.arguments:
            return await self._make(call, int(call.arguments["days"]))
        return await self._list(call)

    async def _make(self, call: CommandCall, days: int) -> Answer:
        address = self._policy.address(call.thread.chat)
        if not address:
            raise UserError("There is no page here that others could open; /export gives the thread as a file.")
        if days > self._policy.days:
            raise UserError(f"A link may be good for {self._policy.days} days at most here.")
        now = self._clock()
        if not await self._store.turns(call.thread, limit=1):
            raise UserError("There is nothing in this thread yet that somebody could look at.")
        if len(await self._links(call, now)) >= MOST:
            raise UserError(f"There are {MOST} links to this thread already; end one first (/share revoke:…).")
        token, until = secrets.token_hex(20), now + timedelta(days=days)
        link = await self._store.add_share_link(call.thread, call.person, link_hash(token), now, until)
        await self._services.audit.note(Act.ADMIN, "share link made", call.thread, call.person)
        return Answer(
            f"Whoever has this link can look at this thread until {_when(until)}, and at nothing else: "
            f"{address}/s/{token}\nI cannot show it again. It is number {link.id}: /share revoke:{link.id} ends it."
        )

    async def _end(self, call: CommandCall, id: int) -> Answer:
        if not await self._store.end_share_link(call.thread, id):
            raise UserError(f"There is no link {id} to this thread; /share lists them.")
        await self._services.audit.note(Act.ADMIN, "share link ended", call.thread, call.person)
        return Answer(f"Link {id} is ended; nobody sees the thread by it any more.")

    async def _list(self, call: CommandCall) -> Answer:
        links = await self._links(call, self._clock())
        made = f"/share days:7 makes one; {self._policy.days} days are the most."
        if not links:
            return Answer(f"There are no links to this thread. {made}")
        lines = [f"{link.id}: until {_when(link.until)}, made by {link.person.name}" for link in links]
        return Answer("\n".join(["Links to this thread:", *lines, f"/share revoke:{links[0].id} ends one. {made}"]))

    async def _links(self, call: CommandCall, now: datetime) -> list[ShareLink]:
        return [link for link in await self._store.share_links(call.thread) if link.until > now]
