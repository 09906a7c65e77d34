"""Who somebody is on a page with a login, and which threads they may see. Without a login there are only guests."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aiohttp import web

from bot.chats.web.visitors import Visitors
from bot.people import (
    MAX_NAME,
    MEMBER_IDS,
    PROXY_ID,
    House,
    Member,
    People,
    Register,
    Sharing,
    ThreadRights,
    readable_name,
)
from bot.settings import Login
from handlers.model import NOWHERE, Person, ThreadKey
from handlers.ports import Store

R = TypeVar("R")
SESSION = "easel_session"
ALL_THREADS = 1_000_000
NO_THREAD = "There is no such thread."


@dataclass(frozen=True, slots=True)
class ProxyLogin:
    """What a login proxy says, and whom the host gives more rights to, by the name that it says."""

    header: str = "Remote-User"
    admins: frozenset[str] = frozenset()
    moderators: frozenset[str] = frozenset()

    def member(self, said: str) -> Member:
        role = House.ADMIN if said in self.admins else House.MODERATOR if said in self.moderators else House.MEMBER
        digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]
        return Member(f"{PROXY_ID}{digest}", _called(said), role)


def _called(said: str) -> str:
    """What others see of a proxy's name: nothing of it turns, hides or breaks what stands beside it."""
    shown = readable_name(" ".join(said.split()))
    shown = "".join(sign for sign in shown if not unicodedata.category(sign).startswith("C"))
    return shown.partition("@")[0].strip()[:MAX_NAME] or "somebody"


@dataclass(frozen=True, slots=True)
class Residents:
    """The page's people. `people` is there where there is a login, or was one."""

    login: Login = Login.NONE
    people: People | None = None
    proxy: ProxyLogin = field(default_factory=ProxyLogin)
    visitors: Visitors = field(default_factory=Visitors)

    def __bool__(self) -> bool:
        return self.login is not Login.NONE

    @property
    def way_in(self) -> str:
        """How somebody who is not known gets in."""
        if self.login is Login.PROXY:
            return "Come through the page's login."
        return "Open your invitation to come in, or ask whoever runs Easel for one (easel invite)."

    async def who(self, request: web.Request) -> Member | None:
        """
        Raises:
            StoreError: the register cannot be read.
        """
        match self.login:
            case Login.NONE:
                return None
            case Login.PROXY:
                said = request.headers.getall(self.proxy.header, ())
                # Only what a named proxy says is believed, and it says it once.
                if len(said) != 1 or not said[0].strip() or not self.visitors.through_proxy(request):
                    return None
                return self.proxy.member(said[0].strip())
            case Login.INVITATION:
                token = request.cookies.get(SESSION, "")
                return await self.ask(lambda register: register.session(token)) if token else None

    async def enter(self, member: Member | None, key: ThreadKey, store: Store, *, writes: bool) -> ThreadRights | None:
        """Let somebody into a thread; whoever writes first in a new one owns it. None where there are only guests.

        Raises:
            web.HTTPNotFound: it is not for them, which is told as if it were not there.
            StoreError: the register cannot be read.
        """
        if self.people is None:
            return None
        rights = await self.ask(lambda register: register.rights(key.thread))
        if member is None:
            # There was a login once: what was private then is not open to guests now.
            if rights is not None and rights.sharing is not Sharing.HOUSE:
                raise web.HTTPNotFound(text=NO_THREAD)
            return None
        if rights is None:
            # Nothing is open because nothing is known of it: the register may be a new one.
            if not writes or await store.turns(key, limit=1):
                raise web.HTTPNotFound(text=NO_THREAD)
            rights = await self.ask(lambda register: register.own(key.thread, member.id))
        if not rights.seen_by(member.id):
            raise web.HTTPNotFound(text=NO_THREAD)
        return rights

    async def adopt(self, store: Store) -> None:
        """Decide whose the threads are that the register does not know: those of guests, from before there was a
        login, are everybody's; where somebody spoke who was signed in (the register was lost), nobody sees them.

        Raises:
            StoreError: the register or the store cannot be read.
        """
        known = await self.ask(Register.all_rights)
        for row in await store.threads("web", NOWHERE, limit=ALL_THREADS):
            if row.key.thread not in known:
                people = {turn.person.id for turn in await store.turns(row.key) if turn.person is not None}
                sharing = Sharing.PRIVATE if any(id.startswith(MEMBER_IDS) for id in people) else Sharing.HOUSE
                await self.ask(partial(Register.adopt, thread=row.key.thread, sharing=sharing))

    async def seen(self, member: Member | None) -> Callable[[str], ThreadRights | None]:
        """Tells a thread's rights where it stands in somebody's list (their own, or the house's), else None."""
        if self.people is None:
            return lambda thread: EVERYBODYS
        rights = await self.ask(Register.all_rights)

        def listed(thread: str) -> ThreadRights | None:
            found = rights.get(thread, EVERYBODYS if member is None else None)
            if found is None or found.sharing is Sharing.HOUSE:
                return found
            return found if member is not None and found.owner == member.id else None

        return listed

    def as_member(self, person: Person) -> Member | None:
        """Somebody whom the page let in, as far as what they may see depends on it."""
        return Member(person.id, person.name, House.MEMBER) if self else None

    async def forget(self, person: Person) -> None:
        if self.people is not None:
            await self.ask(lambda register: register.remove(person.id))

    async def ask(self, question: Callable[[Register], R]) -> R:
        assert self.people is not None
        return await self.people.ask(question)


EVERYBODYS = ThreadRights("", Sharing.HOUSE)
"""What holds where there are only guests."""
