"""Where a request comes from, behind proxies or not: decided here alone."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.settings import Network

log = logging.getLogger(__name__)

FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "fly-client-ip"}
)
"""Headers of proxies and tunnels, besides everything that begins with `x-forwarded-`."""


def forwarded(headers: Mapping[str, str]) -> bool:
    """Whether somebody stands between the visitor and us, as far as the headers tell."""
    return any(name in FORWARDING or name.startswith("x-forwarded-") for name in map(str.lower, headers))


@dataclass(frozen=True, slots=True)
class Visitors:
    """Reads who asks. Only what the named proxies say of others is believed."""

    proxies: Sequence[Network] = ()

    def is_proxy(self, address: str) -> bool:
        """Whether what comes from there is said for others."""
        found = _read(address)
        return found is not None and any(found in network for network in self.proxies)

    def through_proxy(self, request: web.BaseRequest) -> bool:
        return self.is_proxy(request.remote or "")

    def address(self, request: web.BaseRequest) -> str:
        """What the visitor counts by: an IPv4 address, or the /64 of an IPv6 address, which one household has whole.

        The last address in X-Forwarded-For that no proxy of ours has is the visitor: what stands before it was written
        by the visitor, who may write anything.
        """
        found = request.remote or ""
        if self.is_proxy(found):
            said = [word.strip() for line in request.headers.getall("X-Forwarded-For", ()) for word in line.split(",")]
            for word in reversed(said):
                if _read(word) is None:
                    break
                found = word
                if not self.is_proxy(word):
                    break
        return _counted(found)

    def by_tls(self, request: web.BaseRequest) -> bool:
        """Whether a proxy of ours says that the visitor came by https."""
        said: str = request.headers.get("X-Forwarded-Proto", "")
        return self.through_proxy(request) and said.rpartition(",")[2].strip().lower() == "https"


class UnnamedProxy:
    """Says once that somebody speaks for others and is not believed."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._told = False

    def look(self, request: web.BaseRequest) -> None:
        if not self._told and "X-Forwarded-For" in request.headers and not self._visitors.through_proxy(request):
            self._told = True
            log.warning(
                "requests come through %s, which EASEL_WEB_PROXIES does not name: all who come that way count as one",
                request.remote,
            )


def _read(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as it stands in a header or a socket: with port, brackets, zone or none of these."""
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        found = ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _counted(address: str) -> str:
    found = _read(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found) if found is not None else address
