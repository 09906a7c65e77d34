"""The page as a `Chat`: what people write becomes `Incoming`, what handlers answer goes to the hub.

How it comes to browsers stands in `bot.chats.web.service`; nothing here listens.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.chats.web import views
from bot.chats.web.address import WebAddress
from bot.chats.web.events import Hub
from bot.chats.web.files import MAX_FILE_BYTES, Shelf
from bot.chats.web.forms import Hands
from bot.chats.web.names import Names
from bot.chats.web.residents import ProxyLogin, Residents
from bot.chats.web.security import LOOPBACK, MEMBER, PERSON, Gate
from bot.chats.web.visitors import Visitors
from bot.memory import Memory
from bot.people import House, People
from bot.settings import Login
from handlers.audit import Act, Audit, NoAudit
from handlers.board import Board
from handlers.brainstorm.own import own
from handlers.english import gone_sentence
from handlers.errors import UserError
from handlers.marking import Unmarked
from handlers.model import (
    NOWHERE,
    Action,
    Answer,
    CommandCall,
    Incoming,
    Person,
    PicturePart,
    Press,
    Reply,
    Role,
    SlotState,
    ThreadKey,
    Turn,
    Whereabouts,
    account_of_address,
)
from handlers.ports import Handlers, Marking, ReplyPost, Store
from handlers.presentation import Why
from handlers.typed import said
from imaging.tasks import Tasks

HUNG = 36
"""Pictures of the gallery that a page asks for at once."""
RECORD_S = 1.0
"""Between a refusal and its line in the host's record."""
PAGE = ThreadKey("web", NOWHERE, "web", "")
"""Where it happens, for the record."""
_RECEIVED: ContextVar[str | None] = ContextVar("the message that this task receives", default=None)
DELETED = {"type": "deleted"}
"""To whoever has a thread open that is there no more."""
THREAD = re.compile(r"[A-Za-z0-9_-]{8,40}")


class WebPost:
    """One growing answer on every page that has its thread open."""

    def __init__(self, chat: WebChat, thread: ThreadKey, turn: str) -> None:
        self._chat = chat
        self._thread = thread
        self._turn = turn

    @property
    def reference(self) -> str | None:
        return self._turn

    def show(self, reply: Reply) -> None:
        self._chat.publish(reply)

    async def finish(self, reply: Reply) -> str | None:
        self._chat.publish(reply)
        await self._chat.publish_pictures(self._thread)
        return self._turn


