"""Opening threads, and answering in a chain of replies where there can be none."""

from __future__ import annotations

import logging

import discord

from bot.chats.discord.ids import CHAT
from bot.chats.discord.people import NOWHERE
from bot.chats.discord.text import shorten
from bot.chats.discord.trouble import NO_THREAD, THREAD_EXISTS
from handlers.model import ThreadKey

log = logging.getLogger(__name__)
THREADED = (discord.ChannelType.text, discord.ChannelType.news)


def chain_root(message: discord.Message, me: int) -> int | None:
    """The message under which a chain of replies hangs, when this message answers one of ours in it."""
    answered = message.reference.resolved if message.reference else None
    if not isinstance(answered, discord.Message) or answered.author.id != me or answered.reference is None:
        return None
    return answered.reference.message_id


async def message_in(client: discord.Client, channel_id: int, message_id: int) -> discord.Message:
    """The message with its channel known, as opening a thread needs it."""
    channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    if not isinstance(channel, discord.abc.Messageable):
        raise discord.InvalidData("not a channel with messages")
    return await channel.fetch_message(message_id)


async def session_of(message: discord.Message, me: int, title: str) -> ThreadKey:
    """The session that a message belongs to; a thread is opened on it in a channel."""
    channel = message.channel
    if message.guild is None:
        return ThreadKey(CHAT, NOWHERE, str(channel.id), str(channel.id))
    tenant = str(message.guild.id)
    if isinstance(channel, discord.Thread):
        return ThreadKey(CHAT, tenant, str(channel.parent_id), str(channel.id))
    root = chain_root(message, me)
    if root is not None:
        return ThreadKey(CHAT, tenant, str(channel.id), f"r{root}")
    return await open_thread(message, title)


async def open_thread(message: discord.Message, title: str) -> ThreadKey:
    """A thread on `message`; its id is the message's. Where threads are impossible, a chain of replies."""
    tenant, channel = str(message.guild.id if message.guild else NOWHERE), str(message.channel.id)
    chain = ThreadKey(CHAT, tenant, channel, f"r{message.id}")
    if message.channel.type not in THREADED:
        return chain
    try:
        await message.create_thread(name=title)
    except discord.HTTPException as error:
        if error.code in NO_THREAD or error.status == 403:
            log.info("no thread in channel %s: %s", channel, error)
            return chain
        if error.code != THREAD_EXISTS:
            raise
    return ThreadKey(CHAT, tenant, channel, str(message.id))


def title_of(text: str, name: str) -> str:
    """What a thread is called: the first words, at most 100 characters."""
    return shorten(text, 80) or shorten(f"Pictures with {name}", 100)
