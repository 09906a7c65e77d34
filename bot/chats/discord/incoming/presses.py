"""Buttons, menus and forms: acknowledged at once, then handed over."""

from __future__ import annotations

import asyncio
import logging

import discord

from bot.chats.discord.config import DiscordConfig
from bot.chats.discord.files import attached, download, remote
from bot.chats.discord.ids import ButtonId, number_of_file
from bot.chats.discord.incoming.entry import may_press
from bot.chats.discord.incoming.modals import Filled, edit_form
from bot.chats.discord.incoming.round_forms import RoundForms
from bot.chats.discord.incoming.threads import message_in, open_thread, title_of
from bot.chats.discord.outgoing.answers import Answers
from bot.chats.discord.outgoing.outlet import Tokens
from bot.chats.discord.people import (
    Interaction,
    files_of,
    key_of_interaction,
    member_of,
    person_of_interaction,
)
from bot.chats.discord.trouble import FAILURES
from handlers.english import MADE_WITH_AI
from handlers.errors import UserError
from handlers.intake import going_by
from handlers.model import (
    NOWHERE,
    Action,
    Attachment,
    Incoming,
    Picture,
    Press,
    ThreadKey,
)
from handlers.ports import Chat, Handlers, Store
from handlers.presentation import shorten
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
LOOK_UP_S = 1.5
"""A form must be the first answer, within 3 s: the store gets half of that."""


class Presses:
    def __init__(
        self,
        client: discord.Client,
        chat: Chat,
        handlers: Handlers,
        store: Store,
        answers: Answers,
        tokens: Tokens,
        tasks: Tasks,
        config: DiscordConfig,
        round_forms: RoundForms,
    ) -> None:
        self._client = client
        self._chat = chat
        self._handlers = handlers
        self._store = store
        self._answers = answers
        self._tokens = tokens
        self._tasks = tasks
        self._config = config
        self._round_forms = round_forms

    async def press(self, interaction: Interaction, id: ButtonId, action: Action) -> None:
        """Acknowledge, then act. A form is its own acknowledgement."""
        key = id.key(str(interaction.guild_id or NOWHERE))
        if action is Action.EDIT:
            await self.open_form(interaction, key, id)
            return
        if action is Action.SETTINGS:
            await self._round_forms.open(interaction, key, id)
            return
        await interaction.response.defer()
        self._tasks.spawn(self._act(interaction, key, id, action), f"discord {action} {interaction.id}")

    async def _act(self, interaction: Interaction, key: ThreadKey, id: ButtonId, action: Action) -> None:
        press = Press(
            event=f"discord:i{interaction.id}",
            thread=key,
            person=person_of_interaction(interaction),
            action=action,
            picture=id.picture,
            slot=id.slot or None,
        )
        await self.deliver(interaction, press)

    async def open_form(self, interaction: Interaction, key: ThreadKey, id: ButtonId) -> None:
        refusal = await may_press(self._handlers, interaction, key)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        await interaction.response.send_modal(edit_form(id, await self._description(interaction, key, id.picture)))

    async def deliver(self, interaction: Interaction, press: Press) -> None:
        refusal = await may_press(self._handlers, interaction, press.thread)
        if refusal is not None:
            await self._answers.say(interaction, refusal)
            return
        if not member_of(self._client, interaction):
            await self._tokens.keep(press.thread, interaction)
        answer = await self._handlers.press(press)
        await self._answers.offer(interaction, press.thread, answer)

    # ------------------------------------------------------------------ forms

    async def submitted(self, interaction: Interaction, filled: Filled) -> None:
        """A form was sent."""
        await interaction.response.defer()
        self._tasks.spawn(self._edit(interaction, filled), f"discord form {interaction.id}")

    async def _edit(self, interaction: Interaction, filled: Filled) -> None:
        key = filled.id.key(str(interaction.guild_id or NOWHERE))
        if (refusal := await may_press(self._handlers, interaction, key)) is not None:
            await self._answers.say(interaction, refusal)
            return
        got = await download(self._client, self._config, filled.files)
        for problem in got.problems:
            await self._answers.say(interaction, problem)
        person = person_of_interaction(interaction)
        event = f"discord:i{interaction.id}"
        number = filled.id.picture
        if filled.id.action == "made":
            await self.begin(interaction, int(filled.id.slot), filled.words, more=got.files)
        elif got.files:
            press = Press(event, key, person, Action.EDIT, number, text=filled.words)
            await self.receive(interaction, going_by(press, got.files))
        else:
            press = Press(event, key, person, Action.EDIT, number, text=filled.description, change=filled.change)
            await self.deliver(interaction, press)

    async def receive(self, interaction: Interaction, incoming: Incoming) -> None:
        refusal = await may_press(self._handlers, interaction, incoming.thread)
        if refusal is not None:
            await self._answers.say(interaction, refusal)
            return
        if not member_of(self._client, interaction):
            await self._tokens.keep(incoming.thread, interaction)
        await self._handlers.receive(incoming)

    async def begin(
        self,
        interaction: Interaction,
        message_id: int,
        text: str,
        message: discord.Message | None = None,
        more: tuple[Attachment, ...] = (),
    ) -> None:
        """A turn about the pictures of somebody's message (and `more`), in a thread on it where there is none."""
        key = key_of_interaction(self._client, interaction)
        try:
            if message is None:
                message = await message_in(self._client, interaction.channel_id or 0, message_id)
            if member_of(self._client, interaction) and interaction.guild_id and key.thread == key.channel:
                key = await open_thread(message, title_of(text, interaction.user.display_name))
        except FAILURES as error:
            log.info("message %d cannot be used: %s", message_id, error)
            await self._answers.say(interaction, "I cannot read that message any more; send the picture once more.")
            return
        got = await download(self._client, self._config, [remote(attachment) for attachment in files_of(message)])
        for problem in got.problems:
            await self._answers.say(interaction, problem)
        if got.files:
            person = person_of_interaction(interaction)
            event = f"discord:i{interaction.id}"
            title = shorten(text, 80)
            await self.receive(interaction, Incoming(event, key, person, text, (*got.files, *more), title=title))

    # -------------------------------------------------------------- the store

    async def _picture(self, key: ThreadKey, number: int | None) -> Picture | None:
        if number is None:
            return None
        try:
            return await asyncio.wait_for(self._store.picture(key, number), LOOK_UP_S)
        except (TimeoutError, UserError) as error:
            log.warning("picture %d of %s is not known in time: %s", number, key, error)
            return None

    async def _description(self, interaction: Interaction, key: ThreadKey, number: int | None) -> str:
        """The full one; when the store is slow, the alt text of the message, which is cut at 1,024 characters."""
        picture = await self._picture(key, number)
        if picture is not None:
            return picture.description
        attachments = attached(interaction.message) if interaction.message else []
        alts = (a.description or "" for a in attachments if number_of_file(a.filename) == number)
        return next(alts, "").removeprefix(f"#{number}: ").removesuffix(MADE_WITH_AI)
