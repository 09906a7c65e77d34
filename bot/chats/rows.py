"""How each platform is put together; `bot.app.CHATS` has one row for each. Every SDK is imported inside."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from bot.chats import ChatNotStarted
from bot.home import Home
from bot.memory import Memory
from bot.metrics import Metrics
from bot.people import People
from bot.readiness import Readiness
from bot.settings import Settings, proxies
from handlers.access import Access, Direct
from handlers.audit import Audit
from handlers.ports import Chat, Handlers, LanguageModel, Pictures, Store
from imaging.places import without_places

if TYPE_CHECKING:
    from bot.chats.discord import DiscordChat
    from bot.chats.slack.config import SlackConfig
    from bot.chats.slack.listen import SlackService
    from bot.chats.web.chat import WebChat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the platforms are built from."""

    settings: Settings
    home: Home
    store: Store
    handlers: Handlers
    pictures: Pictures
    model: LanguageModel
    memory: Memory
    metrics: Metrics
    readiness: Callable[[], Awaitable[Readiness]]
    people: People | None = None
    """Who is signed in on the page, where it has a login."""
    mounts: Sequence[Callable[[Any], None]] = ()
    """Routes that other platforms add to the web server (Slack's HTTP mode)."""
    audit: Audit | None = None


class Service(Protocol):
    """A platform with its connection, as `bot.app` starts and stops it."""

    @property
    def chat(self) -> Chat: ...

    async def start(self) -> None:
        """Connect, or begin to.

        Raises:
            ChatNotStarted: one sentence with the way out.
        """

    async def stop(self) -> None: ...

    async def problem(self) -> str | None:
        """None when people can talk there now, else one sentence."""


class WebService:
    def __init__(self, chat: WebChat, handlers: Handlers) -> None:
        self.chat = chat
        self._handlers = handlers

    async def start(self) -> None:
        await self.chat.start(self._handlers)

    async def stop(self) -> None:
        await self.chat.stop()

    async def problem(self) -> str | None:
        return self.chat.health()


def web(parts: Parts) -> Service:
    from bot.chats.web.chat import About, WebAddress, WebChat
    from bot.chats.web.residents import ProxyLogin

    settings = parts.settings
    public_url = urlsplit(settings.web_public_url)
    public = public_url.hostname
    address = WebAddress(
        settings.web_host,
        settings.web_port,
        settings.web_password.get_secret_value(),
        frozenset({public} if public else ()),
        login=settings.web_login,
        public=bool(public),
        proxies=proxies(settings),
        tls_name=public or "" if public_url.scheme == "https" else "",
    )
    if address.closed:
        log.warning(
            "the page is closed, only Slack's requests are taken: EASEL_WEB_PUBLIC_URL lets others in, "
            "and neither EASEL_WEB_PASSWORD nor EASEL_WEB_LOGIN is set"
        )
    elif address.in_the_clear:
        log.warning(
            "what opens the page travels in the clear: put TLS in front of it and set EASEL_WEB_PUBLIC_URL=https://…"
        )
    chat = WebChat(
        parts.store,
        address,
        max_upload_bytes=settings.max_upload_mb * 2**20,
        readiness=parts.readiness,
        metrics=parts.metrics.text,
        about=About(*about(parts)),
        mounts=parts.mounts,
        memory=parts.memory.corner("web"),
        people=parts.people,
        proxy_login=ProxyLogin(settings.web_login_header, _ids(settings.web_admins), _ids(settings.web_moderators)),
        audit=parts.audit,
    )
    return WebService(chat, parts.handlers)


