"""The form with a brainstorm's settings. Nothing is kept: one that is sent after a restart works."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

import discord
from discord import ui

from bot.chats.discord.ids import ButtonId
from bot.chats.discord.incoming.entry import may_press
from bot.chats.discord.incoming.modals import fields_of
from bot.chats.discord.outgoing.answers import Answers
from bot.chats.discord.people import Interaction, person_of_interaction
from handlers.brainstorm.form import FIELDS, Given, read_given, round_with, settings_of
from handlers.english import Sentence
from handlers.errors import UserError
from handlers.model import NOWHERE, Action, Option, ThreadKey
from handlers.ports import Handlers, Store
from handlers.presentation import shorten
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
FORM = re.compile(rf"e1:{Action.SETTINGS.value}:.*", re.DOTALL)
LOOK_UP_S = 1.0
"""A form must be the first answer, within 3 s, and who asks is looked up too."""


class RoundForms:
    def __init__(self, handlers: Handlers, store: Store, answers: Answers, tasks: Tasks) -> None:
        self._handlers = handlers
        self._store = store
        self._answers = answers
        self._tasks = tasks

    async def open(self, interaction: Interaction, key: ThreadKey, id: ButtonId) -> None:
        refusal = await may_press(self._handlers, interaction, key)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
        else:
            await interaction.response.send_modal(round_form(id, await self._chosen(key, id.picture)))

    async def _chosen(self, key: ThreadKey, number: int | None) -> Mapping[str, str]:
        try:
            found = await asyncio.wait_for(round_with(self._store, key, number), LOOK_UP_S)
        except (TimeoutError, UserError) as error:
            log.warning("the round with picture %s of %s is not known in time: %s", number, key, error)
            return {}
        return settings_of(found)

    async def take(self, interaction: Interaction) -> bool:
        """Do what a form says that was sent; False when it is none of ours."""
        data: Mapping[str, Any] = interaction.data or {}
        custom_id = str(data.get("custom_id", ""))
        if FORM.fullmatch(custom_id) is None or (id := ButtonId.parse(custom_id)) is None:
            return False
        await interaction.response.defer()
        given = read_given(_values(interaction))
        self._tasks.spawn(self._change(interaction, id, given), f"discord settings {interaction.id}")
        return True

    async def _change(self, interaction: Interaction, id: ButtonId, given: Given) -> None:
        key = id.key(str(interaction.guild_id or NOWHERE))
        refusal = await may_press(self._handlers, interaction, key)
        if refusal is not None or given.errors:
            await self._answers.say(interaction, refusal or " ".join(given.errors.values()))
            return
        call = given.call(f"discord:i{interaction.id}", key, person_of_interaction(interaction))
        await self._answers.give(interaction, await self._handlers.command(call))


def round_form(id: ButtonId, chosen: Mapping[str, str]) -> ui.Modal:
    """`chosen`: what holds now, by field."""
    form = ui.Modal(title=Sentence.ROUND, custom_id=str(id), timeout=900)
    for option in FIELDS:
        form.add_item(
            ui.Label(
                text=option.name.capitalize(),
                description=shorten(option.summary, 100),
                component=_component(option, chosen.get(option.name, "")),
            )
        )
    return form


def _component(option: Option, value: str) -> ui.RadioGroup[Any] | ui.TextInput[Any]:
    if option.choices:
        options = [
            discord.RadioGroupOption(label=choice.capitalize(), value=choice, default=choice == value)
            for choice in option.choices
        ]
        return ui.RadioGroup(custom_id=option.name, required=False, options=options)
    return ui.TextInput(custom_id=option.name, default=value or None, required=False, max_length=10)


def _values(interaction: Interaction) -> Mapping[str, str]:
    data: Mapping[str, Any] = interaction.data or {}
    found = fields_of(data.get("components", ()))
    return {str(field.get("custom_id")): str(field.get("value") or "") for field in found}
