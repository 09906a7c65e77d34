"""Opening threads, and answering in a chain of replies where there can be none."""

from __future__ import annotations

import logging

import discord

from bot.chats.discord.health import held_in, may_open_threads
from bot.chats.discord.ids import CHAT, ButtonId
from bot.chats.discord.trouble import NO_THREAD, THREAD_EXISTS, Trouble, trouble
from handlers.model import NOWHERE, ThreadKey
from handlers.presentation import shorten

log = logging.getLogger(__name__)
REFUSALS = (Trouble.REFUSED, Trouble.NOT_ALLOWED, Trouble.BLOCKED)
SPOKEN_IN = (discord.TextChannel, discord.VoiceChannel, discord.StageChannel, discord.Thread, discord.DMChannel)
THREADED = (discord.ChannelType.text, discord.ChannelType.news)


def chain_root(message: discord.Message, me: int) -> int | None:
    """The message under which a chain of replies hangs, when this message answers one of ours in it."""
    answered = message.reference.resolved if message.reference else None
    if not isinstance(answered, discord.Message) or answered.author.id != me:
        return None
    return _root(answered)


def _root(answer: discord.Message) -> int | None:
    """Where the bot may not read history its answer hangs on nothing; the buttons under a picture know the chain."""
    if answer.reference is not None:
        return answer.reference.message_id
    for row in answer.components:
        for item in row.children if isinstance(row, discord.ActionRow) else ():
            id = ButtonId.parse(item.custom_id or "")
            if id is not None and id.thread.startswith("r"):
                return int(id.thread[1:])
    return None


def chain_name(key: ThreadKey) -> str:
    """Under which the latest chain of a channel is remembered: commands there mean it."""
    return f"chain:{key.channel}"


def place_of_answer(message: discord.Message, me: int) -> ThreadKey | None:
    """The session that a message of ours belongs to; None for anybody else's, or where that cannot be told."""
    if message.author.id != me:
        return None
    root = _root(message)
    return _thread_of(message) or (None if root is None else _chain(message, root))


def _thread_of(message: discord.Message) -> ThreadKey | None:
    """Where a message stands is a session of its own: a direct message, a thread; None in a channel."""
    channel = message.channel
    if message.guild is None:
        return ThreadKey(CHAT, NOWHERE, str(channel.id), str(channel.id))
    if isinstance(channel, discord.Thread):
        return ThreadKey(CHAT, str(message.guild.id), str(channel.parent_id), str(channel.id))
    return None


def _chain(message: discord.Message, root: int) -> ThreadKey:
    """The session of the answers in a channel that go back to one message."""
    assert message.guild is not None
    return ThreadKey(CHAT, str(message.guild.id), str(message.channel.id), f"r{root}")


async def partial_in(client: discord.Client, channel_id: int, message_id: int) -> discord.PartialMessage:
    """The message by its id, with its channel known, as opening a thread needs it: it is not read."""
    channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    if not isinstance(channel, SPOKEN_IN):
        raise discord.InvalidData("not a channel with messages")
    return channel.get_partial_message(message_id)


async def message_in(client: discord.Client, channel_id: int, message_id: int) -> discord.Message:
    """The message itself; reading it takes the permission *Read Message History*."""
    return await (await partial_in(client, channel_id, message_id)).fetch()


async def session_of(message: discord.Message, me: int, title: str) -> ThreadKey:
    """The session that a message belongs to; a thread is opened on it in a channel."""
    if (there := _thread_of(message)) is not None:
        return there
    root = chain_root(message, me)
    return await open_thread(message, title) if root is None else _chain(message, root)


async def open_thread(message: discord.PartialMessage, title: str) -> ThreadKey:
    """A thread on `message`; its id is the message's. Where threads are impossible, or this one is refused (its title
    by a filter of the server, or one thread too many), a chain of replies."""
    tenant, channel = str(message.guild.id if message.guild else NOWHERE), str(message.channel.id)
    chain = ThreadKey(CHAT, tenant, channel, f"r{message.id}")
    thread = ThreadKey(CHAT, tenant, channel, str(message.id))
    held = held_in(message.channel)
    if message.channel.type not in THREADED or (held is not None and not may_open_threads(message.channel, held)):
        return chain
    try:
        await message.create_thread(name=title)
    except discord.HTTPException as error:
        if error.code == THREAD_EXISTS:
            return thread
        if error.code not in NO_THREAD and trouble(error) not in REFUSALS:
            raise
        log.info("no thread in channel %s: %s", channel, error)
        return chain
    return thread


def title_of(text: str, name: str) -> str:
    """What a thread is called: the first words, at most 100 characters."""
    return shorten(text, 80) or shorten(f"Pictures with {name}", 100)
