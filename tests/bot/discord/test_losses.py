"""What is taken away while an answer is on its way: permissions, the thread, the server."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from bot.chats.discord.config import DiscordConfig
from handlers.model import TextPart
from handlers.ports import ChatUnavailable
from tests.bot.discord.conftest import World
from tests.bot.discord.test_answers import QUICK, Growing


@pytest.fixture
def config() -> DiscordConfig:
    return QUICK


@pytest.fixture
async def growing(world: World) -> Growing:
    world.handlers.parts = ()
    return Growing(world, await world.begin())


def forbid(world: World, **permissions: bool) -> None:
    """Somebody changes what the bot may do in the channel."""
    allow, deny = discord.PermissionOverwrite(**permissions).pair()
    bot: Any = world.chat.client.user
    changed = Overwrite(bot.id, OverwriteType.MEMBER, allow.value, deny.value)
    world.env.backend.set_overwrite(world.channel.id, changed)


async def test_the_permission_to_write_taken_in_mid_job(growing: Growing) -> None:
    forbid(growing.world, send_messages_in_threads=False)
    with pytest.raises(ChatUnavailable, match="I may not write there any more"):
        await growing.finish(TextPart("A fox"), growing.ready())
    # From now on nothing is tried in vain.
    asked = growing.requests("POST")
    with pytest.raises(ChatUnavailable):
        await growing.finish(TextPart("A fox"), growing.ready())
    assert growing.requests("POST") == asked


async def test_the_thread_deleted_in_mid_job(growing: Growing) -> None:
    await growing.show(TextPart("A fox"))
    growing.world.env.backend.delete_channel(growing.thread.id)
    with pytest.raises(ChatUnavailable, match="the place is gone"):
        await growing.finish(TextPart("A fox runs"))


async def test_the_bot_kicked_in_mid_job(growing: Growing) -> None:
    await growing.show(TextPart("A fox"))
    growing.world.env.backend.remove_guild(growing.world.guild.id)
    await growing.world.env.settle()
    with pytest.raises(ChatUnavailable, match="the place is gone"):
        await growing.finish(TextPart("A fox runs"))
    assert growing.world.chat.health().servers == 0


async def test_slow_mode_of_hours_is_said_instead_of_waited_out(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shut(*_: Any, **__: Any) -> None:
        raise discord.RateLimited(6 * 3600)

    monkeypatch.setattr(growing.world.chat.client.http, "send_message", shut)
    with pytest.raises(ChatUnavailable, match="slow mode or a limit of Discord lets me write there again in 360 min"):
        await growing.finish(TextPart("A fox"))
