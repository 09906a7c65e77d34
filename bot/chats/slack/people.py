"""Who wrote: display names and admin rights, remembered for a while so that Slack is not asked each time."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.model import Person

log = logging.getLogger(__name__)

KEPT = 10_000
FRESH_SECONDS = 3_600.0


class People:
    """A bounded memory of `users.info`. A person who cannot be looked up is still a person."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[float, Person]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Person]] = {}

    async def of(self, client: AsyncWebClient, team: str, user: str) -> Person:
        key = (team, user)
        found = self._known.get(key)
        if found is not None and asyncio.get_running_loop().time() - found[0] < FRESH_SECONDS:
            return found[1]
        asking = self._asking.get(key)
        if asking is None:
            # A task of its own, shared: many messages at once are one question, whoever of them is cancelled.
            asking = asyncio.create_task(self._learn(client, key), name=f"slack-person-{user}")
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _learn(self, client: AsyncWebClient, key: tuple[str, str]) -> Person:
        found = self._known.get(key)
        person = await self._ask(client, key[1]) or (found[1] if found else Person(key[1], key[1]))
        self._known[key] = (asyncio.get_running_loop().time(), person)
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return person

    async def _ask(self, client: AsyncWebClient, user: str) -> Person | None:
        try:
            info = (await client.users_info(user=user))["user"] or {}
        except (SlackClientError, OSError, TimeoutError) as error:
            log.info("users.info failed: %s", type(error).__name__)
            return None
        profile = info.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or info.get("name") or user
        admin = bool(info.get("is_admin") or info.get("is_owner"))
        roles = ("guest",) if info.get("is_restricted") or info.get("is_ultra_restricted") else ()
        return Person(user, str(name)[:80], admin=admin, moderator=admin, roles=roles)
