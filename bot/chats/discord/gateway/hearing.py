"""Whether Discord still tells us what happens: a gateway can stay open and answer heartbeats, and send no event.

A shard that has heard nothing for a while is asked for ourselves in one of its servers: the answer is an event. Where
none comes the shard is given a new session; what was said meanwhile is read by the catch-up, which begins at the last
good look.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from bot.chats.discord.gateway.client import EaselClient
from bot.chats.discord.trouble import FAILURES

log = logging.getLogger(__name__)


class Hearing:
    """`answer_s`: how long Discord may take to answer, in seconds."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self._missed: Counter[int] = Counter()

    @property
    def deaf(self) -> bool:
        """Whether a shard heard nothing when it was looked at last."""
        return bool(self._missed)

    async def look(self, client: EaselClient) -> bool:
        """Whether everything that happened until now has arrived. Shards that are deaf are connected anew, the more
        rarely the longer that does not help: Discord counts new sessions."""
        if not client.is_ready() or client.is_closed() or client.down:
            return False
        quiet = [shard for shard in client.shards if not client.heard.pop(shard, 0)]
        answers = await asyncio.gather(*(self._hears(client, shard) for shard in quiet))
        deaf = [shard for shard, hears in zip(quiet, answers, strict=True) if hears is False]
        self._missed = Counter({shard: self._missed[shard] + 1 for shard in deaf})
        for shard, times in self._missed.items():
            if times & (times - 1) == 0:  # 1, 2, 4, 8 … looks
                log.warning("Discord's gateway is open, but tells shard %d nothing; connecting anew", shard)
                await client.shards[shard].reconnect()
        return all(answers)

    async def _hears(self, client: EaselClient, shard: int) -> bool | None:
        """None: it cannot be told, the connection is just changing. A shard without servers has nobody to ask."""
        guild = next((g for g in client.guilds if g.shard_id == shard and not g.unavailable), None)
        if guild is None or client.user is None:
            return True
        question = guild.query_members(user_ids=[client.user.id], limit=1, cache=False)
        try:
            await asyncio.wait_for(question, self._answer_s)
        except TimeoutError:
            return False
        except (*FAILURES, RuntimeError) as error:
            log.info("shard %d cannot be asked: %s", shard, error)
            return None
        return True
