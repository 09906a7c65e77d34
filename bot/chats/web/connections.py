"""How many connections there may be, and how long each may take. All of it holds before any password is asked.

aiohttp limits how large a request's head may be, not how long it may take. Every connection passes through a
`Connection` here; the `Doorman` has them all in view. When there is no room, whoever has asked nothing yet goes first,
then whoever is still sending.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

log = logging.getLogger(__name__)

_FULL = b"Too many people are here now; please come back soon."
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)
TELL_S = 60.0
"""Between two lines in the log about the same trouble."""
IDLE = "asked nothing more"
"""How every browser's connections end: no trouble, and no line in the log."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may take, in seconds, and how slow it may be, in bytes a second."""

    head_s: float = 10.0
    """From its beginning to the end of a request's head."""
    idle_s: float = 30.0
    """Between two requests."""
    grace_s: float = 20.0
    """Before a body's, or a reader's, pace is asked for."""
    pace: int = 4096
    look_s: float = 1.0
    """Between two looks at all connections."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many there may be at once."""

    connections: int = 512
    per_address: int = 128
    streams: int = 256
    """Open pages: each holds a connection for as long as it is open."""
    streams_per_address: int = 64


def room() -> Room:
    """As much as leaves half of this process's file descriptors to everything else."""
    import resource

    usual = Room()
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most // 2 >= usual.connections:
        return usual
    connections = max(8, most // 2)
    return Room(connections, min(usual.per_address, connections), connections // 2)


class Connection(asyncio.Protocol):
    """Stands between a socket and aiohttp's own protocol, to which it passes everything on."""

    def __init__(self, inner: asyncio.Protocol, doorman: Doorman) -> None:
        self._inner: asyncio.Protocol | None = inner
        self._doorman = doorman
        self._body: Callable[[], bool] | None = None
        self._since = 0.0
        self._came = 0
        self._paused: tuple[float, int] | None = None
        self.gone: Callable[[], object] | None = None
        """Called when the other side has gone while it is being answered."""
        self.transport: asyncio.Transport
        self.address = ""

    @property
    def claim(self) -> tuple[bool, float]:
        """What it has a right to when room is needed, the least first: who has asked nothing, then who still sends."""
        return self._body is not None, self._since

    @property
    def can_go(self) -> bool:
        """Whether nobody works on an answer for it, and none is on its way."""
        if self._body is None:
            return not self.transport.get_write_buffer_size()
        return not self._body()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._since = self._doorman.now()
        # The head of a first request has begun, as far as patience goes.
        self._came = 1
        inner = self._inner
        if not self._doorman.enter(self):
            self._inner = None
            transport.write(BUSY)
            transport.close()
        elif inner is not None:
            inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorman.leave(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)
        if self.gone is not None:
            self.gone()

    def data_received(self, data: bytes) -> None:
        if self._body is None and not self._came:
            self._since = self._doorman.now()
        self._came += len(data)
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        self._paused = (self._doorman.now(), self.transport.get_write_buffer_size())
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._paused = None
        if self._inner is not None:
            self._inner.resume_writing()

    @contextmanager
    def asked(self, request: web.BaseRequest) -> Iterator[None]:
        """A request's head has come; until the block ends it is being answered."""
        self._body, self._since, self._came = request.content.is_eof, self._doorman.now(), 0
        try:
            yield
        finally:
            self._body, self._since, self._came, self.gone = None, self._doorman.now(), 0, None

    def late(self, now: float, patience: Patience) -> str | None:
        """What has taken too long, for the log; None while all is well."""
        if self._paused is not None:
            since, before = self._paused
            left = self.transport.get_write_buffer_size()
            if now - since >= patience.grace_s:
                if before - left < patience.pace * (now - since):
                    return "read too slowly"
                self._paused = (now, left)
            return None
        took = now - self._since
        if self._body is None:
            if not self._came:
                return IDLE if took > patience.idle_s else None
            if took > patience.head_s:
                return "asked nothing"
        elif not self._body() and took > patience.grace_s and self._came < patience.pace * (took - patience.grace_s):
            return "sent too slowly"
        return None


@dataclass(eq=False)
class Doorman:
    """Lets connections in and shows them out. `is_proxy` tells of an address that it speaks for many people."""

    room: Room = field(default_factory=room)
    patience: Patience = field(default_factory=Patience)
    is_proxy: Callable[[str], bool] = lambda address: False

    def __post_init__(self) -> None:
        self._connections: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._told = -TELL_S
        self._look: asyncio.TimerHandle | None = None

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    @property
    def connections(self) -> int:
        return len(self._connections)

    def guard(self, factory: Callable[[], asyncio.Protocol]) -> Callable[[], Connection]:
        """A factory of protocols for `create_server`, in the place of aiohttp's own."""
        return lambda: Connection(factory(), self)

    def open(self) -> None:
        self._look = asyncio.get_running_loop().call_later(self.patience.look_s, self._look_round)

    def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def enter(self, connection: Connection) -> bool:
        """Whether there is room, or somebody could be shown out for it."""
        crowd = not self.is_proxy(connection.address)
        if crowd and self._addresses[connection.address] >= self.room.per_address:
            alike = [other for other in self._connections if other.address == connection.address]
        elif len(self._connections) >= self.room.connections:
            alike = list(self._connections)
        else:
            alike = None
        if alike is not None:
            waiting = [other for other in alike if other.can_go]
            if not waiting:
                self._drop("found no room")
                return False
            self._show_out(min(waiting, key=lambda other: other.claim), "made room")
        self._connections.add(connection)
        self._addresses[connection.address] += 1
        return True

    def leave(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            _less(self._addresses, connection.address)

    def _show_out(self, connection: Connection, why: str) -> None:
        if why != IDLE:
            self._drop(why)
        self.leave(connection)
        connection.transport.abort()

    @contextmanager
    def stream(self, address: str) -> Iterator[None]:
        """Room for an open page of somebody at this address.

        Raises:
            web.HTTPTooManyRequests: with the sentence.
        """
        if self._streams[address] >= self.room.streams_per_address or self._streams.total() >= self.room.streams:
            self._drop("found no room for a page")
            raise web.HTTPTooManyRequests(text="Too many pages are open; close some.", headers={"Retry-After": "10"})
        self._streams[address] += 1
        try:
            yield
        finally:
            _less(self._streams, address)

    def _look_round(self) -> None:
        self._look = asyncio.get_running_loop().call_later(self.patience.look_s, self._look_round)
        now = self.now()
        for connection in list(self._connections):
            why = connection.late(now, self.patience)
            if why is not None:
                self._show_out(connection, why)
        if self._dropped and now - self._told >= TELL_S:
            self._told = now
            log.warning("connections dropped: %s", ", ".join(f"{n} {why}" for why, n in self._dropped.items()))
            self._dropped.clear()

    def _drop(self, why: str) -> None:
        self._dropped[why] += 1


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def connection(request: web.BaseRequest) -> Connection | None:
    """What the request came through; None once it is lost."""
    found = request.transport.get_protocol() if request.transport is not None else None
    return found if isinstance(found, Connection) else None


@contextmanager
def answering(request: web.BaseRequest) -> Iterator[None]:
    """Tell the request's connection that it is being answered until the block ends."""
    through = connection(request)
    if through is None:
        yield
    else:
        with through.asked(request):
            yield
