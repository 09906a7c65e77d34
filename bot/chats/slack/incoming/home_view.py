"""What App Home shows: what can be done, as buttons; my pictures, my usage, my settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.chats.slack.outgoing import blocks, markup, render
from handlers.english import alt_text
from handlers.model import Picture
from handlers.presentation import shorten

PICTURES, MORE = 6, 24
"""Of one's own that are shown at first, and at most."""
PREFIX = "easel.home."
"""Of the ids of its buttons."""
START = (
    "*Talk, and pictures appear.* Mention me in a channel, write to me in *Messages*, or begin with a button. "
    "In a thread that I answered every message counts: “make it blue”, “the second one”, “more like #3”.\n"
    "_My words and pictures are made with AI: words may be wrong, and pictures show nothing that happened. "
    "`/easel verify` says what a picture tells of its origin._"
)


class Button(StrEnum):
    """What is done by a button of the page. Ids that were given stay, for pages that are open."""

    NEW = "new"
    MORE = "more"
    USAGE = "usage"
    SETTINGS = "settings"
    COMMANDS = "commands"
    FORGET = "forget"


LABELS: Mapping[Button, str] = {
    Button.NEW: "New picture…",
    Button.MORE: "More of my pictures",
    Button.USAGE: "My usage",
    Button.SETTINGS: "My settings…",
    Button.COMMANDS: "All commands",
    Button.FORGET: "Forget me…",
}
STYLES = {Button.NEW: "primary", Button.FORGET: "danger"}
CONFIRM = {
    "title": blocks.plain("Forget you?"),
    "text": blocks.plain("What you said to me and had made is deleted everywhere. It cannot be undone."),
    "confirm": blocks.plain("Delete it all"),
    "deny": blocks.plain("Keep it"),
    "style": "danger",
}


def read_button(action_id: str) -> Button | None:
    """None for every other action."""
    name = action_id.removeprefix(PREFIX)
    return Button(name) if action_id.startswith(PREFIX) and name in tuple(Button) else None


def _button(button: Button, channel: str) -> dict[str, Any]:
    """`channel`: the conversation with the bot, which what is pressed is about."""
    made = {"type": "button", "action_id": f"{PREFIX}{button}", "value": channel, "text": blocks.plain(LABELS[button])}
    made |= {"style": STYLES[button]} if button in STYLES else {}
    return made | ({"confirm": CONFIRM} if button is Button.FORGET else {})


def _row(name: str, channel: str, *buttons: Button) -> blocks.Block:
    return {"type": "actions", "block_id": f"home.{name}", "elements": [_button(button, channel) for button in buttons]}


@dataclass(frozen=True, slots=True)
class Mine:
    """A picture of one's own: the file that shows it, and where it stands, as far as they are known."""

    picture: Picture
    file: str | None
    link: str | None


def view(
    mine: Sequence[Mine], usage: str, settings: Mapping[str, str], channel: str, *,
    said: str = "", more: bool = False, images: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """A `views.publish` payload within 100 blocks.

    Args:
        said: What a button answered.
        more: There are more pictures than these.
        images: False: in words only.
    """
    shown: list[blocks.Block] = [_header("Easel"), blocks.section(START)]
    shown += [blocks.section(_words(said))] if said else []
    shown += [
        _row("do", channel, Button.NEW, Button.USAGE, Button.SETTINGS, Button.COMMANDS, Button.FORGET),
        {"type": "divider"},
        _header("My pictures"),
    ]
    for one in mine:
        shown += _picture(one, images=images)
    if not mine:
        shown.append(blocks.context("None yet: *New picture…* makes the first."))
    shown += [_row("pictures", channel, Button.MORE)] if more else []
    shown += [{"type": "divider"}, _header("My usage"), blocks.section(_words(usage or "Not known just now."))]
    shown += [{"type": "divider"}, _header("My settings"), _settings(settings)]
    return {"type": "home", "blocks": shown}


def refused_view(sentence: str, channel: str) -> dict[str, Any]:
    """For who may not use the bot: what is kept of them they may have deleted all the same."""
    return {"type": "home", "blocks": [blocks.section(_words(sentence)), _row("do", channel, Button.FORGET)]}


def told_view(title: str, pieces: Sequence[str]) -> dict[str, Any]:
    """A `views.open` payload that says something; `pieces` are mrkdwn."""
    shown = [blocks.section(piece) for piece in pieces]
    return {"type": "modal", "title": blocks.plain(title[:24]), "close": blocks.plain("Close"), "blocks": shown}


def _header(text: str) -> blocks.Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def _words(text: str) -> str:
    return markup.clip(markup.escape(text), markup.SECTION_LIMIT)


def _picture(one: Mine, *, images: bool) -> list[blocks.Block]:
    picture = one.picture
    where = f" — <{one.link}|open its thread>" if one.link else ""
    line = f"*#{picture.number}* {markup.escape(shorten(picture.description, render.SHORT))}{where}"
    if not images or one.file is None:
        return [blocks.section(line)]
    told = picture.description or f"Picture {picture.number}"
    alt = alt_text(told, picture.operation, render.ALT_LIMIT)
    return [{"type": "image", "slack_file": {"id": one.file}, "alt_text": alt}, blocks.context(line)]


def _settings(settings: Mapping[str, str]) -> blocks.Block:
    told = "\n".join(f"{name}: {markup.escape(value)}" for name, value in settings.items()) or "As they come."
    return blocks.section(markup.clip(f"In our direct messages:\n{told}", markup.SECTION_LIMIT))
