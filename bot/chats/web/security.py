"""What keeps strangers out of a page on this machine: host, origin, password, and strict headers."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
import math
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.chats.web.connections import answering
from bot.chats.web.residents import Residents
from bot.chats.web.slowing import Guesses, Lookers, Newcomers
from bot.chats.web.visitors import UnnamedProxy, Visitors, forwarded
from bot.people import Member
from bot.settings import loopback
from handlers.errors import StoreError

log = logging.getLogger(__name__)

COOKIE = "easel_person"
_PERSON = re.compile(r"[A-Za-z0-9_-]{16,64}")
PERSON: web.RequestKey[str] = web.RequestKey("person", str)
MEMBER: web.RequestKey[Member | None] = web.RequestKey("member", Member)
TLS: web.RequestKey[bool] = web.RequestKey("tls", bool)
TOO_MANY_NEW = "Too many new people came from where you are; please come back later."
BROKE = "Something went wrong; please try again."
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
WAYS_IN = frozenset({"/", "/join", "/gallery", "/api/join", "/api/invitation"})
"""What is served on a page with a login before somebody is signed in: the empty page, and how to sign in."""

SHARED = "/s/"
"""What the paths of threads begin with that are looked at by a link."""
LOOKED_TOO_MUCH = "That was asked for too often; please wait a minute."

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Server": "Easel",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

SHARED_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "private, no-store",
}
"""Of what is seen by a link: it has no script, no search engine keeps it, and once it is ended no browser shows it."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules of one server. `hosts` are the names it answers to; empty means any (a lock stands before it)."""

    hosts: frozenset[str]
    password: str = ""
    names: frozenset[str] = frozenset()
    """Public names: a proxy may ask under another one for a page that was opened under these."""
    told_by_header: bool = False
    """Who somebody is comes in a header, which a script under another name of this machine could write too."""
    closed: bool = False
    """Nothing is served but signed requests and health: others can reach the page, and no lock is on it. Not by the
    name that was asked for: a proxy may put this machine's own in its place."""
    alone: bool = False
    """Whether nothing says that others come."""
    tls_name: str = ""
    """The name under which browsers come by https only, as the public address says."""
    host_key: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    """What whoever may read the home (doctor) shows in a password's place, to be told why it is not ready."""
    visitors: Visitors = field(default_factory=Visitors)
    guesses: Guesses = field(default_factory=Guesses)
    newcomers: Newcomers = field(default_factory=Newcomers)
    lookers: Lookers = field(default_factory=Lookers)
    signed: tuple[str, ...] = ()
    """What the paths of platforms' requests begin with; those carry a signature, and whoever handles them checks it."""
    refused: Callable[[str], None] = lambda what: None
    """Told, in a few words, of who was not let in."""

    def check(self, request: web.Request) -> None:
        """Let a request pass.

        Raises:
            web.HTTPException: 403 for a foreign host or origin, 401 for a missing password, 429 for who guesses.
        """
        if request.path.startswith(self.signed):
            return
        if self.closed and request.path not in OPEN_PATHS:
            raise web.HTTPForbidden(text="The page is closed here: it has a public address and no password.")
        # A foreign name that resolves to this machine (DNS rebinding) must not reach the page.
        if self._is_foreign(_name(request.host), request.path):
            raise web.HTTPForbidden(text="This address is not one that Easel answers to (EASEL_WEB_PUBLIC_URL).")
        if request.method not in ("GET", "HEAD") and not self._same_origin(request):
            raise web.HTTPForbidden(text="The request came from another site.")
        if self.password and request.path not in OPEN_PATHS:
            self._ask_password(request)

    def check_link(self, request: web.Request) -> None:
        """Let somebody look who has a link, which is its own key: neither password nor login is asked for.

        Raises:
            web.HTTPException: 403 for a foreign host, 429 for who asks too much.
        """
        if self._is_foreign(_name(request.host), request.path):
            raise web.HTTPForbidden(text="This address is not one that Easel answers to (EASEL_WEB_PUBLIC_URL).")
        if not self.lookers.admits(self.visitors.address(request)):
            raise web.HTTPTooManyRequests(text=LOOKED_TOO_MUCH, headers={"Retry-After": "60"})

    def for_strangers(self, path: str) -> bool:
        """Whether it is served before somebody is signed in."""
        return path in OPEN_PATHS | WAYS_IN or path.startswith(("/static/", "/t/", *self.signed))

    def admit(self, request: web.Request) -> None:
        """Let a guest write.

        Raises:
            web.HTTPTooManyRequests: too many new ones came from there.
        """
        if request.path.startswith(self.signed) or request.method in ("GET", "HEAD") or self.is_owner(request):
            return
        if not self.newcomers.admits(*self._whence(request)):
            raise web.HTTPTooManyRequests(text=TOO_MANY_NEW)

    def admit_joining(self, request: web.Request) -> None:
        """Let somebody use an invitation: one for many makes as many people, each with limits of their own, as it is
        used, whatever cookie is shown.

        Raises:
            web.HTTPTooManyRequests: too many new ones came from there.
        """
        if not self.newcomers.admits(self.visitors.address(request), secrets.token_hex(8)):
            raise web.HTTPTooManyRequests(text=TOO_MANY_NEW)

    def by_tls(self, request: web.BaseRequest) -> bool:
        """Whether the browser came by https, as far as settings and proxies of ours tell."""
        return (bool(self.tls_name) and _name(request.host) == self.tls_name) or self.visitors.by_tls(request)

    def knows(self, request: web.Request) -> bool:
        """Whether it is no stranger who asks: a secret is shown, or nobody else comes here."""
        if self.is_host(request):
            return True
        if not self.password:
            return self.is_owner(request)
        try:
            self._ask_password(request)
        except web.HTTPException:
            return False
        return True

    def may_measure(self, request: web.Request) -> bool:
        """Whether a program that collects numbers may do so: it has no login, but may have the password."""
        return request.path == "/metrics" and self.knows(request)

    def is_host(self, request: web.Request) -> bool:
        """Whether whoever asks may read the home."""
        return secrets.compare_digest((_shown(request) or "").encode(), self.host_key.encode())

    def is_owner(self, request: web.Request) -> bool:
        """Whether whoever asks sits at this machine, and nobody else comes."""
        return self.alone and direct(request)

    def _is_foreign(self, name: str, path: str) -> bool:
        if self.hosts:
            return name not in self.hosts
        # A proxy may ask under a name of its own, of one word as a rule; nobody else can have such a name look here.
        if not self.told_by_header or not self.names or path in OPEN_PATHS:
            return False
        return _is_domain(name) and name not in self.names

    def _whence(self, request: web.Request) -> tuple[str, str]:
        return self.visitors.address(request), request[PERSON]

    def _same_origin(self, request: web.Request) -> bool:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            # Programs send no Origin; a browser's form could, so programs must send a header that forms cannot.
            return request.headers.get("X-Easel") == "1" or "Sec-Fetch-Site" in request.headers
        netloc = _netloc(origin)
        return bool(netloc) and (netloc == request.host or _name(netloc) in self.names)

    def _ask_password(self, request: web.Request) -> None:
        given = _shown(request)
        if given is None:
            raise web.HTTPUnauthorized(text="A password is needed.", headers=_ASK)
        whence = self._whence(request)
        wait = self.guesses.wait(*whence)
        if wait:
            again = {"Retry-After": str(math.ceil(wait))}
            raise web.HTTPTooManyRequests(text="That was wrong too often; please wait and try again.", headers=again)
        if not self._is_right(given):
            self.guesses.wrong(*whence)
            raise web.HTTPUnauthorized(text="That is not the password.", headers=_ASK)
        self.guesses.right(*whence)

    def _is_right(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.password.encode())


