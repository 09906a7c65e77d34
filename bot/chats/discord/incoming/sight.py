"""Which threads of a server somebody may look into: what the gallery shows them.

A public thread is open to whoever sees its channel. Whether a thread is public Discord tells of those that are active;
of the others it is asked once, and remembered, since it never changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import discord

from bot.chats.discord.config import KeyValue
from bot.chats.discord.trouble import FAILURES
from handlers.model import Person, ThreadKey

log = logging.getLogger(__name__)
ASKED = 25
"""Threads that one look asks Discord about, the newest first; the others are asked about by the next."""
AT_ONCE = 5
OPEN, SHUT = "open", "shut"
PUBLIC = (discord.ChannelType.public_thread, discord.ChannelType.news_thread)


class Sight:
    def __init__(self, client: Callable[[], discord.Client], memory: KeyValue) -> None:
        self._client = client
        self._memory = memory

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> list[ThreadKey]:
        """See `handlers.gallery.KnowsSight`. Direct messages, and places where only a person installed the bot, are
        nobody else's; what was made in an age-restricted channel is shown there alone."""
        guild = self._client().get_guild(int(here.tenant)) if here.tenant.isdecimal() else None
        if guild is None or not asker.id.isdecimal():
            return []
        try:
            member = await guild.fetch_member(int(asker.id))
        except FAILURES as error:
            log.info("what %s sees in server %s is not known: %s", asker.id, guild.id, error)
            return []
        channels = {channel for channel in {key.channel for key in threads} if _sees(guild, member, channel, here)}
        there = [key for key in threads if key.channel in channels]
        public = await self._public(guild, [int(key.thread) for key in there if _is_thread(key)])
        return [key for key in there if _in_channel(key) or (_is_thread(key) and int(key.thread) in public)]

    async def _public(self, guild: discord.Guild, threads: Iterable[int]) -> set[int]:
        """Those of these threads that are surely public."""
        public, unknown = set(), []
        for id in threads:
            known = guild.get_thread(id)
            said = await self._memory.get(f"thread:{id}") if known is None else None
            if known is not None:
                public |= {id} if known.type in PUBLIC else set()
            elif said is not None:
                public |= {id} if said == OPEN else set()
            else:
                unknown.append(id)
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(id: int) -> int | None:
            async with room:
                return id if await self._ask(guild, id) else None

        found = await asyncio.gather(*map(ask, unknown[:ASKED]))
        return public | {id for id in found if id is not None}

    async def _ask(self, guild: discord.Guild, id: int) -> bool:
        try:
            found = await guild.fetch_channel(id)
        except discord.NotFound:
            await self._memory.put(f"thread:{id}", SHUT)
            return False
        except FAILURES as error:
            log.info("whether thread %d is public is not known: %s", id, error)
            return False
        public = found.type in PUBLIC
        await self._memory.put(f"thread:{id}", OPEN if public else SHUT)
        return public


def _sees(guild: discord.Guild, member: discord.Member, channel: str, here: ThreadKey) -> bool:
    found = guild.get_channel(int(channel)) if channel.isdecimal() else None
    if found is None or isinstance(found, discord.CategoryChannel):
        return False
    if found.is_nsfw() and channel != here.channel:
        return False
    held = found.permissions_for(member)
    return held.view_channel and held.read_message_history


def _in_channel(key: ThreadKey) -> bool:
    """Whether its messages stand in the channel itself: a chain of replies."""
    return key.thread == key.channel or (key.thread[:1] == "r" and key.thread[1:].isdecimal())


def _is_thread(key: ThreadKey) -> bool:
    return key.thread.isdecimal() and key.thread != key.channel
