"""What the bot may do, what it lacks, and the link that invites it."""

from __future__ import annotations

from dataclasses import dataclass

import discord

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
    latency_s: float | None = None


def invite_link(application: int) -> str:
    return discord.utils.oauth_url(application, permissions=PERMISSIONS, scopes=("bot", "applications.commands"))


def lacking(held: discord.Permissions) -> tuple[str, ...]:
    """Names, as people see them in the server settings, of permissions that are missing."""
    if held.administrator:
        return ()
    return tuple(label for name, label in NAMES.items() if not getattr(held, name))


def server_problems(client: discord.Client, limit: int = 5) -> tuple[str, ...]:
    """One sentence for each of the first servers that withhold a permission."""
    found = []
    for guild in client.guilds:
        missing = lacking(guild.me.guild_permissions) if guild.me is not None else ()
        if missing:
            found.append(f"In the server {guild.name} I lack: {', '.join(missing)}; an admin can grant it to my role.")
        if len(found) == limit:
            break
    return tuple(found)