_ASK = {"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'}


def _shown(request: web.Request) -> str | None:
    """The password in a request, right or wrong; an unreadable one is wrong."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def direct(request: web.Request) -> bool:
    """Whether the visitor sits at this machine, as far as the connection and its headers tell."""
    return loopback(request.remote or "") and _name(request.host) in LOOPBACK and not forwarded(request.headers)


def _name(host: str) -> str:
    """A host name without its port; empty where there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_domain(name: str) -> bool:
    """Whether it is a name that anybody could own, and let lead to this machine."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." in name
    return False


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def middleware(gate: Gate, residents: Residents) -> Middleware:
    """Checks every request, knows the browser again by a cookie, and sets the headers."""
    unnamed = UnnamedProxy(gate.visitors)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        with answering(request):
            return await let_in(request, handler)

    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        unnamed.look(request)
        request[TLS] = gate.by_tls(request)
        if by_link(request):
            return await _told(request, look(request, handler), SHARED_HEADERS)
        known = request.cookies.get(COOKIE, "")
        request[PERSON] = known if _PERSON.fullmatch(known) else secrets.token_urlsafe(18)
        response = await _told(request, enter(request, handler))
        if not response.prepared:
            seal(request, response)
        return response

    async def enter(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            gate.check(request)
            request[MEMBER] = await residents.who(request)
            if request[MEMBER] is None:
                if residents and not gate.for_strangers(request.path) and not gate.may_measure(request):
                    raise web.HTTPUnauthorized(text=residents.way_in)
                gate.admit(request)
        except web.HTTPException as error:
            _note(gate, request, error.status)
            raise
        return await handler(request)

    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nobody is known again here: no cookie is read or set."""
        gate.check_link(request)
        response = await handler(request)
        response.headers.update(_headers(request) | SHARED_HEADERS)
        return response

    return guard


async def _told(
    request: web.Request, answering: Awaitable[web.StreamResponse], more: dict[str, str] | None = None
) -> web.StreamResponse:
    """The answer, or why there is none: as a sentence with the headers of every answer, and `more`."""
    headers = _headers(request) | (more or {})
    try:
        return await answering
    except StoreError as error:
        raise web.HTTPServiceUnavailable(text=str(error), headers=headers) from None
    except web.HTTPException as error:
        error.headers.update(headers)
        raise
    except Exception as error:
        if request.transport is None:
            log.debug("a visitor has gone: %s", error)
            raise web.HTTPBadRequest(text="The connection was lost.") from None
        log.exception("%s %s could not be answered", request.method, _route(request))
        raise web.HTTPInternalServerError(text=BROKE, headers=headers) from None


def by_link(request: web.Request) -> bool:
    """Whether the route is one of those that need a link and nothing else. What the path seems to say does not count:
    it may be written in many ways."""
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical.startswith(SHARED)


def _note(gate: Gate, request: web.Request, status: int) -> None:
    """Write down who was not let in. A browser that has shown nothing yet is asked for a password, not refused."""
    if status in _REFUSALS and (status != web.HTTPUnauthorized.status_code or _shown(request) is not None):
        gate.refused(_REFUSALS[status])


_REFUSALS = {401: "a wrong password", 403: "another site or name", 429: "too many tries"}


def _route(request: web.Request) -> str:
    """The route as it is written in the program: what was asked for may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no route)"


def seal(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers (and the person's cookie, once) on a response that is not sent yet."""
    response.headers.update(_headers(request))
    # Who follows a link from another site sends no strict cookie, and must not lose the one they have.
    if request.cookies.get(COOKIE) != request[PERSON] and request.headers.get("Sec-Fetch-Site") != "cross-site":
        response.set_cookie(
            COOKIE, request[PERSON], max_age=400 * 24 * 3600, httponly=True, samesite="Strict", path="/",
            secure=request[TLS],
        )  # fmt: skip


def _headers(request: web.Request) -> dict[str, str]:
    return HEADERS | {"Strict-Transport-Security": "max-age=31536000"} if request[TLS] else HEADERS
