"""What is about to be posted, written down before it is: Discord knows a nonce for some minutes only.

A crash between a message and the note of its id leaves a message that nobody knows. When the next start comes soon,
the nonce gives it back; when it comes later, the message is found by what it says and by the ids of its buttons:
of several answers that are only begun, the words are the same.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

import discord
from discord.components import ActionRow, TextDisplay
from discord.components import Button as ButtonComponent

from bot.chats.discord.config import KeyValue
from bot.chats.discord.files import attached
from bot.chats.discord.outgoing.outlet import Outlet
from bot.chats.discord.outgoing.views import Buttons, Menu, MessageView, Words
from bot.chats.discord.trouble import FAILURES

log = logging.getLogger(__name__)
EARLIER = timedelta(minutes=2)
"""Our clock and Discord's may differ so much."""
POSTED = "post:"
SENDING = "sending:"
MOVED = "moved:"
"""Of an answer that stands in other messages than when it was finished. No start forgets it, as it does the others:
the store knows the messages of then."""


class Outbox:
    """The notes of one answer: the ids of its messages, and the one that is on its way."""

    def __init__(self, memory: KeyValue, turn: str) -> None:
        self._memory = memory
        self._turn = turn
        self.finished = False
        """The answer was finished before, and is shown again."""

    async def known(self) -> str | None:
        """The ids that were noted last."""
        return await self._memory.get(MOVED + self._turn) or await self._memory.get(POSTED + self._turn)

    async def intend(self, index: int, view: MessageView) -> None:
        """The answer's message number `index` is going to be sent."""
        since = discord.utils.time_snowflake(discord.utils.utcnow() - EARLIER)
        await self._memory.put(SENDING + self._turn, f"{index} {since} {_digest(_texts(view), _ids(view))}")

    async def sent(self, ids: str) -> None:
        await self._memory.put((MOVED if self.finished else POSTED) + self._turn, ids)
        await self._memory.put(SENDING + self._turn, None)

    async def lost(self, index: int, outlet: Outlet) -> discord.Message | None:
        """The message number `index` that an earlier run sent and could not note; None when there is none."""
        line = await self._memory.get(SENDING + self._turn)
        if line is None:
            return None
        intended, since, digest = line.split(" ")
        if int(intended) != index:
            return None
        noted = [*await self._memory.items(POSTED), *await self._memory.items(MOVED)]
        others = {id for _, ids in noted for id in ids.split(",")}

        def ours(message: discord.Message) -> bool:
            return str(message.id) not in others and _digest(_texts_of(message), _ids_of(message)) == digest

        try:
            return await outlet.find(int(since), ours)
        except FAILURES as error:
            log.info("whether answer %s lost a message cannot be looked up: %s", self._turn, error)
            return None


def _texts(view: MessageView) -> list[list[str]]:
    return [block.text.split() for block in view.blocks if isinstance(block, Words)]


def _texts_of(message: discord.Message) -> list[list[str]]:
    return [component.content.split() for component in message.components if isinstance(component, TextDisplay)]


def _ids(view: MessageView) -> list[str]:
    rows = [block for block in view.blocks if isinstance(block, Buttons | Menu)]
    return [id for row in rows for id in ([row.id] if isinstance(row, Menu) else [button.id for button in row.items])]


def _ids_of(message: discord.Message) -> list[str]:
    rows = [component for component in message.components if isinstance(component, ActionRow)]
    return [str(child.custom_id) for row in rows for child in row.children]


def shows(message: discord.Message, view: MessageView) -> bool:
    """Whether the message says what the view says; a word about missing pictures may stand behind it."""
    wanted = _texts(view)
    return _texts_of(message)[: len(wanted)] == wanted


def is_as(message: discord.Message, view: MessageView) -> bool:
    """Whether the message shows just what the view does: words, buttons and what stands on them, pictures."""
    labels = [button.label for block in view.blocks if isinstance(block, Buttons) for button in block.items]
    rows = [component for component in message.components if isinstance(component, ActionRow)]
    found = [child.label for row in rows for child in row.children if isinstance(child, ButtonComponent)]
    files = sorted(attachment.filename.rpartition(".")[0] for attachment in attached(message))
    same = _texts_of(message) == _texts(view) and _ids_of(message) == _ids(view) and found == labels
    return same and files == sorted(shown.file.rpartition(".")[0] for shown in view.pictures)


def _digest(texts: Sequence[Sequence[str]], ids: Sequence[str]) -> str:
    said = repr([[list(words) for words in texts], list(ids)])
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
