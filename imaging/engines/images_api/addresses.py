"""Pictures that an endpoint names by address: fetched without the key, from where that is safe.

Whoever answers chooses the address, so it must not lead to what only this machine can reach. Names are looked up
once, every address is checked, and the connection goes to what was checked.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from imaging.engines.images_api.answers import MAX_BYTES, TOO_LARGE
from imaging.engines.images_api.refusals import ImagesRefused

NOT_FETCHED: Final = "The images endpoint named a picture at an address that is not fetched."
NOT_THERE: Final = "The picture could not be fetched from the images endpoint; please try again."
_LOCAL_NAMES: Final = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")
_CHUNK: Final = 1 << 16
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
"""What is given out in the world (RFC 4291); outside of it lie IPv4 addresses in old spellings, sites and tests."""
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")
"""Of protocols (RFC 6890), and of a cloud's own service; older Pythons count most of it as public."""
Allowed = Callable[[str], bool]


def fetch(url: str, base_url: str, timeout_s: float) -> bytes:
    """The bytes at an address, relative ones taken from the endpoint's own; redirects are not followed.

    Raises:
        ImagesRefused: it may not be fetched, cannot be, or is too large.
    """
    url = urljoin(f"{base_url.rstrip('/')}/", url)
    if not may_fetch(url, base_url):
        raise ImagesRefused(NOT_FETCHED, retryable=False)
    there, own = urlsplit(url), urlsplit(base_url)
    near = same_server(there, own)
    ours = _addresses(own.hostname or "") if near else ()
    allowed: Allowed = partial(_is_ours, ours) if near else is_public
    proxies = [ProxyHandler({})] if near and not all(map(is_public, ours)) else []
    opener = build_opener(_Stay, _Http(allowed), _Https(allowed), *proxies)
    end = time.monotonic() + timeout_s
    data = bytearray()
    try:
        with opener.open(Request(url), timeout=timeout_s) as response:  # noqa: S310 - checked above
            while len(data) <= MAX_BYTES and (part := response.read1(_CHUNK)):
                data += part
                if time.monotonic() > end:
                    raise ImagesRefused(NOT_THERE)
    except _NotAllowed as error:
        raise ImagesRefused(NOT_FETCHED, retryable=False) from error
    except (URLError, OSError, ValueError, HTTPException) as error:
        if isinstance(error, URLError) and isinstance(error.reason, _NotAllowed):
            raise ImagesRefused(NOT_FETCHED, retryable=False) from error
        raise ImagesRefused(NOT_THERE) from error
    if len(data) > MAX_BYTES:
        raise ImagesRefused(TOO_LARGE)
    return bytes(data)


def may_fetch(url: str, base_url: str) -> bool:
    """By the words of the address alone: the endpoint itself, or https to a name or a public address."""
    try:
        there, own = urlsplit(url), urlsplit(base_url)
        _port(there)
    except ValueError:
        return False
    if there.scheme not in ("http", "https") or not there.hostname or there.username or there.password:
        return False
    if same_server(there, own):
        return True
    host = there.hostname.rstrip(".")
    if there.scheme != "https" or f".{host}".endswith(_LOCAL_NAMES):
        return False
    literal = _literal(host)
    return is_public(literal) if literal is not None else "." in host


def same_server(there: SplitResult, own: SplitResult) -> bool:
    """The endpoint's own scheme and port at its own name, or at another name of the same machine (127.0.0.1 is
    localhost too)."""
    if (there.scheme, _port(there)) != (own.scheme, _port(own)):
        return False
    if there.hostname == own.hostname:
        return True
    ours, theirs = _addresses(own.hostname or ""), _addresses(there.hostname or "")
    return bool(theirs) and all(_is_ours(ours, address) for address in theirs)


def _is_ours(ours: tuple[str, ...], address: str) -> bool:
    loops = bool(ours) and all(ipaddress.ip_address(each).is_loopback for each in ours)
    return address in ours or (loops and ipaddress.ip_address(address).is_loopback)


def is_public(address: str) -> bool:
    """Whether an IP address leads out, whatever other address it wraps."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if any(ip in network for network in _NAT64):
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        elif ip not in _GLOBAL:
            return False
        return ip.is_global and not any(each is not None and not is_public(str(each)) for each in inner)
    return ip not in _PROTOCOLS and ip.is_global and not ip.is_multicast


def _literal(host: str) -> str | None:
    """An IP address in any spelling (`127.1`, `0x7f.1`, `2130706433`); None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _addresses(host: str) -> tuple[str, ...]:
    literal = _literal(host)
    if literal is not None:
        return (literal,)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


class _NotAllowed(OSError):
    """The name leads to an address that is not fetched from."""


def _dial(connection: HTTPConnection, allowed: Allowed) -> socket.socket:
    addresses = _addresses(connection.host)
    if not addresses:
        raise OSError("the name is unknown")
    if not all(map(allowed, addresses)):
        raise _NotAllowed("the name leads to an address that is not fetched from")
    for last, address in enumerate(addresses, start=1 - len(addresses)):
        try:
            return socket.create_connection((address, connection.port), connection.timeout)
        except OSError:
            if not last:
                raise
    raise AssertionError


class _CheckedHttp(HTTPConnection):
    def __init__(self, host: str, *, allowed: Allowed, **details: Any) -> None:
        super().__init__(host, **details)
        self._allowed = allowed

    def connect(self) -> None:
        self.sock = _dial(self, self._allowed)


class _CheckedHttps(HTTPSConnection):
    def __init__(self, host: str, *, allowed: Allowed, **details: Any) -> None:
        super().__init__(host, **details)
        self._allowed = allowed

    def connect(self) -> None:
        if getattr(self, "_tunnel_host", None):  # the host's proxy looks the name up
            super().connect()
        else:
            bare = _dial(self, self._allowed)
            self.sock = ssl.create_default_context().wrap_socket(bare, server_hostname=self.host)


class _Http(HTTPHandler):
    def __init__(self, allowed: Allowed) -> None:
        super().__init__()
        self._allowed = allowed

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(_CheckedHttp, allowed=self._allowed), req)


class _Https(HTTPSHandler):
    def __init__(self, allowed: Allowed) -> None:
        super().__init__()
        self._allowed = allowed

    def https_open(self, req: Request) -> Any:
        return self.do_open(partial(_CheckedHttps, allowed=self._allowed), req)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *details: Any) -> None:
        return None
