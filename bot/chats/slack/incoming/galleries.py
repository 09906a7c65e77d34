"""`/easel gallery`: pages of pictures for the asker alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.files import upload
from bot.chats.slack.incoming import inbound
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.incoming.places import Places
from bot.chats.slack.outgoing import hung
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.outgoing.recall import read_reference
from bot.chats.slack.people import People
from bot.chats.slack.trouble import FAILURES
from handlers.english import MADE_WITH_AI
from handlers.errors import UserError
from handlers.model import NOWHERE, Answer, CommandCall, GalleryPage, Hung, Person, ThreadKey
from handlers.ports import ChatUnavailable, Handlers
from handlers.presentation import shorten
from imaging.errors import BadPicture

log = logging.getLogger(__name__)
MAX_ALT = 990
Drawn = Callable[[Mapping[int, Hung]], Awaitable[bytes]]


class Galleries:
    """
    Args:
        sheet: Draws a sheet with the pictures at these numbers, as people are given it.
    """

    def __init__(
        self, clients: Clients, handlers: Handlers, people: People, places: Places,
        answers: Answers, sheet: Drawn, poll_s: float,
    ) -> None:  # fmt: skip
        self._clients = clients
        self._handlers = handlers
        self._people = people
        self._places = places
        self._answers = answers
        self._sheet = sheet
        self._poll_s = poll_s

    async def show(self, thread: ThreadKey, person: Person, answer: Answer, url: str = "") -> None:
        """A page to the asker alone; in words where it has no pictures, or Slack does not take them."""
        page = answer.gallery
        if page is None or not page.hung:
            await self._answers.tell(thread, person, answer.text, url)
            return
        client = await self._clients.of(thread.tenant)
        links = await asyncio.gather(*(self._link(client, one) for one in page.hung))
        there = {one.place: link for one, link in zip(page.hung, links, strict=True) if link is not None}
        blocks = hung.gallery_blocks(page, there, await self._picture(client, page))
        await self._answers.offer(thread, person, answer.text, blocks)

    async def turn(self, body: Mapping[str, Any], team: str) -> None:
        """A button of a page: another one."""
        user, channel = inbound.text_at(body, "user", "id"), inbound.text_at(body, "channel", "id")
        search = inbound.text_at(body["actions"][0], "value")
        person = await self._people.of(await self._clients.of(team), team, user)
        here = await self._places.latest(team, channel, person)
        if (refused := await self._handlers.refusal(whereabouts(here), person)) is not None:
            await self._answers.tell(here, person, refused)
            return
        event = f"slack/{team}/gallery/{inbound.text_at(body, 'trigger_id')}"
        call = CommandCall(
            event, here, person, "gallery", {"search": search}, in_thread=here.thread != NOWHERE
        )  # fmt: skip
        await self.show(here, person, await self._handlers.command(call))

    async def _picture(self, client: AsyncWebClient, page: GalleryPage) -> dict[str, Any] | None:
        shown = hung.on_sheet(page)
        if not shown:
            return None
        alt = shorten(hung.alt_of(list(shown.values())), MAX_ALT - len(MADE_WITH_AI)) + MADE_WITH_AI
        try:
            data = await self._sheet(shown)
            file = await upload(client, "easel-gallery.png", data, alt, known=None, note=_unnoted, poll_s=self._poll_s)
        except (UserError, BadPicture, *FAILURES, ChatUnavailable) as error:
            log.warning("the pictures of a gallery cannot be shown: %s", error)
            return None
        return {"slack_file": {"id": file}, "alt_text": alt}

    async def _link(self, client: AsyncWebClient, one: Hung) -> str | None:
        """To the answer with the picture, else to its thread."""
        known, key = read_reference(one.post), one.picture.thread
        ts = known.messages[0].ts if known.messages else ids.thread_ts(key.thread)
        if ts is None:
            return None
        try:
            return str((await client.chat_getPermalink(channel=key.channel, message_ts=ts))["permalink"])
        except FAILURES as error:
            log.info("no link to a picture: %s", error)
            return None


async def _unnoted(file_id: str) -> None:
    """A page is asked for again rather than taken up."""
