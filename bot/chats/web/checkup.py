"""What doctor says of the page: whether it is locked as it should be, and whether anybody can open it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import closing

from bot.home import Home
from bot.people import Register
from bot.settings import Login, Settings, loopback
from handlers.errors import StoreError
from imaging.findings import Finding, broken, ok, warning


async def examine(settings: Settings) -> list[Finding]:
    found = [] if Home(settings.home).running() is not None else [port(settings)]
    return [*found, *page(settings)]


def page(settings: Settings) -> Iterable[Finding]:
    """Look at the settings and, with invitations, at who is invited."""
    locked = bool(settings.web_password.get_secret_value()) or settings.web_login is not Login.NONE
    if settings.web_public_url and not locked:
        taken = "Slack's requests and links to threads" if settings.web_share_days else "Slack's requests alone"
        yield ok("web page", f"closed: {taken} are taken; EASEL_WEB_PASSWORD or EASEL_WEB_LOGIN opens it")
    if settings.web_share_days and not settings.web_public_url:
        yield warning(
            "web page", "links to threads (EASEL_WEB_SHARE_DAYS) lead to this machine alone: set EASEL_WEB_PUBLIC_URL"
        )
    others_come = bool(settings.web_public_url) or not loopback(settings.web_host)
    if locked and others_come and not settings.web_public_url.startswith("https://"):
        yield warning(
            "web page", "others reach it without TLS: put TLS in front of it and set EASEL_WEB_PUBLIC_URL=https://…"
        )
    if settings.web_login is Login.INVITATION:
        yield from _invited(Home(settings.home))


def _invited(home: Home) -> Iterable[Finding]:
    people = 0
    invited = False
    if home.people.exists():
        try:
            with closing(Register(home.people)) as register:
                people = len(register.people())
                invited = any(one.open(time.time()) for one in register.invitations())
        except StoreError as error:
            yield broken("web page", str(error))
            return
    if not people and not invited:
        yield warning("web page", "nobody was let in yet, and no invitation is open: easel invite")
    else:
        yield ok("web page", f"people who have come in by invitation: {people}")


def port(settings: Settings) -> Finding:
    """Whether it can listen where it is told to; asked where no program uses the home now."""
    host, port = settings.web_host, settings.web_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return warning(
                "web page",
                f"port {port} on {host} cannot be used now ({error.strerror}); another program has it: "
                "choose another with --port or EASEL_WEB_PORT",
            )
    return ok("web page", f"port {port} on {host} is free")
