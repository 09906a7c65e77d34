"""The web page, declared: it is always wanted, takes the routes of the platforms before it, and says where it is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.chats.web.checkup import examine
from bot.platforms import Parts, Platform, ids
from bot.settings import Login, Settings, loopback, proxies
from imaging.places import without_places
from prompts.operations import SIZES

if TYPE_CHECKING:
    from bot.chats.web.service import WebService

log = logging.getLogger(__name__)


def build(parts: Parts) -> WebService:
    from bot.chats.web.address import WebAddress
    from bot.chats.web.chat import WebChat
    from bot.chats.web.residents import ProxyLogin
    from bot.chats.web.service import About, WebService
    from handlers.commands import commands_here

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
            "the page is closed, only Slack's requests%s are taken: EASEL_WEB_PUBLIC_URL lets others in, "
            "and neither EASEL_WEB_PASSWORD nor EASEL_WEB_LOGIN is set",
            " and links to threads" if settings.web_share_days else "",
        )
    elif address.in_the_clear:
        log.warning(
            "what opens the page travels in the clear: put TLS in front of it and set EASEL_WEB_PUBLIC_URL=https://…"
        )
    chat = WebChat(
        parts.store,
        address,
        signed=parts.routes,
        memory=parts.memory.corner("web"),
        people=parts.people,
        proxy_login=ProxyLogin(settings.web_login_header, ids(settings.web_admins), ids(settings.web_moderators)),
        audit=parts.audit,
        marking=parts.marking,
    )
    return WebService(
        chat,
        parts.handlers,
        address,
        max_upload_bytes=settings.max_upload_mb * 2**20,
        readiness=parts.readiness,
        metrics=parts.metrics.text,
        commands=commands_here(parts.pictures.at_hand()),
        about=About(*about(parts), share_days=settings.web_share_days),
        routes=parts.routes,
    )


def about(parts: Parts) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What the page says of the models, honestly, messages to begin with, and the shapes that can be drawn."""
    abilities = parts.pictures.abilities
    lines = [f"Words: {without_places(parts.model.name)}."]
    if not parts.settings.llm_base_url:
        lines.append(
            "It is tiny: it draws well and chats modestly. A real LLM is one setting away: EASEL_LLM_BASE_URL."
        )
    lines.append(f"Pictures: {without_places(abilities.model)}.")
    at_hand = parts.pictures.at_hand()
    if at_hand.purposes.edit not in ("", at_hand.purposes.new):
        lines.append(f"Changes of pictures: {without_places(at_hand.of(at_hand.purposes.edit).model)}.")
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
    return tuple(lines), ideas, tuple(name for name in SIZES if name in abilities.sizes)


def open_to_others(settings: Settings) -> bool:
    locked = bool(settings.web_password.get_secret_value()) or settings.web_login is not Login.NONE
    return locked or bool(settings.web_public_url) or not loopback(settings.web_host)


WEB = Platform("web", lambda settings: True, build, examine, open_to_others=open_to_others)
