"""What a chat platform says of itself, once; `bot.app.CHATS` has one row for each.

A declaration imports no SDK: each is imported where a platform is built or asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from handlers.access import Access, Direct

if TYPE_CHECKING:
    from bot.home import Home
    from bot.memory import Memory
    from bot.metrics import Metrics
    from bot.people import People
    from bot.readiness import Readiness
    from bot.settings import Settings
    from handlers.audit import Audit
    from handlers.model import Person
    from handlers.ports import Chat, Handlers, LanguageModel, Marking, Pictures, Store
    from imaging.findings import Finding


Routes: TypeAlias = Callable[[Any], None]
"""Is handed the web server, an `aiohttp.web.Application`, before that starts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the platforms are built from."""

    settings: Settings
    home: Home
    store: Store
    marking: Marking
    """What people are given of stored pictures comes from it."""
    handlers: Handlers
    pictures: Pictures
    model: LanguageModel
    memory: Memory
    """Each has a corner of it for its notes; what lies there is backed up, and `/forget` reaches it."""
    metrics: Metrics
    readiness: Callable[[], Awaitable[Readiness]]
    people: People | None = None
    """Who is signed in on the page, where it has a login."""
    routes: Mapping[str, Routes] = field(default_factory=dict)
    """What the platforms before it add to the web server, by chat (`Service.routes`)."""
    audit: Audit | None = None


class Service(Protocol):
    """A platform with its connection, as `bot.app` starts and stops it."""

    @property
    def chat(self) -> Chat: ...

    @property
    def url(self) -> str:
        """Where a browser opens it; empty where it has no address of its own."""
        return ""

    @property
    def host_url(self) -> str:
        """The same for whoever may read the home, who is told more there."""
        return ""

    async def start(self) -> None:
        """Connect, or begin to.

        Raises:
            ChatNotStarted: one sentence with the way out.
        """

    async def stop(self) -> None: ...

    async def problem(self) -> str | None:
        """None when people can talk there now, else one sentence."""

    async def forget(self, person: Person) -> None:
        """Delete what it alone keeps of somebody who wants to be forgotten, as an account; called after the store has
        forgotten them. Their notes in its corner of `Parts.memory` are deleted anyway."""
        return

    @property
    def routes(self) -> Routes | None:
        """How it adds what it answers over HTTP to the web server, all of it under `/NAME/`; None: nothing. Whoever
        answers there checks who asks: the page's lock does not hold for it."""
        return None


@dataclass(frozen=True, slots=True)
class Platform:
    """One row. Every question is put to the settings alone, before anything is built."""

    name: str
    """The chat's, as threads are filed under it."""
    wanted: Callable[[Settings], bool]
    """Also where only half of what it needs is set: better refused with a sentence than left out silently."""
    build: Callable[[Parts], Service]
    """Nothing is connected yet. Raises `ChatNotStarted` where the settings cannot do."""
    examine: Callable[[Settings], Awaitable[list[Finding]]]
    """What `easel doctor` finds out about it, where it is wanted."""
    access: Callable[[Settings], Access] | None = None
    """Where and for whom whoever runs the program lets it work; None where there is nothing to choose."""
    open_to_others: Callable[[Settings], bool] | None = None
    """Whether anybody but who sits at the machine can come by it; None: whenever it is wanted."""

    def brings_others(self, settings: Settings) -> bool:
        return (self.open_to_others or self.wanted)(settings)


def ids(text: str) -> frozenset[str]:
    """A setting's ids, by commas."""
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def with_direct(access: Access, chosen: str) -> Access:
    """The same with what holds in direct messages: `auto` is for members where a list is set, else for all."""
    automatic = Direct.MEMBERS if access.listed else Direct.ALL
    return replace(access, direct=automatic if chosen == "auto" else Direct(chosen))
