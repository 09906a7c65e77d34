"""The menu *Apps* on any message: edit a picture, use it as a reference, see its recipe."""

from __future__ import annotations

import discord
from discord import ui

from bot.chats.discord.files import remote
from bot.chats.discord.ids import ButtonId, button_id
from bot.chats.discord.incoming.arrivals import pictures_in
from bot.chats.discord.incoming.entry import may_enter
from bot.chats.discord.incoming.presses import Presses
from bot.chats.discord.incoming.threads import place_of_answer
from bot.chats.discord.outgoing.answers import Answers
from bot.chats.discord.people import Interaction, files_of, key_of_interaction, member_of, person_of_interaction
from handlers.english import Sentence
from handlers.model import Action, Press, ThreadKey
from handlers.ports import Handlers
from imaging.tasks import Tasks

MAX_BUTTONS = 25


class Menus:
    def __init__(
        self, client: discord.Client, handlers: Handlers, presses: Presses, answers: Answers, tasks: Tasks
    ) -> None:
        self._client = client
        self._handlers = handlers
        self._presses = presses
        self._answers = answers
        self._tasks = tasks

    async def edit_message(self, interaction: Interaction, message: discord.Message) -> None:
        """'Edit this picture' on any message; of several pictures the person says which."""
        key = self._key(interaction, message)
        numbers = self._numbers(message)
        if len(numbers) > 1:
            await self._ask_which(interaction, key, numbers, Action.EDIT)
        elif numbers:
            id = ButtonId(Action.EDIT.value, key.channel, key.thread, numbers[0])
            await self._presses.open_form(interaction, key, id)
        elif _brings_picture(message):
            id = ButtonId("made", key.channel, key.thread, None, str(message.id))
            await self._presses.open_form(interaction, key, id)
        else:
            await interaction.response.send_message(Sentence.NO_PICTURE, ephemeral=True)

    async def use_message(self, interaction: Interaction, message: discord.Message) -> None:
        """'Use as reference': a picture of ours becomes the current one, somebody's own a numbered one."""
        key = self._key(interaction, message)
        numbers = self._numbers(message)
        if len(numbers) > 1:
            await self._ask_which(interaction, key, numbers, Action.SELECT)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        refusal = await may_enter(self._handlers, interaction, key)
        if refusal is not None:
            await self._answers.say(interaction, refusal)
        elif numbers:
            await self._on_picture(interaction, key, numbers[0], Action.SELECT)
        elif _brings_picture(message):
            await self._answers.say(interaction, "I take it as a reference.")
            work = self._presses.begin(interaction, message.id, "Use this picture as a reference.", message)
            self._tasks.spawn(work, f"discord reference {interaction.id}")
        else:
            await self._answers.say(interaction, Sentence.NO_PICTURE)

    async def recipe_of_message(self, interaction: Interaction, message: discord.Message) -> None:
        """'Recipe' of every picture that the message shows."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        numbers = self._numbers(message)
        for number in numbers:
            await self._on_picture(interaction, self._key(interaction, message), number, Action.RECIPE)
        if not numbers:
            await self._answers.say(interaction, Sentence.NO_PICTURE)

    async def _ask_which(self, interaction: Interaction, key: ThreadKey, numbers: list[int], action: Action) -> None:
        """Buttons that only the asker sees; they are those that stand under pictures."""
        if (refusal := await may_enter(self._handlers, interaction, key)) is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        view = ui.View(timeout=None)
        for number in numbers[:MAX_BUTTONS]:
            view.add_item(ui.Button(label=f"#{number}", custom_id=button_id(action, key, number)))
        view.stop()
        await interaction.response.send_message("Which picture?", view=view, ephemeral=True)

    async def _on_picture(self, interaction: Interaction, key: ThreadKey, number: int, action: Action) -> None:
        event = f"discord:i{interaction.id}:{number}"
        await self._presses.deliver(interaction, Press(event, key, person_of_interaction(interaction), action, number))

    def _key(self, interaction: Interaction, message: discord.Message) -> ThreadKey:
        """The session of the message; of one that is not ours, that of the place."""
        here = member_of(self._client, interaction)
        known = place_of_answer(message, self._client.user.id if self._client.user else 0) if here else None
        return known or key_of_interaction(self._client, interaction)

    def _numbers(self, message: discord.Message) -> list[int]:
        me = self._client.user
        return pictures_in(message) if me is not None and message.author.id == me.id else []


def _brings_picture(message: discord.Message) -> bool:
    return any(remote(attachment).picture for attachment in files_of(message))
