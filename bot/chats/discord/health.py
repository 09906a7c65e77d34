"""What the bot may do, what it lacks, and the link that invites it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice

import discord

from bot.chats.discord.trouble import FAILURES

log = logging.getLogger(__name__)

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    create_public_threads=True,
    send_messages_in_threads=True,
    attach_files=True,
    read_message_history=True,
)
"""Exactly what is used; docs/discord.md says for what."""
NAMES = {
    "view_channel": "View Channels",
    "send_messages": "Send Messages",
    "create_public_threads": "Create Public Threads",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
}
LOOKED_AT = 5
"""Servers that are named one by one, or asked about."""
NO_INTENT = (
    "The Message Content Intent is off: messages in threads need a mention (or /imagine). Switch it on in the "
    "developer portal under Bot, Privileged Gateway Intents, and start me again."
)


@dataclass(frozen=True, slots=True)
class Health:
    """`problems` are sentences with the way out; `connected` says whether events arrive now."""

    connected: bool
    problems: tuple[str, ...] = ()
    invite: str = ""
    servers: int = 0


def invite_link(application: int) -> str:
    return discord.utils.oauth_url(application, permissions=PERMISSIONS, scopes=("bot", "applications.commands"))


def no_commands(server: str, application: int) -> str:
    """For a server that the bot was invited to without the scope `applications.commands`."""
    return f"in the server {server} the commands do not show; an admin can invite again with {invite_link(application)}"


async def scope_problem(client: discord.Client, guild: discord.Guild) -> str | None:
    """The sentence for a server that lacks the commands' scope; None where it is there, or cannot be told."""
    application = client.application_id or 0
    try:
        await client.http.get_guild_commands(application, guild.id)
    except discord.Forbidden:
        return no_commands(guild.name, application)
    except FAILURES as error:
        log.info("the commands of server %d cannot be looked at: %s", guild.id, error)
    return None


def lacking(held: discord.Permissions) -> tuple[str, ...]:
    """Names, as people see them in the server settings, of permissions that are missing."""
    if held.administrator:
        return ()
    return tuple(label for name, label in NAMES.items() if not getattr(held, name))


def lacking_to_answer(channel: object, held: discord.Permissions) -> tuple[str, ...]:
    """What keeps an answer out of this channel or thread altogether; empty when there is a way."""
    if held.administrator:
        return ()
    if isinstance(channel, discord.Thread):
        return () if held.send_messages_in_threads else (NAMES["send_messages_in_threads"],)
    if held.send_messages or may_open_threads(channel, held):
        return ()
    return (NAMES["send_messages"],)


def may_open_threads(channel: object, held: discord.Permissions) -> bool:
    """Whether an answer can stand in a thread of its own here."""
    threaded = isinstance(channel, discord.TextChannel)
    return threaded and (held.administrator or (held.create_public_threads and held.send_messages_in_threads))


def held_in(channel: object) -> discord.Permissions | None:
    """The bot's own permissions there; None where it is no member or they are not known."""
    guild = getattr(channel, "guild", None)
    if not isinstance(channel, (discord.abc.GuildChannel, discord.Thread)) or guild is None or guild.me is None:
        return None
    try:
        return channel.permissions_for(guild.me)
    except discord.ClientException:  # a thread whose channel is not known
        return None


def server_problem(guild: discord.Guild) -> str | None:
    """One sentence for a server that withholds a permission."""
    missing = lacking(guild.me.guild_permissions) if guild.me is not None else ()
    if not missing:
        return None
    return f"In the server {guild.name} I lack: {', '.join(missing)}; an admin can grant it to my role."


def server_problems(client: discord.Client, limit: int = LOOKED_AT) -> tuple[str, ...]:
    """One sentence for each of the first servers that withhold a permission."""
    return tuple(islice(filter(None, map(server_problem, client.guilds)), limit))
