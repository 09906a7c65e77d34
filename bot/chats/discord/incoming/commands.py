"""The command table → Discord's slash commands and context menus; sent to Discord only when they changed."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeAlias

import discord
from discord import app_commands

from bot.chats.discord.config import KeyValue
from bot.chats.discord.people import Interaction
from handlers.completion import Completion, completes
from handlers.errors import UserError
from handlers.model import CommandSpec, Option, OptionKind
from handlers.presentation import shorten

log = logging.getLogger(__name__)
MAX_CHOICES = 25
MAX_TEXT = 6000
LOOK_UP_S = 2.0
FILE = "file"
"""The option that takes a file; no row may have one of that name."""
Call: TypeAlias = Callable[[Interaction, CommandSpec, dict[str, str | int], discord.Attachment | None], Awaitable[None]]
Complete: TypeAlias = Callable[[Interaction, Option, str], Awaitable[Sequence[Completion]]]
OnMessage: TypeAlias = Callable[[Interaction, discord.Message], Awaitable[None]]


def slash_command(spec: CommandSpec, call: Call, complete: Complete) -> app_commands.Command[Any, ..., None]:
    """One row of the table as a slash command, with completion of picture numbers, styles and long choices."""

    async def callback(interaction: Interaction, **arguments: Any) -> None:
        file = arguments.pop(FILE, None) if spec.takes_files else None
        given = {name: _plain(value) for name, value in arguments.items() if value is not None}
        await call(interaction, spec, given, file)

    first = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=discord.Interaction)
    # Required options come first: Discord insists.
    options = sorted(spec.options, key=lambda option: not option.required)
    parameters, summaries = [*map(_parameter, options)], {option.name: _summary(option.summary) for option in options}
    if spec.takes_files:
        kind, optional = inspect.Parameter.KEYWORD_ONLY, discord.Attachment | None
        parameters.append(inspect.Parameter(FILE, kind, annotation=optional, default=None))
        summaries[FILE] = "A picture from your device"
    setattr(callback, "__signature__", inspect.Signature([first, *parameters]))  # noqa: B010
    if summaries:
        app_commands.describe(**summaries)(callback)
    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=spec.name, description=_summary(spec.summary), callback=callback
    )
    for option in options:
        if completes(option, MAX_CHOICES):
            command.autocomplete(option.name)(_completion(option, complete))
    everywhere = not spec.admin_only
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=everywhere)
    command.allowed_contexts = app_commands.AppCommandContext(
        guild=True, dm_channel=everywhere, private_channel=everywhere
    )
    if spec.admin_only:
        command.default_permissions = discord.Permissions(manage_guild=True)
    return command


def message_menu(name: str, act: OnMessage) -> app_commands.ContextMenu:
    """An entry of the menu on messages."""

    async def callback(interaction: Interaction, message: discord.Message) -> None:
        await act(interaction, message)

    menu = app_commands.ContextMenu(name=name, callback=callback)
    menu.allowed_installs = app_commands.AppInstallationType(guild=True, user=True)
    menu.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
    return menu


def _summary(text: str) -> str:
    return shorten(text, 100) or "…"


def _parameter(option: Option) -> inspect.Parameter:
    default = inspect.Parameter.empty if option.required else None
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, annotation=_annotation(option), default=default
    )


def _annotation(option: Option) -> Any:
    match option.kind:
        case OptionKind.NUMBER:
            return app_commands.Range[int, option.minimum, option.maximum]
        case OptionKind.PICTURE:
            return app_commands.Range[int, option.minimum or 1, option.maximum]
        case OptionKind.CHOICE if 0 < len(option.choices) <= MAX_CHOICES:
            return Literal[tuple(map(str, option.choices))]
        case OptionKind.PERSON:
            return discord.User
        case OptionKind.CHANNEL:
            return app_commands.AppCommandChannel
        case OptionKind.ROLE:
            return discord.Role
        case _:
            return app_commands.Range[str, option.minimum or 1, min(option.maximum or MAX_TEXT, MAX_TEXT)]


def _plain(value: Any) -> str | int:
    if isinstance(value, (discord.User, discord.Member, discord.Role, app_commands.AppCommandChannel)):
        return str(value.id)
    return value if isinstance(value, int) else str(value)


def _completion(option: Option, complete: Complete) -> Any:
    kind: Any = int if option.kind is OptionKind.PICTURE else str

    async def offer(interaction: Interaction, current: kind) -> list[app_commands.Choice[Any]]:
        try:
            found = await asyncio.wait_for(complete(interaction, option, str(current)), LOOK_UP_S)
        except (TimeoutError, UserError) as error:
            log.warning("no completion in channel %s: %s", interaction.channel_id, error)
            return []
        return [app_commands.Choice(name=shorten(one.label, 100), value=one.value) for one in found[:MAX_CHOICES]]

    return offer


async def sync_when_changed(tree: app_commands.CommandTree[Any], application: int, memory: KeyValue) -> bool:
    """Send the commands to Discord unless they are those of the last time. True when they were sent."""
    payload = [command.to_dict(tree) for command in tree.get_commands()]
    text = json.dumps(payload, sort_keys=True, default=str)
    digest = hashlib.sha256(f"{application} {text}".encode()).hexdigest()
    if await memory.get("commands") == digest:
        return False
    await tree.sync()
    await memory.put("commands", digest)
    return True
