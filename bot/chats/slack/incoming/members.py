"""Whether somebody who comes directly is one of the workspace, and which of the listed channels they are in."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.clients import Clients
from bot.chats.slack.people import EXTERNAL, People
from bot.chats.slack.trouble import FAILURES, code
from handlers.access import Access, LookupFailed, Membership
from handlers.model import Person, ThreadKey, Whereabouts
from handlers.ports import ChatUnavailable

log = logging.getLogger(__name__)
FRESH_S = 300.0
KEPT = 10_000
MOST_PAGES = 10
PAGE = 200
DIRECT = ("D", "U", "W")
"""A conversation with the bot, or a person's own id where that is still to be opened."""
NO_SCOPE = (
    "EASEL_SLACK_CHANNELS_ALLOWED can be looked up for direct messages only with the scopes channels:read and "
    "groups:read: install the app again with the manifest of today, or set EASEL_SLACK_DIRECT=all or off"
)


def whereabouts(thread: ThreadKey) -> Whereabouts:
    """What access depends on."""
    return Whereabouts(thread, direct=thread.channel.startswith(DIRECT))


class Members:
    def __init__(self, clients: Clients, people: People) -> None:
        self._clients = clients
        self._people = people
        self._known: OrderedDict[tuple[str, str], tuple[float, frozenset[str]]] = OrderedDict()
        """Until when it holds, and the channels of a person."""

    async def of(self, team: str, person: Person, access: Access) -> tuple[Membership, ...]:
        """
        Raises:
            LookupFailed: Slack does not say now.
        """
        client = await self._clients.of(team)
        roles = frozenset((await self._people.of(client, team, person.id)).roles)
        if not roles:
            raise LookupFailed("Slack does not say who it is")
        if EXTERNAL in roles and EXTERNAL not in access.allow_roles:
            return ()
        channels = await self._channels(client, team, person.id) if access.allow_channels else frozenset()
        return (Membership(team, roles, channels & access.allow_channels),)

    async def channels(self, team: str, person: Person) -> frozenset[str]:
        """The public and private channels that somebody of the workspace is in; none where Slack does not tell."""
        if not person.roles or EXTERNAL in person.roles:
            return frozenset()
        try:
            return await self._channels(await self._clients.of(team), team, person.id)
        except (LookupFailed, ChatUnavailable) as error:
            log.info("in which channels %s is is not known: %s", person.id, error)
            return frozenset()

    async def _channels(self, client: AsyncWebClient, team: str, user: str) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        known = self._known.get((team, user))
        if known is not None and now < known[0]:
            return known[1]
        try:
            found = await _asked(client, user)
        except FAILURES as error:
            if not isinstance(error, SlackApiError) or code(error) != "missing_scope":
                raise LookupFailed(f"Slack does not say in which channels they are: {error}") from error
            log.warning(NO_SCOPE)
            found = frozenset()
        self._known[team, user] = (now + FRESH_S, found)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found


async def _asked(client: AsyncWebClient, user: str) -> frozenset[str]:
    found: set[str] = set()
    cursor = ""
    for _ in range(MOST_PAGES):
        page = await client.users_conversations(
            user=user, types="public_channel,private_channel", exclude_archived=True, limit=PAGE, cursor=cursor or None
        )
        found |= {str(channel.get("id")) for channel in page.get("channels") or []}
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            break
    return frozenset(found)
