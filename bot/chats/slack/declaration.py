"""Slack, declared: when it is wanted, how it is built, where it may work, what doctor asks, and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.chats import ChatNotStarted
from bot.chats.slack.checkup import examine
from bot.chats.slack.config import SlackConfig
from bot.platforms import Parts, Platform, Routes, Service, ids, with_direct
from bot.settings import Settings
from handlers.access import Access
from handlers.ports import Chat

if TYPE_CHECKING:
    from bot.chats.slack.listen import SlackService


class SlackRunner(Service):
    def __init__(self, service: SlackService) -> None:
        self.service = service

    @property
    def chat(self) -> Chat:
        return self.service.chat

    async def start(self) -> None:
        from bot.chats.slack.link import SlackRefused

        try:
            await self.service.start()
        except SlackRefused as error:
            raise ChatNotStarted(str(error)) from None

    async def stop(self) -> None:
        await self.service.stop()

    async def problem(self) -> str | None:
        return await self.service.health()

    @property
    def routes(self) -> Routes:
        return self.service.mount


def wanted(settings: Settings) -> bool:
    secrets = (
        settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret, settings.slack_client_secret
    )  # fmt: skip
    return bool(settings.slack_client_id) or any(secret.get_secret_value() for secret in secrets)


def build(parts: Parts) -> SlackRunner:
    from bot.chats.slack.chat import SlackChat
    from bot.chats.slack.listen import SlackService
    from handlers.commands import COMMANDS

    config = SlackConfig.of(parts.settings)
    problems = config.problems()
    if problems:
        raise ChatNotStarted(" ".join(problems))
    chat = SlackChat(
        config, parts.handlers, parts.store, parts.memory.corner("slack"), COMMANDS, parts.home.root / "slack.db"
    )
    return SlackRunner(SlackService(chat))


def access(settings: Settings) -> Access:
    lists = Access(
        allow_tenants=ids(settings.slack_workspaces_allowed),
        allow_channels=ids(settings.slack_channels_allowed),
        deny_channels=ids(settings.slack_channels_denied),
        allow_roles=ids(settings.slack_roles_allowed),
        deny_roles=ids(settings.slack_roles_denied),
    )
    return with_direct(lists, settings.slack_direct)


SLACK = Platform("slack", wanted, build, examine, access)
