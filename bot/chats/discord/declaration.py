"""Discord, declared: when it is wanted, how it is built, where it may work and what doctor asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.chats.discord.checkup import examine
from bot.platforms import Parts, Platform, Service, ids, with_direct
from bot.settings import Settings
from handlers.access import Access

if TYPE_CHECKING:
    from bot.chats.discord.chat import DiscordChat


class DiscordService(Service):
    def __init__(self, chat: DiscordChat) -> None:
        self._chat = chat

    @property
    def chat(self) -> DiscordChat:
        return self._chat

    async def start(self) -> None:
        await self._chat.start()

    async def stop(self) -> None:
        await self._chat.stop()

    async def problem(self) -> str | None:
        health = self._chat.health()
        if health.connected:
            return None
        return next(iter(health.problems), "Discord is not connected yet.")


def wanted(settings: Settings) -> bool:
    return bool(settings.discord_token.get_secret_value())


def build(parts: Parts) -> Service:
    from bot.chats.discord.build import build_discord
    from bot.chats.discord.config import DiscordConfig
    from handlers.commands import commands_here

    settings = parts.settings
    config = DiscordConfig(
        token=settings.discord_token.get_secret_value(),
        api_base=settings.discord_api_base,
        gateway=settings.discord_gateway,
        cdn=settings.discord_cdn,
        max_upload_bytes=settings.max_upload_mb * 2**20,
    )
    memory = parts.memory.corner("discord")
    commands = commands_here(parts.pictures.at_hand())
    return DiscordService(build_discord(config, parts.handlers, parts.store, commands, memory, parts.marking))


def access(settings: Settings) -> Access:
    lists = Access(
        allow_tenants=ids(settings.discord_servers_allowed),
        allow_channels=ids(settings.discord_channels_allowed),
        deny_channels=ids(settings.discord_channels_denied),
        allow_roles=ids(settings.discord_roles_allowed),
        deny_roles=ids(settings.discord_roles_denied),
        age_restricted=settings.discord_age_restricted,
    )
    return with_direct(lists, settings.discord_direct)


DISCORD = Platform("discord", wanted, build, examine, access)
