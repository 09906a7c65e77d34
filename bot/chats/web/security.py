"""What keeps strangers out of a page on this machine: host, origin, password, and strict headers."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.chats.web.connections import answering
from bot.chats.web.visitors import forwarded
from bot.settings import loopback

log = logging.getLogger(__name__)

COOKIE = "easel_person"
_PERSON = re.compile(r"[A-Za-z0-9_-]{16,64}")
PERSON: web.RequestKey[str] = web.RequestKey("person", str)
SIGNED_PATHS = ("/slack/",)
"""Requests of a platform, which carry its signature; whoever handles them checks it."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules of one server. `hosts` are the names it answers to; empty means any (a password stands before it)."""

    hosts: frozenset[str]
    password: str = ""
    closed: bool = False
    """Nothing is served but signed requests and health: others can reach the page, and no lock is on it. Not by the
    name that was asked for: a proxy may put this machine's own in its place."""

    def check(self, request: web.Request) -> None:
        """Let a request pass.

        Raises:
            web.HTTPException: 403 for a foreign host or origin, 401 for a missing password.
        """
        if request.path.startswith(SIGNED_PATHS):
            return
        if self.closed and request.path not in OPEN_PATHS:
            raise web.HTTPForbidden(text="The page is closed here: it has a public address and no password.")
        # A foreign name that resolves to this machine (DNS rebinding) must not reach the page.
        if self.hosts and _name(request.host) not in self.hosts:
            raise web.HTTPForbidden(text="This address is not one that Easel answers to (EASEL_WEB_PUBLIC_URL).")
        if request.method not in ("GET", "HEAD") and not self._same_origin(request):
            raise web.HTTPForbidden(text="The request came from another site.")
        if self.password and request.path not in OPEN_PATHS and not self._knows_password(request):
            raise web.HTTPUnauthorized(
                text="A password is needed.", headers={"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'}
            )

    def _same_origin(self, request: web.Request) -> bool:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            # Programs send no Origin; a browser's form could, so programs must send a header that forms cannot.
            return request.headers.get("X-Easel") == "1" or "Sec-Fetch-Site" in request.headers
        netloc = urlsplit(origin).netloc
        return bool(netloc) and (
            netloc == request.host or (bool(self.hosts) and _name(netloc) in self.hosts - LOOPBACK)
        )

    def _knows_password(self, request: web.Request) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            _, _, given = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return secrets.compare_digest(given.encode(), self.password.encode())


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def direct(request: web.Request) -> bool:
    """Whether the visitor sits at this machine, as far as the connection and its headers tell."""
    return loopback(request.remote or "") and _name(request.host) in LOOPBACK and not forwarded(request.headers)


def _name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "").lower()


def middleware(gate: Gate) -> Middleware:
    """Checks every request, knows the browser again by a cookie, and sets the headers."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        with answering(request):
            return await let_in(request, handler)

    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            gate.check(request)
            known = request.cookies.get(COOKIE, "")
            request[PERSON] = known if _PERSON.fullmatch(known) else secrets.token_urlsafe(18)
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(HEADERS)
            raise
        except Exception as error:
            if request.transport is None:
                log.debug("a visitor has gone: %s", error)
                raise web.HTTPBadRequest(text="The connection was lost.") from None
            log.exception("%s %s could not be answered", request.method, _route(request))
            raise web.HTTPInternalServerError(text="Something went wrong; please try again.", headers=HEADERS) from None
        if not response.prepared:
            seal(request, response)
        return response

    return guard


def _route(request: web.Request) -> str:
    """The route as it is written in the program: what was asked for may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no route)"


def seal(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers (and the person's cookie, once) on a response that is not sent yet."""
    response.headers.update(HEADERS)
    if request.cookies.get(COOKIE) != request[PERSON]:
        response.set_cookie(
            COOKIE, request[PERSON], max_age=400 * 24 * 3600, httponly=True, samesite="Strict", path="/"
        )
