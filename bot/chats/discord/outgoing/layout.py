"""The data of a message → Discord's components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import discord
from discord import ui

from bot.chats.discord.outgoing.views import Buttons, Gallery, Menu, MessageView, Shown, Words
from handlers.links import guarded

V = TypeVar("V", bound=ui.LayoutView)
View: TypeAlias = ui.LayoutView
Item: TypeAlias = ui.Item[Any]


@contextmanager
def laid_out(view: MessageView, files: Mapping[str, str]) -> Iterator[View]:
    """The layout for one request, taken apart afterwards: its items know their view and their row, and a growing answer
    makes dozens of such circles that only the garbage collector would free."""
    built = layout(view, files)
    try:
        yield built
    finally:
        for item in built.children:
            if isinstance(item, ui.ActionRow):
                item.clear_items()
        built.clear_items()


def layout(view: MessageView, files: Mapping[str, str]) -> View:
    """Components V2 for a message. `files` maps a shown picture to its attachment's name; others are left out.

    The view is stopped: its items are found by their ids (`buttons.py`), so that the library keeps nothing of it.
    """
    built = ui.LayoutView(timeout=None)
    for block in view.blocks:
        match block:
            case Words(text):
                built.add_item(ui.TextDisplay(guarded(text)))
            case Gallery(items):
                shown = [_shown(item, url) for item in items if (url := item.url or _attached(item, files))]
                if shown:
                    built.add_item(ui.MediaGallery(*shown))
            case Buttons(items):
                built.add_item(ui.ActionRow(*[_button(item.label, item.id, item.emoji, item.danger) for item in items]))
            case Menu(id, placeholder, entries):
                options = [discord.SelectOption(label=label, value=value) for label, value in entries]
                built.add_item(ui.ActionRow(ui.Select(custom_id=id, placeholder=placeholder, options=options)))
    built.stop()
    return built


def _attached(item: Shown, files: Mapping[str, str]) -> str | None:
    return f"attachment://{files[item.file]}" if item.file in files else None


def _shown(item: Shown, url: str) -> discord.MediaGalleryItem:
    return discord.MediaGalleryItem(url, description=item.alt, spoiler=item.covered)


def _button(label: str, id: str, emoji: str, danger: bool) -> ui.Button[Any]:
    style = discord.ButtonStyle.danger if danger else discord.ButtonStyle.secondary
    return ui.Button(label=label, custom_id=id, emoji=emoji or None, style=style)
