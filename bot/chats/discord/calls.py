"""Slash commands: acknowledged at once, then a turn in a thread or a call of the handlers."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import discord

from bot.chats.discord.answers import Answers, upload_limit
from bot.chats.discord.entry import may_enter
from bot.chats.discord.outlet import NO_MENTIONS, Tokens
from bot.chats.discord.people import (
    Interaction,
    key_of_interaction,
    member_of,
    person_of_interaction,
)
from bot.chats.discord.tasks import Tasks
from bot.chats.discord.text import plain, shorten
from bot.chats.discord.threads import message_in, open_thread, title_of
from bot.chats.discord.trouble import FAILURES
from handlers.completion import Completion, complete
from handlers.model import Answer, CommandCall, CommandSpec, Incoming, Option, OptionKind, ThreadKey
from handlers.ports import Handlers, Store

log = logging.getLogger(__name__)


class Calls:
    def __init__(
        self,
        client: discord.Client,
        handlers: Handlers,
        store: Store,
        answers: Answers,
        tokens: Tokens,
        tasks: Tasks,
    ) -> None:
        self._client = client
        self._handlers = handlers
        self._store = store
        self._answers = answers
        self._tokens = tokens
        self._tasks = tasks

    async def call(self, interaction: Interaction, spec: CommandSpec, arguments: dict[str, str | int]) -> None:
        key = key_of_interaction(self._client, interaction)
        person = person_of_interaction(interaction)
        # Admins must be able to change what keeps them out.
        refusal = None if spec.admin_only else await may_enter(self._handlers, interaction, key)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        await interaction.response.defer(ephemeral=not spec.opens_thread, thinking=True)
        if not member_of(self._client, interaction):
            await self._tokens.keep(key, interaction)
        work = self._open(interaction, key, spec, arguments) if spec.opens_thread else None
        call = CommandCall(
            f"discord:i{interaction.id}", key, person, spec.name, arguments, max_file_bytes=upload_limit(interaction)
        )
        self._tasks.spawn(work or self._answer(interaction, call), f"discord /{spec.name} {interaction.id}")

    async def _answer(self, interaction: Interaction, call: CommandCall) -> None:
        answer = await self._handlers.command(call)
        await self._answers.give(interaction, answer if answer.text or answer.files else Answer("Done."))

    async def _open(
        self, interaction: Interaction, key: ThreadKey, spec: CommandSpec, arguments: dict[str, str | int]
    ) -> None:
        """Show the words, open a thread on them where there is none, and answer there."""
        text = _turn_text(spec, arguments)
        person = person_of_interaction(interaction)
        try:
            shown = await interaction.edit_original_response(
                content=f"**{plain(person.name)}:** {shorten(plain(text), 1800)}", allowed_mentions=NO_MENTIONS
            )
            if member_of(self._client, interaction) and interaction.guild_id and key.thread == key.channel:
                message = await message_in(self._client, interaction.channel_id or 0, shown.id)
                key = await open_thread(message, title_of(text, person.name))
        except FAILURES as error:
            log.info("/%s in channel %s: %s", spec.name, interaction.channel_id, error)
            await self._answers.say(interaction, "I cannot post in this channel; a server admin can allow it.")
            return
        title = title_of(text, person.name)
        if sum(option.name in arguments for option in spec.options) > 1:
            call = CommandCall(f"discord:i{interaction.id}", key, person, spec.name, arguments)
            await self._answer(interaction, call)
        else:
            await self._handlers.receive(Incoming(f"discord:i{interaction.id}", key, person, text, title=title))

    async def complete(self, interaction: Interaction, option: Option, typed: str) -> Sequence[Completion]:
        """What an option of a command can mean in this place."""
        return await complete(self._store, key_of_interaction(self._client, interaction), option, typed)


def _turn_text(spec: CommandSpec, arguments: dict[str, str | int]) -> str:
    first = next((option.name for option in spec.options if option.kind is OptionKind.TEXT), "")
    return str(arguments.get(first, ""))
