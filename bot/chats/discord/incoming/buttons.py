"""Buttons and menus that work for ever: all they need is in their `custom_id`."""

from __future__ import annotations

import re
from typing import Any, Protocol, Self, cast

from discord import ui

from bot.chats.discord.ids import GALLERY, MORE, ButtonId, read_menu_value
from bot.chats.discord.incoming.calls import Calls
from bot.chats.discord.incoming.presses import Presses
from bot.chats.discord.people import Interaction
from handlers.model import Action

BUTTON = rf"e1:(?:{'|'.join(map(re.escape, Action))}):.*"
MENU = rf"e1:{MORE}:.*"


class Pressed(Protocol):
    """The client, as a button needs it: discord.py hands it out as its own class."""

    calls: Calls
    presses: Presses


class ActionButton(ui.DynamicItem[ui.Button[Any]], template=BUTTON):
    """One action on one picture."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(cast("ui.Button[Any]", item))

    async def callback(self, interaction: Interaction) -> None:
        id = ButtonId.parse(self.custom_id)
        if id is not None:
            await cast("Pressed", interaction.client).presses.press(interaction, id, Action(id.action))


class ActionMenu(ui.DynamicItem[ui.Select[Any]], template=MENU):
    """The rest of the actions, chosen from a menu."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(cast("ui.Select[Any]", item))

    async def callback(self, interaction: Interaction) -> None:
        id = ButtonId.parse(self.custom_id)
        chosen = read_menu_value(self.item.values[0]) if self.item.values else None
        if id is not None and chosen is not None:
            action, picture = chosen
            meant = ButtonId(action.value, id.channel, id.thread, picture)
            await cast("Pressed", interaction.client).presses.press(interaction, meant, action)


class PageButton(ui.DynamicItem[ui.Button[Any]], template=rf"{GALLERY}(?s:.*)"):
    """Another page of the gallery."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(cast("ui.Button[Any]", item))

    async def callback(self, interaction: Interaction) -> None:
        await cast("Pressed", interaction.client).calls.turn(interaction, self.custom_id.removeprefix(GALLERY))
