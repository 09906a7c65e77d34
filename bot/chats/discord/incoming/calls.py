"""Slash commands: acknowledged at once, then a turn in a thread or a call of the handlers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import discord

from bot.chats.discord.config import DiscordConfig, KeyValue
from bot.chats.discord.files import download, remote
from bot.chats.discord.health import NO_INTENT, lacking, lacking_to_answer
from bot.chats.discord.incoming.entry import may_enter
from bot.chats.discord.incoming.threads import chain_name, open_thread, partial_in, title_of
from bot.chats.discord.outgoing.answers import Answers, upload_limit
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.outlet import NO_MENTIONS, Tokens
from bot.chats.discord.people import (
    Interaction,
    key_of_interaction,
    member_of,
    person_of_interaction,
)
from bot.chats.discord.trouble import FAILURES
from handlers.command_text import as_message
from handlers.completion import Completion, complete
from handlers.model import Answer, CommandCall, CommandSpec, Incoming, Option, OptionKind, ThreadKey
from handlers.ports import Handlers, Store
from handlers.presentation import shorten
from imaging.tasks import Tasks

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
        memory: KeyValue,
        config: DiscordConfig,
    ) -> None:
        self._client = client
        self._handlers = handlers
        self._store = store
        self._answers = answers
        self._tokens = tokens
        self._tasks = tasks
        self._memory = memory
        self._config = config

    async def call(
        self, interaction: Interaction, spec: CommandSpec, arguments: dict[str, str | int],
        file: discord.Attachment | None = None,
    ) -> None:  # fmt: skip
        key = key_of_interaction(self._client, interaction)
        person = person_of_interaction(interaction)
        refusal = await may_enter(self._handlers, interaction, key, admin_act=spec.admin_only, own_data=spec.own_data)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        opens = as_message(spec, arguments) is not None
        await interaction.response.defer(ephemeral=not opens, thinking=True)
        here = member_of(self._client, interaction)
        if opens and here and lacking_to_answer(interaction.channel, interaction.app_permissions):
            # The answer can still come through the interaction itself, while that lives.
            here, key = False, replace(key, channel=str(interaction.channel_id), thread=f"u{interaction.user.id}")
        if not here:
            await self._tokens.keep(key, interaction)
        if opens:
            work = self._open(interaction, key, spec, arguments)
        else:
            event, limit = f"discord:i{interaction.id}", upload_limit(interaction)
            call = CommandCall(event, key, person, spec.name, arguments, max_file_bytes=limit)
            work = self._answer(interaction, call, file, about_place=spec.about_place)
        self._tasks.spawn(work, f"discord /{spec.name} {interaction.id}")

    async def _meant(self, interaction: Interaction, key: ThreadKey) -> ThreadKey:
        """The session that a command is about: in a channel without threads, the latest chain of replies."""
        if interaction.guild_id is None or key.thread != key.channel:
            return key
        chain = await self._memory.get(chain_name(key))
        return key if chain is None else replace(key, thread=chain)

    async def _answer(
        self,
        interaction: Interaction,
        call: CommandCall,
        file: discord.Attachment | None = None,
        *,
        about_place: bool = False,
    ) -> None:
        if file is not None:
            got = await download(self._client, self._config, [remote(file)])
            if got.problems:
                await self._answers.say(interaction, " ".join(got.problems))
                return
            call = replace(call, files=got.files)
        key = call.thread if about_place else await self._meant(interaction, call.thread)
        call = replace(call, thread=key, in_thread=interaction.guild_id is None or key.thread != key.channel)
        answer = await self._handlers.command(call)
        if call.name == "help":
            answer = replace(answer, text="\n".join([answer.text, *self._lacking(interaction)]))
        if answer.gallery is not None:
            await self._answers.hang(interaction, answer)
            return
        answer = answer if answer.text or answer.files else Answer("Done.")
        await self._answers.announce(interaction, answer, here=member_of(self._client, interaction))

    def _lacking(self, interaction: Interaction) -> list[str]:
        """What keeps the bot from doing all it says, where it was asked."""
        found = []
        if member_of(self._client, interaction) and interaction.guild_id is not None:
            missing = ", ".join(lacking(interaction.app_permissions))
            if missing:
                found.append(f"⚠️ Here I lack: {missing}; a server admin can grant it to my role.")
        if not self._client.intents.message_content:
            found.append(f"⚠️ {NO_INTENT}")
        return found

    async def turn(self, interaction: Interaction, search: str) -> None:
        """Another page of the gallery, in place of the one whose button was pressed."""
        key = key_of_interaction(self._client, interaction)
        if (refusal := await may_enter(self._handlers, interaction, key)) is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        await interaction.response.defer()
        call = CommandCall(
            f"discord:i{interaction.id}", key, person_of_interaction(interaction), "gallery", {"search": search}
        )
        self._tasks.spawn(self._turn(interaction, call), f"discord gallery {interaction.id}")

    async def _turn(self, interaction: Interaction, call: CommandCall) -> None:
        call = replace(call, thread=await self._meant(interaction, call.thread))
        await self._answers.hang(interaction, await self._handlers.command(call), turned=True)

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
                message = await partial_in(self._client, interaction.channel_id or 0, shown.id)
                key = await open_thread(message, title_of(text, person.name))
        except FAILURES as error:
            log.info("/%s in channel %s: %s", spec.name, interaction.channel_id, error)
            await self._answers.say(interaction, "I cannot post in this channel; a server admin can allow it.")
            return
        title = title_of(text, person.name)
        said = as_message(spec, arguments) or text
        await self._handlers.receive(Incoming(f"discord:i{interaction.id}", key, person, said, title=title))

    async def complete(self, interaction: Interaction, option: Option, typed: str) -> Sequence[Completion]:
        """What an option of a command can mean in this place, for whoever may know."""
        here = key_of_interaction(self._client, interaction)
        if await may_enter(self._handlers, interaction, here) is not None:
            return ()
        key = await self._meant(interaction, here)
        return await complete(self._store, key, option, typed)


def _turn_text(spec: CommandSpec, arguments: dict[str, str | int]) -> str:
    first = next((option.name for option in spec.options if option.kind is OptionKind.TEXT), "")
    return str(arguments.get(first, ""))
