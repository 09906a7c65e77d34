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

    async def of(self, client: AsyncWebClient, team: str, user: str) -> Person:
        now = asyncio.get_running_loop().time()
        found = self._known.get((team, user))
        if found is not None and now - found[0] < FRESH_SECONDS:
            return found[1]
        person = await self._ask(client, user) or (found[1] if found else Person(user, user))
        self._known[team, user] = (now, person)
        self._known.move_to_end((team, user))
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