class WebChat:
    """What the routes hand over to, and what they ask."""

    name = "web"

    def __init__(
        self,
        store: Store,
        address: WebAddress,
        *,
        signed: Collection[str] = (),
        memory: Memory | None = None,
        people: People | None = None,
        proxy_login: ProxyLogin | None = None,
        audit: Audit | None = None,
        marking: Marking | None = None,
    ) -> None:
        """`signed` are the other chats that answer under `/NAME/` on the page's address, and check who asks. Without
        `marking` pictures go out as they are stored."""
        self.store = store
        self.marking = marking or Unmarked(store)
        self._memory = memory
        self._secret = b""
        self._audit = audit or NoAudit()
        self._refusals: Counter[str] = Counter()
        self._handlers: Handlers | None = None
        self._tasks = Tasks()
        self._ready_slots: dict[str, int] = {}
        self.visitors = Visitors(address.proxies)
        self.gate = Gate(
            frozenset() if address.locked else LOOPBACK | address.names, address.password, address.names,
            told_by_header=address.login is Login.PROXY, closed=address.closed, alone=address.alone,
            tls_name=address.tls_name, visitors=self.visitors, refused=self.refused,
            signed=tuple(f"/{name}/" for name in signed),
        )  # fmt: skip
        self.residents = Residents(address.login, people, proxy_login or ProxyLogin(), self.visitors)
        self.hands = Hands()
        self.shelf = Shelf()
        self.names = Names(memory)
        self.board = Board(store)
        self.hub = Hub()

    async def begin(self, handlers: Handlers) -> None:
        """Before the first request comes."""
        self._handlers = handlers
        self._secret = await self._address_secret()
        await self.names.load()
        if self.residents:
            await self.residents.adopt(self.store)

    def resume(self) -> None:
        """Take up what an earlier program left open."""
        assert self._handlers is not None
        self._own(self._handlers.resume(self), "resume")

    async def close(self) -> None:
        """After the last one."""
        await self._tasks.close()
        await self._record()

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        if to is not None and to.attachments:
            self._own(self._publish_stored(to), "uploads")
        return WebPost(self, thread, turn)

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        self.hub.notice(thread.thread, person.id, sentence, _RECEIVED.get())

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        self.hub.notice(thread.thread, None, sentence, None)

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        """Pages know from the thread's pictures which are there; of the answer they are told for what else changes."""
        self.hub.publish(turn.thread.thread, f"redrawn/{turn.id}", {"type": "redrawn", "turn": views.turn(turn)})
        await self.publish_pictures(turn.thread)

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> Collection[ThreadKey] | None:
        """See `handlers.gallery.KnowsSight`: what stands in their list of threads."""
        if self.residents.people is None:
            return None
        rights = await self.residents.seen(self.residents.as_member(asker))
        return [key for key in threads if rights(key.thread) is not None]

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        """To the pages that the asker has open in the thread, or to all; files are fetched by their links."""
        only = call.person.id if answer.private else None
        message = {"type": "answer", "command": call.name, **self._told(call, answer)}
        self.hub.publish(call.thread.thread, f"answer/{call.event}", message, person=only)
        await self._settled(call)

    def _told(self, call: CommandCall, answer: Answer) -> dict[str, Any]:
        links = self.shelf.put(call.person.id, answer.files)
        files = [views.link(file, link) for file, link in zip(answer.files, links, strict=True)]
        search = {} if answer.gallery is None else {"search": answer.gallery.search}
        return {"text": answer.text, "files": files} | search

    async def _settled(self, call: CommandCall) -> None:
        """Settings of the thread stand beside its pictures."""
        if call.name == "settings":
            await self.publish_pictures(call.thread)

    def key(self, thread: str) -> ThreadKey:
        """The page's name of a thread as a key.

        Raises:
            web.HTTPNotFound: no such name can exist.
        """
        if not THREAD.fullmatch(thread):
            raise web.HTTPNotFound(text="There is no such thread.")
        return ThreadKey("web", NOWHERE, "web", thread)

    def person(self, request: web.Request) -> Person:
        """Who is signed in, else whoever holds the cookie. The id is not the cookie itself: ids are seen by others,
        cookies are not."""
        member = request[MEMBER]
        if member is not None:
            may_moderate = member.role is not House.MEMBER
            return Person(member.id, member.name, admin=member.role is House.ADMIN, moderator=may_moderate)
        digest = hashlib.sha256(request[PERSON].encode()).hexdigest()[:16]
        name = self.names.of(digest)
        if self.gate.is_owner(request):
            return Person(digest, name, admin=True, moderator=True)
        # A cookie is dropped in no time: limits mean whoever comes from that address.
        return Person(digest, name, account=account_of_address(self.visitors.address(request), self._secret))

    def refused(self, what: str) -> None:
        """Put into the host's record that somebody was not let in; who asks a thousand times makes one line."""
        if not self._refusals:
            self._own(self._record_soon(), "record")
        self._refusals[what] += 1

    async def _record_soon(self) -> None:
        await asyncio.sleep(RECORD_S)
        await self._record()

    async def _record(self) -> None:
        refusals, self._refusals = self._refusals, Counter()
        for what, times in refusals.items():
            await self._audit.note(Act.REFUSAL, what, PAGE, None, times)

    async def _address_secret(self) -> bytes:
        """What keeps stored accounts from being turned back into addresses; one for all times."""
        kept = await self._memory.get("secret") if self._memory is not None else None
        if kept is None:
            kept = secrets.token_hex(16)
            if self._memory is not None:
                await self._memory.put("secret", kept)
        return kept.encode()

    def deliver(self, incoming: Incoming, held: AbstractContextManager[object]) -> None:
        """Hand a message over; it is answered in a task that this chat owns.

        Args:
            held: Left when the message's files are no longer in memory.
        """
        incoming = replace(incoming, max_file_bytes=MAX_FILE_BYTES)
        words = said(incoming.text)
        if words is None:  # a command is nobody's business but the asker's
            self._own(self._receive(incoming, held), f"command {incoming.event}")
            return
        thread = incoming.thread.thread
        message = {
            "type": "said",
            "event": incoming.event,
            "name": incoming.person.name,
            "person": incoming.person.id,
            "text": words,
            "uploads": len(incoming.attachments),
        }
        self.hub.open_said(thread, incoming.event, message)
        self._own(self._receive(incoming, held), f"message {incoming.event}")

    async def _receive(self, incoming: Incoming, held: AbstractContextManager[object]) -> None:
        assert self._handlers is not None
        _RECEIVED.set(incoming.event)
        try:
            with held:
                await self._handlers.receive(incoming)
        finally:
            self.hub.close_said(incoming.thread.thread, incoming.event)
        await self.publish_pictures(incoming.thread)

    async def _publish_stored(self, incoming: Incoming) -> None:
        """Show a message's uploads as the numbered pictures that they have become."""
        for turn in reversed(await self.store.turns(incoming.thread, limit=8)):
            if turn.role is Role.USER and turn.parts and turn.text == incoming.text:
                message = {"type": "stored", "event": incoming.event, "turn": views.turn(turn)}
                self.hub.publish(incoming.thread.thread, f"stored/{incoming.event}", message)
                break
        await self.publish_pictures(incoming.thread)

    async def mine(self, thread: ThreadKey, person: Person) -> dict[str, Any]:
        """What of the thread's brainstorms is somebody's own, as a message to their pages."""
        found = await own(self.store, thread, person)
        return {"type": "mine", "dots": list(found.dots), "leads": found.leads}

    async def press(self, press: Press) -> Answer:
        assert self._handlers is not None
        answer = await self._handlers.press(press)
        if press.action is Action.DOT:
            mine = await self.mine(press.thread, press.person)
            self.hub.publish(press.thread.thread, "mine", mine, person=press.person.id, later=False)
        await self.publish_pictures(press.thread)
        return answer

    async def rename(self, thread: ThreadKey, person: Person, title: str) -> Answer:
        assert self._handlers is not None
        answer = await self._handlers.rename(thread, person, title)
        self.hub.publish(thread.thread, "title", {"type": "title"})
        return answer

    async def gallery(self, here: ThreadKey, person: Person, search: str) -> dict[str, Any]:
        """A page of the gallery, or the sentence that says why there is none."""
        assert self._handlers is not None
        event = f"web:{person.id}:gallery:{secrets.token_urlsafe(8)}"
        call = CommandCall(event, here, person, "gallery", {"search": search}, pictures=HUNG)
        return views.gallery(await self._handlers.command(call))

    async def command(self, call: CommandCall) -> dict[str, Any]:
        """What a command that a button gave answers, for the asker; what is for all they are shown, too."""
        assert self._handlers is not None
        answer = await self._handlers.command(replace(call, max_file_bytes=MAX_FILE_BYTES))
        if answer.text and not answer.private:
            self.hub.notice(call.thread.thread, None, f"{call.person.name}: {answer.text}", None)
        await self._settled(call)
        return self._told(call, answer) | {"private": answer.private}

    async def delete_thread(self, thread: ThreadKey, person: Person) -> Answer:
        assert self._handlers is not None
        answer = await self._handlers.delete_thread(thread, person)
        if await self.store.deleted(thread):
            self.hub.end(thread.thread, DELETED)
        return answer

    async def move(self, thread: ThreadKey, person: Person, number: int, before: int | None) -> None:
        """Put a picture elsewhere on the board, for all who have it open.

        Raises:
            UserError: it cannot be done; the sentence says why.
        """
        assert self._handlers is not None
        if (refused := await self._handlers.refusal(Whereabouts(thread), person)) is not None:
            raise UserError(refused)
        await self.board.move(thread, number, before)
        order = list(await self.store.board(thread))
        self.hub.publish(thread.thread, "board", {"type": "board", "order": order})

    async def forget(self, person: Person) -> str:
        """Delete what somebody said and made here; returns what to tell them."""
        assert self._handlers is not None
        event = f"web:{person.id}:forget:{secrets.token_urlsafe(8)}"
        call = CommandCall(event, self.key(new_thread()), person, "forget", {"confirm": "yes"})
        return (await self._handlers.command(call)).text

    def publish(self, reply: Reply) -> None:
        """Show the newest state of an answer, and the family tree when a picture has come."""
        ready = 0
        for part in reply.parts:
            if isinstance(part, PicturePart):
                if part.preview is not None and part.state is SlotState.RENDERING and not reply.final:
                    self.hub.keep_preview(part.slot, part.step, part.preview)
                else:
                    self.hub.drop_preview(part.slot)
                ready += part.state is SlotState.READY
        self.hub.show(reply.thread.thread, reply.turn, views.reply(reply), final=reply.final)
        if ready != self._ready_slots.get(reply.turn, 0):
            self._ready_slots[reply.turn] = ready
            self._own(self.publish_pictures(reply.thread), "pictures")
        if reply.final:
            self._ready_slots.pop(reply.turn, None)

    async def publish_pictures(self, thread: ThreadKey) -> None:
        self.hub.publish(thread.thread, "pictures", await self.pictures(thread))

    async def pictures(self, thread: ThreadKey) -> dict[str, Any]:
        """The thread's pictures and which is current, as a message to the page."""
        session = await self.store.session(thread)
        gallery = await self.store.gallery(thread)
        hidden = {number: gone_sentence(number, Why.HIDDEN) for number in await self.store.hidden(thread)}
        return {
            "type": "pictures",
            "current": session.current,
            "settings": dict(session.settings),
            "pictures": [views.picture(picture) for picture in gallery],
            "hidden": hidden,
        }

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.spawn(work, f"web {name}")


def new_thread() -> str:
    """A fresh thread name that nobody can guess."""
    return secrets.token_urlsafe(9)
