"""Who and where: Discord's objects → our words. No decision is made here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import discord

from bot.chats.discord.files import attached
from bot.chats.discord.ids import CHAT
from handlers.model import NOWHERE, Person, ThreadKey, Whereabouts

Interaction: TypeAlias = discord.Interaction[Any]


def person_of(user: discord.User | discord.Member, permissions: discord.Permissions | None = None) -> Person:
    """`permissions` are those in the channel; without them, of the server."""
    if not isinstance(user, discord.Member):
        return Person(str(user.id), user.display_name)
    held = user.guild_permissions if permissions is None else permissions
    return Person(
        str(user.id),
        user.display_name,
        admin=held.manage_guild or held.administrator,
        moderator=held.manage_messages or held.manage_guild or held.administrator,
        roles=tuple(str(role.id) for role in user.roles),
    )


def person_of_interaction(interaction: Interaction) -> Person:
    return person_of(interaction.user, interaction.permissions)


def member_of(client: discord.Client, interaction: Interaction) -> bool:
    """Whether the bot itself is where the interaction happened; else only the person installed it."""
    if interaction.guild_id is not None:
        return client.get_guild(interaction.guild_id) is not None
    return not isinstance(interaction.channel, discord.GroupChannel) and interaction.context.private_channel is not True


def key_of_interaction(client: discord.Client, interaction: Interaction) -> ThreadKey:
    """The session that a command or a menu means."""
    tenant = str(interaction.guild_id or NOWHERE)
    channel = str(interaction.channel_id)
    if not member_of(client, interaction):
        return ThreadKey(CHAT, tenant, channel, f"u{interaction.user.id}")
    parent = getattr(interaction.channel, "parent_id", None)
    if isinstance(interaction.channel, discord.Thread) and parent is not None:
        return ThreadKey(CHAT, tenant, str(parent), channel)
    return ThreadKey(CHAT, tenant, channel, channel)


def whereabouts(key: ThreadKey, channel: object) -> Whereabouts:
    """What access depends on: the channel around the thread, its category, and whether it is age-restricted."""
    around = {str(id) for name in ("id", "parent_id", "category_id") if (id := _known(channel, name)) is not None}
    check = getattr(channel, "is_nsfw", None)
    return Whereabouts(
        key,
        frozenset(around),
        age_restricted=bool(check()) if callable(check) else False,
        direct=isinstance(channel, (discord.DMChannel, discord.GroupChannel)) or not key.has_tenant,
    )


def _known(channel: object, name: str) -> int | None:
    try:
        found = getattr(channel, name, None)
    except discord.ClientException:  # a thread whose channel is not known
        return None
    return found if isinstance(found, int) else None


def is_direct(message: discord.Message) -> bool:
    """Whether it was said to the bot alone; in a server that the library was not told of, nothing is."""
    return message.guild is None and getattr(message.channel, "guild_id", None) is None


def words_of(message: discord.Message, me: int) -> str:
    """The text as people read it, and behind it what they forwarded: our own mention left out, ids as names."""
    # Discord leaves a message's own text and files empty where it forwards another.
    inside = (snapshot.content or "\n".join(_texts(snapshot.components)) for snapshot in message.message_snapshots)
    forwarded = [f"Forwarded message: {text}" for text in (_read(text, message, me) for text in inside) if text]
    return "\n\n".join(filter(None, [_read(message.content, message, me), *forwarded]))


def files_of(message: discord.Message) -> list[discord.Attachment]:
    """Its files, and those of what it forwards."""
    return [*attached(message), *(file for inside in message.message_snapshots for file in attached(inside))]


def _texts(components: Iterable[Any]) -> Iterator[str]:
    """Of a message made of components: an answer of a bot like this one."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield component.content
        yield from _texts(getattr(component, "children", ()))


def _read(text: str, message: discord.Message, me: int) -> str:
    text = re.sub(rf"<@!?{me}>", "", text)
    for user in message.mentions:
        text = re.sub(rf"<@!?{user.id}>", f"@{user.display_name}", text)
    for role in message.role_mentions:
        own = role.tags is not None and role.tags.bot_id == me
        text = text.replace(role.mention, "" if own else f"@{role.name}")
    text = re.sub(r"<#(\d{1,20})>", lambda found: f"#{_place(message.guild, int(found[1]))}", text)
    text = re.sub(r"<@([!&]?)\d{1,20}>", lambda found: "@role" if found[1] == "&" else "@someone", text)
    text = re.sub(r"</([^:<>\n]{1,100}):\d{1,20}>", r"/\1", text)
    text = re.sub(r"<t:(-?\d{1,12})(?::[a-zA-Z])?>", lambda found: _moment(int(found[1])), text)
    return re.sub(r"<a?(:\w+:)\d+>", r"\1", text).strip()


def _place(guild: discord.Guild | None, id: int) -> str:
    found = guild.get_channel_or_thread(id) if guild is not None else None
    return found.name if found is not None else "channel"


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return str(seconds)
