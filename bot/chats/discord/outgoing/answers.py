"""What a button or a command answers: through the interaction while its token lives, else through the channel."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord

from bot.chats.discord.files import attached
from bot.chats.discord.ids import number_of_file
from bot.chats.discord.outgoing.hung import gallery_view, hung_name, hung_shown
from bot.chats.discord.outgoing.layout import laid_out
from bot.chats.discord.outgoing.markup import plain, split_text
from bot.chats.discord.outgoing.media import Media, Unfitting
from bot.chats.discord.outgoing.outlet import NO_MENTIONS
from bot.chats.discord.outgoing.render import picked
from bot.chats.discord.outgoing.views import MessageView, Words
from bot.chats.discord.people import Interaction
from bot.chats.discord.trouble import FAILURES
from handlers.links import guarded
from handlers.model import Answer, File, Hung, ThreadKey
from handlers.presentation import shorten
from imaging.outputs import SMALL_SIDE

log = logging.getLogger(__name__)
MAX_CONTENT = 2000
MAX_FILES = 10
MAX_PIECES = 5
"""An answer in more messages than that is read more easily as a file."""


class Answers:
    def __init__(self, client: discord.Client, media: Media) -> None:
        self._client = client
        self._media = media

    async def give(self, interaction: Interaction, answer: Answer) -> None:
        """Never raises for what Discord refuses: it is logged, the asker is told where that is possible."""
        for text, files in await self._pieces(answer, upload_limit(interaction)):
            await self._send(interaction, text, files, answer.private)

    async def offer(self, interaction: Interaction, thread: ThreadKey, answer: Answer) -> None:
        """A picture of the message that was pressed, with what can be done with it, to the asker alone."""
        part = answer.picture
        if part is None or interaction.is_expired():
            await self.give(interaction, answer)
            return
        files = attached(interaction.message) if interaction.message else []
        file = next((file for file in files if number_of_file(file.filename) == part.number), None)
        covered = part.spoiler or (file is not None and file.is_spoiler())
        try:
            with laid_out(picked(part, thread, file.url if file else None, covered=covered), {}) as components:
                await interaction.followup.send(view=components, ephemeral=True, allowed_mentions=NO_MENTIONS)
        except FAILURES as error:
            log.info("a picked picture cannot be shown in channel %s: %s", interaction.channel_id, error)
            await self.give(interaction, answer)

    async def hang(self, interaction: Interaction, answer: Answer, *, turned: bool = False) -> None:
        """A page of the gallery, to the asker alone; `turned`: in place of the page whose button was pressed."""
        page = answer.gallery
        if page is None or interaction.is_expired():
            await self.give(interaction, answer)
            return
        view = gallery_view(page) if page.hung else MessageView((Words(answer.text),))
        limit = upload_limit(interaction)
        files = {one.place: file for one in page.hung if (file := await self._hung(one, limit)) is not None}
        names = {hung_name(one): files[one.place].filename for one in page.hung if one.place in files}
        try:
            with laid_out(view, names) as components:
                if turned:
                    await interaction.edit_original_response(
                        view=components, attachments=list(files.values()), allowed_mentions=NO_MENTIONS
                    )
                else:
                    await interaction.followup.send(
                        view=components, files=list(files.values()), ephemeral=True, allowed_mentions=NO_MENTIONS
                    )
        except FAILURES as error:
            log.info("the gallery cannot be shown in channel %s: %s", interaction.channel_id, error)
            await self.give(interaction, replace(answer, gallery=None))

    async def _hung(self, one: Hung, limit: int) -> discord.File | None:
        """Its small copy; Discord would show one of a small picture as a stamp, so that is posted as in answers."""
        if max(one.picture.width, one.picture.height) >= SMALL_SIDE:
            return await self._media.small(hung_shown(one), limit)
        try:
            return await self._media.upload(hung_shown(one), limit)
        except Unfitting:
            return None

    async def write(self, target: discord.abc.Messageable, answer: Answer, limit: int) -> None:
        """The same as messages.

        Raises:
            discord.HTTPException: Discord does not let us.
        """
        for text, files in await self._pieces(answer, limit):
            await target.send(text, files=files, allowed_mentions=NO_MENTIONS)

    async def _pieces(self, answer: Answer, limit: int) -> list[tuple[str, list[discord.File]]]:
        """An answer as messages that Discord takes: the text of each, and its files, of at most `limit` bytes."""
        files, problems = await self._fitting(answer.files, limit)
        texts = list(split_text(guarded("\n".join([answer.text, *problems])), MAX_CONTENT))
        if len(texts) > MAX_PIECES:
            files = [discord.File(io.BytesIO(answer.text.encode()), "answer.txt"), *files]
            texts = ["\n".join(["It is long: here it is as a file.", *problems])[:MAX_CONTENT]]
        if files and not texts:
            texts = [""]
        pieces: list[tuple[str, list[discord.File]]] = [(text, []) for text in texts[:-1]]
        pieces += [(text, files[:MAX_FILES]) for text in texts[-1:]]
        return pieces + [("", files[at : at + MAX_FILES]) for at in range(MAX_FILES, len(files), MAX_FILES)]

    async def announce(self, interaction: Interaction, answer: Answer, *, here: bool) -> None:
        """What a command answers to all: a command is acknowledged for its asker only, so it is a message of its own.

        `here`: the bot is a member there, so it can post.
        """
        if here and not answer.private and interaction.channel_id is not None:
            channel = self._client.get_partial_messageable(interaction.channel_id)
            words = f"-# **{plain(interaction.user.display_name)}** · {guarded(answer.text)}"
            try:
                files, problems = await self._fitting(answer.files, upload_limit(interaction))
                told = shorten(words, MAX_CONTENT) if not problems else "\n".join([shorten(words, 1000), *problems])
                await channel.send(told[:MAX_CONTENT], files=files[:MAX_FILES], allowed_mentions=NO_MENTIONS)
                await interaction.delete_original_response()
            except FAILURES as error:
                log.info("an answer to all could not be posted in channel %s: %s", interaction.channel_id, error)
            else:
                return
        await self.give(interaction, answer)

    async def say(self, interaction: Interaction, sentence: str) -> None:
        await self.give(interaction, Answer(sentence))

    async def _send(self, interaction: Interaction, text: str, files: Sequence[discord.File], private: bool) -> None:
        try:
            if not interaction.is_expired():
                await interaction.followup.send(
                    text, files=list(files), ephemeral=private, allowed_mentions=NO_MENTIONS, wait=True
                )
            else:
                await self._late(interaction, text, files, private)
        except FAILURES as error:
            log.warning("an answer could not be given in channel %s: %s", interaction.channel_id, error)

    async def _late(self, interaction: Interaction, text: str, files: Sequence[discord.File], private: bool) -> None:
        """The interaction's token is dead: private words go by direct message, others to the channel."""
        target: Any = interaction.user
        if not private and interaction.channel_id is not None:
            target = self._client.get_partial_messageable(interaction.channel_id)
        await target.send(text, files=list(files), allowed_mentions=NO_MENTIONS)

    async def _fitting(self, files: Sequence[File], limit: int) -> tuple[list[discord.File], list[str]]:
        ready, problems = [], []
        for file in files:
            data: bytes | None = file.data
            if len(file.data) > limit:
                data = await self._media.within(file.data, limit) if file.media_type.startswith("image/") else None
            if data is None:
                problems.append(f"{file.name} is too large for this server ({len(file.data) // 1_000_000} MB).")
            else:
                alt = file.alt[:1024] or None
                ready.append(discord.File(io.BytesIO(data), file.name, description=alt, spoiler=file.spoiler))
        return ready, problems


def upload_limit(interaction: Interaction) -> int:
    """Most bytes of one file there."""
    return interaction.filesize_limit