def about(parts: Parts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the page says of the models, honestly, and messages to begin with."""
    abilities = parts.pictures.abilities
    lines = [f"Words: {without_places(parts.model.name)}."]
    if not parts.settings.llm_base_url:
        lines.append(
            "It is tiny: it draws well and chats modestly. A real LLM is one setting away: EASEL_LLM_BASE_URL."
        )
    lines.append(f"Pictures: {without_places(abilities.model)}.")
    ideas: tuple[str, ...] = (
        "three ideas for a fox logo",
        "a lighthouse in a storm, oil painting",
        "a cosy reading corner, storybook style",
    )
    if abilities.vocabulary is not None:
        lines.append(
            f"A miniature: it knows {len(abilities.vocabulary.things)} things and draws the nearest for the rest."
        )
        ideas = ("draw a penguin in the snow", "two ideas: a rocket at night, a red balloon", "a cat next to a cactus")
    return tuple(lines), ideas


class DiscordService:
    def __init__(self, chat: DiscordChat) -> None:
        self.chat = chat

    async def start(self) -> None:
        from bot.chats.discord import DiscordRefused

        try:
            await self.chat.start()
        except DiscordRefused as error:
            raise ChatNotStarted(str(error)) from None

    async def stop(self) -> None:
        await self.chat.stop()

    async def problem(self) -> str | None:
        health = self.chat.health()
        if health.connected:
            return None
        return next(iter(health.problems), "Discord is not connected yet.")


def discord(parts: Parts) -> Service:
    from bot.chats.discord import DiscordConfig, build_discord
    from handlers.commands import COMMANDS

    settings = parts.settings
    config = DiscordConfig(
        token=settings.discord_token.get_secret_value(),
        api_base=settings.discord_api_base,
        gateway=settings.discord_gateway,
        cdn=settings.discord_cdn,
        max_upload_bytes=settings.max_upload_mb * 2**20,
    )
    return DiscordService(build_discord(config, parts.handlers, parts.store, COMMANDS, parts.memory.corner("discord")))


class SlackRunner:
    def __init__(self, service: SlackService) -> None:
        self.service = service

    @property
    def chat(self) -> Chat:
        return self.service.chat

    async def start(self) -> None:
        from bot.chats.slack.link import Refused

        try:
            await self.service.start()
        except Refused as error:
            raise ChatNotStarted(str(error)) from None

    async def stop(self) -> None:
        await self.service.stop()

    async def problem(self) -> str | None:
        return await self.service.health()

    def mount(self, server: Any) -> None:
        self.service.mount(server)


def wants_slack(settings: Settings) -> bool:
    """Also where only half of what it needs is set: better refused with a sentence than left out silently."""
    secrets = (
        settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret, settings.slack_client_secret
    )  # fmt: skip
    return bool(settings.slack_client_id) or any(secret.get_secret_value() for secret in secrets)


def slack_config(settings: Settings) -> SlackConfig:
    from bot.chats.slack.config import SlackConfig

    return SlackConfig(
        bot_token=settings.slack_bot_token.get_secret_value() or None,
        app_token=settings.slack_app_token.get_secret_value() or None,
        signing_secret=settings.slack_signing_secret.get_secret_value() or None,
        client_id=settings.slack_client_id or None,
        client_secret=settings.slack_client_secret.get_secret_value() or None,
        api_base=settings.slack_api_base,
        public_url=settings.web_public_url,
        workspaces_allowed=_ids(settings.slack_workspaces_allowed),
        max_upload_bytes=settings.max_upload_mb * 2**20,
    )


def slack(parts: Parts) -> Service:
    from bot.chats.slack.chat import SlackChat
    from bot.chats.slack.listen import SlackService
    from handlers.commands import COMMANDS

    config = slack_config(parts.settings)
    problems = config.problems()
    if problems:
        raise ChatNotStarted(" ".join(problems))
    chat = SlackChat(
        config, parts.handlers, parts.store, parts.memory.corner("slack"), COMMANDS, parts.home.root / "slack.db"
    )
    return SlackRunner(SlackService(chat))


def access(settings: Settings) -> dict[str, Access]:
    """Where and for whom whoever runs the program lets it work, by chat."""
    lists = {
        "discord": Access(
            allow_tenants=_ids(settings.discord_servers_allowed),
            allow_channels=_ids(settings.discord_channels_allowed),
            deny_channels=_ids(settings.discord_channels_denied),
            allow_roles=_ids(settings.discord_roles_allowed),
            deny_roles=_ids(settings.discord_roles_denied),
            age_restricted=settings.discord_age_restricted,
        ),
        "slack": Access(
            allow_tenants=_ids(settings.slack_workspaces_allowed),
            allow_channels=_ids(settings.slack_channels_allowed),
            deny_channels=_ids(settings.slack_channels_denied),
            allow_roles=_ids(settings.slack_roles_allowed),
            deny_roles=_ids(settings.slack_roles_denied),
        ),
    }
    chosen = {"discord": settings.discord_direct, "slack": settings.slack_direct}
    return {name: replace(one, direct=_direct(chosen[name], one)) for name, one in lists.items()}


def _direct(chosen: str, access: Access) -> Direct:
    if chosen == "auto":
        return Direct.MEMBERS if access.listed else Direct.ALL
    return Direct(chosen)


def _ids(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())
