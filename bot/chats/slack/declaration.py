"""Slack, declared: when it is wanted, how it is built, where it may work, what doctor asks, and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.chats import ChatNotStarted
from bot.chats.slack.checkup import examine
from bot.chats.slack.config import SlackConfig
from bot.platforms import Parts, Platform, ids, with_direct
from bot.settings import Settings
from handlers.access import Access

if TYPE_CHECKING:
    from bot.chats.slack.gateway.service import SlackService


def wanted(settings: Settings) -> bool:
    secrets = (
        settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret, settings.slack_client_secret
    )  # fmt: skip
    return bool(settings.slack_client_id) or any(secret.get_secret_value() for secret in secrets)


def build(parts: Parts) -> SlackService:
    from bot.chats.slack.chat import SlackChat
    from bot.chats.slack.gateway.service import SlackService
    from handlers.commands import commands_here

    config = SlackConfig.of(parts.settings)
    problems = config.problems()
    if problems:
        raise ChatNotStarted(" ".join(problems))
    chat = SlackChat(
        config,
        parts.handlers,
        parts.store,
        parts.memory.corner("slack"),
        commands_here(parts.pictures.at_hand()),
        parts.home.root / "slack.db",
        parts.marking,
    )
    return SlackService(chat)


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
