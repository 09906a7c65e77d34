"""Where somebody is a member, which a direct message does not tell: asked of the servers that the lists are about."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import discord

from bot.chats.discord.trouble import FAILURES
from handlers.access import Access, LookupFailed, Membership
from handlers.model import Person

log = logging.getLogger(__name__)
FRESH_S = 300.0
"""So long an answer holds: who loses a role loses the direct messages within that."""
KEPT = 10_000
MOST_SERVERS = 50
"""That are asked about one person where the lists name none: where a bot is in more, somebody may be missed."""
AT_ONCE = 5


class Members:
    """A bounded memory of answers; many questions about one person at once are one."""

    def __init__(self, client: Callable[[], discord.Client], clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, tuple[Membership, ...]]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[tuple[Membership, ...]]] = {}

    async def of(self, person: Person, access: Access) -> tuple[Membership, ...]:
        """
        Raises:
            LookupFailed: Discord does not say now.
        """
        known = self._known.get(person.id)
        if known is not None and self._clock() < known[0]:
            return known[1]
        asking = self._asking.get(person.id)
        if asking is None:
            # A task of its own: an interaction gives up after a second and a half, and its next try finds the answer.
            asking = asyncio.create_task(self._learn(person, access), name=f"discord member {person.id}")
            self._asking[person.id] = asking
            asking.add_done_callback(lambda task: self._asked(person.id, task))
        return await asyncio.shield(asking)

    def _asked(self, id: str, task: asyncio.Task[tuple[Membership, ...]]) -> None:
        self._asking.pop(id, None)
        if not task.cancelled() and task.exception() is not None:
            log.info("where %s is a member is not known: %s", id, task.exception())

    async def _learn(self, person: Person, access: Access) -> tuple[Membership, ...]:
        if not person.id.isdecimal():
            return ()
        named, others = _servers(self._client().guilds, access)
        found = await self._ask(named, int(person.id), access)
        if not found and not access.allow_roles and not access.allow_channels:
            found = await self._ask(others[:MOST_SERVERS], int(person.id), access)
        self._known[person.id] = (self._clock() + FRESH_S, found)
        self._known.move_to_end(person.id)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    async def _ask(self, guilds: list[discord.Guild], user: int, access: Access) -> tuple[Membership, ...]:
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(guild: discord.Guild) -> Membership | None:
            async with limit:
                return await _membership(guild, user, access)

        found = await asyncio.gather(*map(one, guilds))
        return tuple(member for member in found if member is not None)


def _servers(guilds: Iterable[discord.Guild], access: Access) -> tuple[list[discord.Guild], list[discord.Guild]]:
    """Those that the lists name, or whose roles or channels they name, and the others that are allowed."""
    named, others = [], []
    roles = access.allow_roles | access.deny_roles
    for guild in guilds:
        if access.allow_tenants and str(guild.id) not in access.allow_tenants:
            # Of a server that is not allowed only who is denied there matters.
            if any(str(role.id) in access.deny_roles for role in guild.roles):
                named.append(guild)
        elif (
            str(guild.id) in access.allow_tenants
            or any(str(role.id) in roles for role in guild.roles)
            or any(guild.get_channel(id) is not None for id in _numbers(access.allow_channels))
        ):
            named.append(guild)
        else:
            others.append(guild)
    return named, others


async def _membership(guild: discord.Guild, user: int, access: Access) -> Membership | None:
    try:
        member = await guild.fetch_member(user)
    except discord.NotFound:
        return None
    except FAILURES as error:
        raise LookupFailed(f"the server {guild.id} does not tell its members: {error}") from error
    seen = set()
    for id in _numbers(access.allow_channels):
        channel = guild.get_channel(id)
        if channel is not None and channel.permissions_for(member).view_channel:
            seen.add(str(id))
    return Membership(str(guild.id), frozenset(str(role.id) for role in member.roles), frozenset(seen))


def _numbers(ids: Iterable[str]) -> list[int]:
    return [int(id) for id in ids if id.isdecimal()]
