"""`/gallery`: a page of pictures that fit a search, and that who asks may see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from handlers.english import gallery_words
from handlers.model import Answer, CommandCall, GalleryPage, Person, ThreadKey
from handlers.ports import Chat, Store
from handlers.search import HERE, Search, at, read, without_place

THREADS = 5000
"""The newest of a server or workspace; in older ones nobody is looked up by title or by what they may see."""


@runtime_checkable
class KnowsSight(Protocol):
    """A chat that can tell which threads of a server or workspace somebody may look into."""

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> Collection[ThreadKey] | None:
        """Those of `threads` (the newest first) that are surely open to the asker, who asks `here`; None: all there
        are. What is not known to be open is left out; `here` itself is always open."""


class Galleries:
    """Over all chats; one that does not know who may see what shows each thread within itself only."""

    def __init__(self, store: Store, chats: Mapping[str, Chat]) -> None:
        self._store = store
        self._chats = chats

    async def page(self, call: CommandCall) -> Answer:
        """
        Raises:
            UserError: the search has no meaning, or the store cannot be read.
        """
        text = str(call.arguments.get("search", ""))
        search = read(text)
        threads = await self._threads(call, search)
        most = call.pictures
        found = list(await self._store.search(search, call.thread, call.person, threads, limit=most + 1))
        more = len(found) > most
        if search.newer is not None:
            hung = tuple(found[-most:])
            newer, older = more, bool(hung)
        else:
            hung = tuple(found[:most])
            newer, older = search.older is not None and bool(hung), more
        page = GalleryPage(
            without_place(text),
            hung,
            newer=at(text, f"newer:{hung[0].place}") if newer and hung else None,
            older=at(text, f"older:{hung[-1].place}") if older and hung else None,
        )
        return Answer(gallery_words(page), gallery=page)

    async def _threads(self, call: CommandCall, search: Search) -> Collection[ThreadKey] | None:
        """Whose pictures are looked through; None: those of all threads there."""
        here = call.thread
        if search.here:
            return (here,)
        rows = await self._store.threads(here.chat, here.tenant, limit=THREADS)
        chat: object = self._chats.get(here.chat)
        seen: Collection[ThreadKey] | None = ()
        if isinstance(chat, KnowsSight):
            seen = await chat.seen(call.person, here, [row.key for row in rows])
        open_ = None if seen is None else {here, *seen}
        wanted = [title for title in search.title if title != HERE]
        if not wanted:
            return open_
        called = {row.key for row in rows if all(title in row.title.casefold() for title in wanted)}
        return called if open_ is None else called & open_
