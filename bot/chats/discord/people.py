"""Who and where: Discord's objects → our words. No decision is made here."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import discord

from bot.chats.discord.ids import CHAT
from handlers.model import Person, ThreadKey, Whereabouts

Interaction: TypeAlias = discord.Interaction[Any]
NOWHERE = "-"


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
        direct=isinstance(channel, (discord.DMChannel, discord.GroupChannel)) or key.tenant == NOWHERE,
    )


def _known(channel: object, name: str) -> int | None:
    try:
        found = getattr(channel, name, None)
    except discord.ClientException:  # a thread whose channel is not known
        return None
    return found if isinstance(found, int) else None


def words_of(message: discord.Message, me: int) -> str:
    """The text as people read it: our own mention left out, ids of others replaced by names."""
    text = re.sub(rf"<@!?{me}>", "", message.content)
    for user in message.mentions:
        text = re.sub(rf"<@!?{user.id}>", f"@{user.display_name}", text)
    for channel in message.channel_mentions:
        text = text.replace(channel.mention, f"#{channel.name}")
    for role in message.role_mentions:
        own = role.tags is not None and role.tags.bot_id == me
        text = text.replace(role.mention, "" if own else f"@{role.name}")
    return re.sub(r"<a?(:\w+:)\d+>", r"\1", text).strip()
