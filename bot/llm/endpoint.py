"""The way to an OpenAI-compatible server: its address, the key, the proxy. Nothing here is ever told to people."""

from __future__ import annotations

import ipaddress
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import aiohttp

MAX_ERROR: Final = 64 << 10
"""Bytes of an error's body that are read."""
MAX_ANSWER: Final = 8 << 20
_PASTED: Final = ("/chat/completions", "/completions", "/models")
"""Ends of an address that a host copied whole."""


class Endpoint:
    """One server. `host` is its name for the log, without user and password.

    Args:
        base_url: Most end in `/v1`; a query (Azure's `api-version`) is kept on every request.
        api_key: Empty for servers that want none.
        connect_s: Longest wait for a connection, seconds.
    """

    def __init__(self, base_url: str, api_key: str = "", *, connect_s: float = 10.0) -> None:
        parts = urlsplit(base_url.strip())
        path = parts.path.rstrip("/")
        for end in _PASTED:
            path = path.removesuffix(end)
        self._parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, fragment="")
        self.host = self._parts.netloc
        key = api_key.strip()
        self.key_fits = key.isascii() and key.isprintable()
        """Whether the key can be sent at all."""
        self._headers = _headers(parts, key if self.key_fits else "")
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def hostname(self) -> str:
        return (self._parts.hostname or "").casefold()

    @property
    def local(self) -> bool:
        """Whether it runs on this machine or in its network: no proxy leads there."""
        return is_local(self.hostname)

    def url(self, path: str) -> str:
        """`chat/completions` → the whole address; a path that begins with `/` starts at the server's root."""
        at = path if path.startswith("/") else f"{self._parts.path}/{path}"
        return urlunsplit(self._parts._replace(path=at))

    def root(self, path: str) -> str:
        """Beside the `/v1` of the address, where servers have what OpenAI's shape lacks: `api/show` → `/api/show`."""
        return f"{self._parts.path.removesuffix('/v1').rstrip('/')}/{path}"

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """A POST as `aiohttp`'s context manager. Redirects are not followed: they would carry people's words on."""
        data = json.dumps(body).encode()
        return self._client().post(self.url(path), data=data, headers=self._headers, allow_redirects=False)

    async def ask(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON (None where it is none) of a small question.

        Raises:
            aiohttp.ClientError, OSError, TimeoutError, ValueError: no answer.
        """
        way = "GET" if body is None else "POST"
        async with self._client().request(
            way, self.url(path), json=body, headers=self._headers, allow_redirects=False
        ) as answer:
            data = await answer.content.read(MAX_ANSWER)
            while len(data) < MAX_ANSWER and (more := await answer.content.read(MAX_ANSWER - len(data))):
                data += more
            try:
                return answer.status, json.loads(data)
            except (ValueError, RecursionError):
                return answer.status, None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s)
            # Servers on this machine like to close a line after each reply; another costs nothing there.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=self.local),
                timeout=timeout,
                trust_env=not self.local,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def is_local(hostname: str) -> bool:
    """Loopback and private addresses, and names without a dot (compose services), `.local` and `.internal`."""
    name = hostname.rstrip(".")
    if name.endswith((".localhost", ".local", ".internal")) or ("." not in name and ":" not in name):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local


def within(hostname: str, *domains: str) -> bool:
    """Whether a name is one of these domains or lies in one."""
    return any(hostname == domain or hostname.endswith(f".{domain}") for domain in domains)


def _headers(parts: SplitResult, key: str) -> dict[str, str]:
    """Authorization by key, else by the address's own user and password."""
    # Compressed streams come in bursts.
    headers = {"User-Agent": "easel", "Content-Type": "application/json", "Accept-Encoding": "identity"}
    headers["Accept"] = "text/event-stream, application/json"
    if key.casefold().startswith("bearer "):
        key = key[7:].strip()
    if key:
        headers["Authorization"] = f"Bearer {key}"
        if within(parts.hostname or "", "azure.com", "azure-api.net"):
            headers["api-key"] = key
    elif parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers
