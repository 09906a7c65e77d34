"""Reactions under a picture of ours are votes.

👍 and ❤️ are for it, 👎 is against it. Under several pictures, 1️⃣ to 🔟 are for the one at that place, and the
others mean all of them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, replace

import discord

from bot.chats.discord.incoming.arrivals import pictures_in
from bot.chats.discord.incoming.threads import place_of_answer
from bot.chats.discord.people import person_of, whereabouts
from bot.chats.discord.trouble import FAILURES
from handlers.model import Person, ThreadKey, Vote
from handlers.ports import Handlers

log = logging.getLogger(__name__)
FOR = frozenset("👍❤♥")
AGAINST = frozenset("👎")
DECORATION = dict.fromkeys([0xFE0F, *range(0x1F3FB, 0x1F400)])
"""Variation selectors and skin tones."""
KEYCAP = "\u20e3"
TEN = "🔟"
KNOWN = 512
"""Messages whose pictures are remembered: many people vote on one message within minutes."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a reaction says: for or against, and for the picture at one place only (from 1)."""

    up: bool
    place: int | None = None

    @classmethod
    def read(cls, emoji: discord.PartialEmoji) -> Sign | None:
        """None for any other reaction, and for a server's own emoji."""
        text = (emoji.name or "").translate(DECORATION) if emoji.id is None else ""
        if text in FOR:
            return cls(True)
        if text in AGAINST:
            return cls(False)
        if text == TEN:
            return cls(True, 10)
        digit = text.removesuffix(KEYCAP)
        return cls(True, int(digit)) if digit != text and digit in set("123456789") else None

    def chosen(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """The pictures that are meant, of those that a message shows in this order."""
        return numbers if self.place is None else numbers[self.place - 1 : self.place]


def _grows(message: discord.Message) -> bool:
    """Whether the answer is still being written or drawn: more pictures may come."""
    items = [item for row in message.components if isinstance(row, discord.ActionRow) for item in row.children]
    return any((item.custom_id or "").startswith(("e1:stop:", "e1:cancel:")) for item in items)


@dataclass(frozen=True, slots=True)
class _Shown:
    thread: ThreadKey
    numbers: tuple[int, ...]


class Reactions:
    def __init__(self, client: discord.Client, handlers: Handlers) -> None:
        self._client = client
        self._handlers = handlers
        self._known: OrderedDict[int, _Shown] = OrderedDict()

    def counts(self, event: discord.RawReactionActionEvent) -> bool:
        """Whether it can be a vote, as far as the event itself tells."""
        me = self._client.user.id if self._client.user else 0
        bot = event.member is not None and event.member.bot
        ours = event.message_author_id in (None, me)  # who takes a reaction back is not told whose message it is
        return ours and event.user_id != me and not bot and Sign.read(event.emoji) is not None

    async def take(self, event: discord.RawReactionActionEvent, *, given: bool) -> None:
        """Count a reaction, or its end."""
        sign = Sign.read(event.emoji)
        channel = self._client.get_channel(event.channel_id)
        shown = await self._shown(event)
        if sign is None or shown is None:
            return
        person = person_of(event.member) if event.member is not None else Person(str(event.user_id), "")
        where = replace(whereabouts(shown.thread, channel), untold=True)
        if given and await self._handlers.refusal(where, person) is not None:
            return
        for number in sign.chosen(shown.numbers):
            await self._handlers.vote(Vote(shown.thread, person, number, sign.up, given))

    async def _shown(self, event: discord.RawReactionActionEvent) -> _Shown | None:
        known = self._known.get(event.message_id)
        if known is not None:
            return known
        try:
            channel = self._client.get_channel(event.channel_id) or await self._client.fetch_channel(event.channel_id)
            if not isinstance(channel, discord.abc.Messageable):
                return None
            message = await channel.fetch_message(event.message_id)
        except FAILURES as error:
            log.info("a reaction in channel %d cannot be counted: %s", event.channel_id, error)
            return None
        thread = place_of_answer(message, self._client.user.id if self._client.user else 0)
        if thread is None:
            return None
        shown = _Shown(thread, tuple(pictures_in(message)))
        if shown.numbers and not _grows(message):
            self._known[event.message_id] = shown
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return shown
