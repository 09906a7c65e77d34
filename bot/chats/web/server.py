"""The routes of the page. Each translates and delegates; what things mean is decided in `chat` and handlers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.chats.web import security, views
from bot.chats.web.accounts import Accounts
from bot.chats.web.boards import Boards
from bot.chats.web.chat import DELETED, WebChat, new_thread
from bot.chats.web.connections import Doorman, connection
from bot.chats.web.events import Subscriber
from bot.chats.web.forms import MAX_TEXT, json_object, message_form, number
from bot.chats.web.residents import EVERYBODYS
from bot.chats.web.security import MEMBER
from bot.chats.web.shared import Shared
from bot.people import House, Member, ThreadRights
from bot.readiness import Readiness
from handlers.command_text import BadCommand, read_values
from handlers.errors import PictureGone, StoreError
from handlers.marking import GONE
from handlers.model import NOWHERE, Action, CommandCall, CommandSpec, Incoming, Press, ThreadKey
from handlers.presentation import read_change
from handlers.whose import began_by, governs
from imaging.errors import BadPicture
from imaging.kinds import kind_of, media_type
from imaging.places import without_places
from prompts.adapter import style_names

log = logging.getLogger(__name__)

LISTED = 100
LONGEST_SEARCH = 100
LOOKED_THROUGH = 5000
"""Threads of all people, of which the newest are listed that somebody may see."""
LONGEST_FILE_NAME = 80
PACE_S = 0.05
PING_S = 15.0
_SHA = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,10}")
_EVENT = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ASSETS = (
    "style.css", "pictures.css", "icon.svg", "app.js", "api.js", "markdown.js", "messages.js", "pictures.js",
    "dialogs.js", "composer.js", "tree.js", "dom.js", "links.js", "people.js", "viewer.js", "completion.js",
    "wall.js", "wall.css", "brainstorm.js", "gallery.js", "gallery.css",
    "menus.js", "forms.js", "threads.js", "compare.js", "shares.js",
    "board.js", "board.css",
)  # fmt: skip


class Pages:
    """The handlers of the routes."""

    def __init__(
        self,
        chat: WebChat,
        doorman: Doorman,
        readiness: Callable[[], Awaitable[Readiness]],
        metrics: Callable[[], bytes],
        max_upload_bytes: int,
        about: dict[str, Any],
        commands: Sequence[CommandSpec],
    ) -> None:
        self.chat = chat
        self.doorman = doorman
        self.hub = chat.hub
        self.store = chat.store
        self.marking = chat.marking
        self.readiness = readiness
        self.metrics = metrics
        self.max_upload_bytes = max_upload_bytes
        self.gate = chat.gate
        self.residents = chat.residents
        # What is for admins of a server is for nobody here.
        self._commands = [spec for spec in commands if not spec.admin_only]
        self._about = about | {
            "max_upload_mb": max_upload_bytes // 2**20,
            "commands": [views.command(spec) for spec in self._commands],
            "styles": style_names(),
        }
        folder = resources.files("bot.chats.web") / "static"
        self._assets = {name: (folder / name).read_bytes() for name in (*ASSETS, "page.html")}

    async def page(self, request: web.Request) -> web.Response:
        return self._asset("page.html")

    async def asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in ASSETS:
            raise web.HTTPNotFound(text="There is no such file.")
        return self._asset(name)

    def _asset(self, name: str) -> web.Response:
        kind = _TYPES["." + name.rpartition(".")[2]]
        charset = None if kind == "image/svg+xml" else "utf-8"
        return web.Response(
            body=self._assets[name], content_type=kind, charset=charset, headers={"Cache-Control": "no-cache"}
        )

    async def about(self, request: web.Request) -> web.Response:
        return web.json_response(self._about)

    async def threads(self, request: web.Request) -> web.Response:
        """The newest that stand in the list of whoever asks: up to `limit`, with all words of `q` in their titles.
        `here` is the row of that thread, listed or not."""
        member, query = request[MEMBER], request.query
        seen = await self.residents.seen(member)
        rows = await self.store.threads("web", NOWHERE, limit=LOOKED_THROUGH)
        wanted = query.get("q", "")[:LONGEST_SEARCH].casefold().split()
        limit = query.get("limit", "")
        most = min(int(limit), LOOKED_THROUGH) if _DIGITS.fullmatch(limit) else LISTED
        mine = [(row, rights) for row in rows if (rights := seen(row.key.thread)) is not None]
        found = [each for each in mine if all(word in each[0].title.casefold() for word in wanted)]
        shown = [views.summary(row) | _whose(rights, member) for row, rights in found[:most]]
        here = next(
            (
                views.summary(row) | _whose(rights, member)
                for row, rights in mine
                if row.key.thread == query.get("here")
            ),
            None,
        )
        return web.json_response({"threads": shown, "more": len(found) > most, "here": here})

    async def gallery(self, request: web.Request) -> web.Response:
        """What was made here and who asks may see, a page by the search `q`; its `in:here` means the thread `here`."""
        named = request.query.get("here")
        key = self.chat.key(named or new_thread())
        if named:
            await self.residents.enter(request[MEMBER], key, self.store, writes=False)
        return web.json_response(await self.chat.gallery(key, self.chat.person(request), request.query.get("q", "")))

    async def new_thread(self, request: web.Request) -> web.Response:
        thread = new_thread()
        await self.residents.enter(request[MEMBER], self.chat.key(thread), self.store, writes=True)
        return web.json_response({"id": thread}, status=201)

    async def _enter(self, request: web.Request, *, writes: bool) -> ThreadKey:
        """The thread that a request is about.

        Raises:
            web.HTTPNotFound: there is none, for whoever asks.
        """
        key = self.chat.key(request.match_info["thread"])
        await self.residents.enter(request[MEMBER], key, self.store, writes=writes)
        return key

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The thread as it stands, then everything that happens in it (text/event-stream)."""
        key = await self._enter(request, writes=False)
        with self.doorman.stream(self.chat.visitors.address(request)):
            return await self._stream(request, key)

    async def _stream(self, request: web.Request, key: ThreadKey) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        security.seal(request, response)
        await response.prepare(request)
        # From here on nothing is missed: what comes first is sent after the snapshot.
        subscriber = self.hub.subscribe(key.thread, self.chat.person(request).id)
        try:
            if await self.store.deleted(key):
                await _send(response, DELETED)
                return response
            await _send(response, await self._snapshot(request))
            through = connection(request)
            if through is not None:
                through.gone = subscriber.wake.set
            await self._follow(request, response, subscriber)
        except (ConnectionError, asyncio.CancelledError):
            log.debug("a page has gone")
        finally:
            self.hub.unsubscribe(key.thread, subscriber)
        return response

    async def _snapshot(self, request: web.Request) -> dict[str, Any]:
        key = self.chat.key(request.match_info["thread"])
        member = request[MEMBER]
        rights = await self.residents.enter(member, key, self.store, writes=False)
        turns = [views.turn(turn) for turn in await self.store.turns(key, limit=400)]
        live = {message["turn"]["id"]: message["turn"] for message in self.hub.live(key.thread)}
        turns = [live.pop(turn["id"], turn) for turn in turns] + list(live.values())
        stored = {turn["text"] for turn in turns if turn["role"] == "user"}
        return (
            {
                "type": "snapshot",
                "me": self.chat.person(request).id,
                "turns": turns,
                "said": [message for message in self.hub.said(key.thread) if message["text"] not in stored],
            }
            | _whose(rights or EVERYBODYS, member)
            | {k: v for k, v in (await self.chat.mine(key, self.chat.person(request))).items() if k != "type"}
            | {k: v for k, v in (await self.chat.pictures(key)).items() if k != "type"}
        )

    async def _follow(self, request: web.Request, response: web.StreamResponse, subscriber: Subscriber) -> None:
        now = asyncio.get_running_loop().time
        looked = now()
        phases: dict[str, str] = {}
        while not self.hub.closed and connection(request) is not None:
            try:
                await asyncio.wait_for(subscriber.wake.wait(), PING_S)
            except TimeoutError:
                await response.write(b": still here\n\n")
            if subscriber.look_again or now() - looked >= PING_S:
                subscriber.look_again, looked = False, now()
                if not await self._still_in(request):
                    return
            moved_on = False
            for message in subscriber.take():
                await _send(response, message)
                moved_on = _moves_on(message, phases) or moved_on
            if moved_on:
                key = self.chat.key(request.match_info["thread"])
                await _send(response, await self.chat.mine(key, self.chat.person(request)))
            await asyncio.sleep(PACE_S)

    async def _still_in(self, request: web.Request) -> bool:
        """Whether who follows a thread is still signed in and may still see it."""
        if not self.residents:
            return True
        request[MEMBER] = await self.residents.who(request)
        try:
            await self._enter(request, writes=False)
        except web.HTTPNotFound:
            return False
        return request[MEMBER] is not None

    async def message(self, request: web.Request) -> web.Response:
        """Take a message (multipart: text, event, replies_to, files); 202 at once, the answer comes as events."""
        key = await self._enter(request, writes=True)
        with ExitStack() as held:
            take = held.enter_context(self.chat.hands.for_one(self.chat.visitors.address(request)))
            fields, files = await message_form(request, self.max_upload_bytes, take)
            replies_to = fields.get("replies_to", "")
            event = fields.get("event", "")
            person = self.chat.person(request)
            incoming = Incoming(
                event=f"web:{person.id}:{event if _EVENT.fullmatch(event) else secrets.token_urlsafe(12)}",
                thread=key,
                person=person,
                text=fields.get("text", ""),
                attachments=tuple(files),
                replies_to=number(int(replies_to)) if _DIGITS.fullmatch(replies_to) else None,
            )
            self.chat.deliver(incoming, held.pop_all())
        return web.json_response({"accepted": True}, status=202)

    async def press(self, request: web.Request) -> web.Response:
        key = await self._enter(request, writes=True)
        data = await json_object(request)
        try:
            action = Action(str(data.get("action")))
        except ValueError:
            raise web.HTTPBadRequest(text="There is no such button.") from None
        event = str(data.get("event", ""))
        person = self.chat.person(request)
        change = data.get("change")
        answer = await self.chat.press(
            Press(
                event=f"web:{person.id}:{event if _EVENT.fullmatch(event) else secrets.token_urlsafe(12)}",
                thread=key,
                person=person,
                action=action,
                picture=number(data.get("picture")),
                slot=str(data["slot"])[:200] if data.get("slot") else None,
                text=str(data.get("text") or "")[:MAX_TEXT],
                change=read_change(change),
            )
        )
        return web.json_response(views.answer(answer))

    async def rename(self, request: web.Request) -> web.Response:
        member = request[MEMBER]
        key = self.chat.key(request.match_info["thread"])
        rights = await self.residents.enter(member, key, self.store, writes=False)
        if member is not None and rights is not None and rights.owner != member.id:
            raise web.HTTPForbidden(text="Only who began this thread can give it another title.")
        title = str((await json_object(request)).get("title") or "")[:MAX_TEXT]
        return web.json_response(views.answer(await self.chat.rename(key, self.chat.person(request), title)))

    async def delete(self, request: web.Request) -> web.Response:
        key = await self._enter(request, writes=False)
        if (await json_object(request)).get("confirm") != "yes":
            raise web.HTTPBadRequest(text="This deletes the thread for everybody, for good: confirm it.")
        return web.json_response(views.answer(await self.chat.delete_thread(key, self.chat.person(request))))

    async def shares(self, request: web.Request) -> web.Response:
        """The links to a thread, for whoever may end them."""
        key = await self._enter(request, writes=False)
        if not governs(self.chat.person(request), await began_by(self.store, key)):
            raise web.HTTPForbidden(text="Only who began this thread, or a moderator, decides who else sees it.")
        now = datetime.now(UTC)
        links = [link for link in await self.store.share_links(key) if link.until > now]
        return web.json_response(
            [{"id": link.id, "by": link.person.name, "until": link.until.isoformat()} for link in links]
        )

    async def command(self, request: web.Request) -> web.Response:
        """A command that a button gives, with its arguments by name; what it answers comes at once."""
        key = await self._enter(request, writes=True)
        data = await json_object(request)
        spec = next((spec for spec in self._commands if spec.name == data.get("name")), None)
        given = data.get("arguments", {})
        if spec is None or not isinstance(given, dict):
            raise web.HTTPBadRequest(text="There is no such command.")
        try:
            arguments = read_values(spec, {str(name): str(value) for name, value in given.items()})
        except BadCommand as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        person = self.chat.person(request)
        event = f"web:{person.id}:{secrets.token_urlsafe(12)}"
        return web.json_response(await self.chat.command(CommandCall(event, key, person, spec.name, arguments)))

    async def picture(self, request: web.Request) -> web.Response:
        """The copy for people of a file that is named by its SHA-256: it never changes, so browsers may keep it."""
        sha256 = request.match_info["sha256"]
        if not _SHA.fullmatch(sha256):
            raise web.HTTPNotFound(text="There is no such picture.")
        try:
            data = await self._copy(sha256, small="small" in request.query)
        except PictureGone:
            raise web.HTTPNotFound(text=GONE) from None
        except StoreError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from None
        kind, ending = kind_of(data)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        if "download" in request.query:
            name = _file_name(request.query["download"]) or f"easel-{sha256[:12]}"
            headers["Content-Disposition"] = (
                f"attachment; filename=\"easel-{sha256[:12]}.{ending}\"; filename*=UTF-8''{quote(name)}.{ending}"
            )
        return web.Response(body=data, content_type=kind, headers=headers)

    async def _copy(self, sha256: str, *, small: bool) -> bytes:
        if small:
            try:
                return await self.marking.small(sha256)
            except BadPicture as error:
                log.warning("picture %s cannot be made small: %s", sha256[:12], error)
        return await self.marking.copy(sha256)

    async def file(self, request: web.Request) -> web.Response:
        """A file of a command's answer, for whoever gave the command."""
        file = self.chat.shelf.take(self.chat.person(request).id, request.match_info["token"])
        if file is None:
            raise web.HTTPNotFound(text="This file is not kept any more; please give the command again.")
        name = re.sub(r"[^\w.-]", "_", file.name, flags=re.ASCII)
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=file.data, content_type=file.media_type, headers=headers)

    async def preview(self, request: web.Request) -> web.Response:
        preview = self.hub.preview(request.match_info["slot"])
        if preview is None:
            raise web.HTTPNotFound(text="This preview has passed.")
        return web.Response(
            body=preview.data, content_type=media_type(preview.data), headers={"Cache-Control": "no-store"}
        )

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether people can be served; why not is told to whoever is no stranger, and only to the host with paths."""
        found = await self.readiness()
        told: dict[str, Any] = {"status": "ready" if found.ready else "not ready"}
        if self.gate.knows(request):
            shown = str if self.gate.is_host(request) else without_places
            why = {"problems": found.problems, "warnings": found.warnings, "passing": found.passing}
            why["engines"] = found.engines
            told |= {name: [shown(sentence) for sentence in said] for name, said in why.items()}
        return web.json_response(told, status=200 if found.ready else 503)

    async def numbers(self, request: web.Request) -> web.Response:
        member = request[MEMBER]
        if member is not None and member.role is not House.ADMIN:
            raise web.HTTPForbidden(text="The numbers are for admins.")
        return web.Response(body=self.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _send(response: web.StreamResponse, message: Any) -> None:
    await response.write(b"data: " + json.dumps(message, ensure_ascii=False).encode() + b"\n\n")


def _moves_on(message: Any, phases: dict[str, str]) -> bool:
    """Whether a message shows a round in which something of somebody's own may have changed: one in another phase than
    `phases` has of it, or one that is shown again."""
    turn = message.get("turn") or {"parts": ()}
    for part in turn["parts"]:
        if part["kind"] == "round":
            known = phases.get(turn["id"])
            phases[turn["id"]] = part["phase"]
            return bool(message["type"] == "redrawn" or known != part["phase"])
    return False


def _file_name(told: str) -> str:
    """A description as the name of a file: words of any language, joined by hyphens."""
    return re.sub(r"[\W_]+", "-", told[:LONGEST_FILE_NAME]).strip("-")


def _whose(rights: ThreadRights, member: Member | None) -> dict[str, Any]:
    """What the page tells of a thread's rights; nothing where there are only guests."""
    return {} if member is None else {"sharing": rights.sharing.value, "mine": rights.owner == member.id}


def build(pages: Pages) -> web.Application:
    """The application with all its routes."""
    app = web.Application(middlewares=[security.middleware(pages.gate, pages.residents)], client_max_size=2**20)
    app.add_routes(
        [
            web.get("/", pages.page),
            web.get("/t/{thread}", pages.page),
            web.get("/t/{thread}/board", pages.page),
            web.get("/join", pages.page),
            web.get("/gallery", pages.page),
            web.get("/static/{name}", pages.asset),
            web.get("/api/about", pages.about),
            web.get("/api/gallery", pages.gallery),
            web.get("/api/threads", pages.threads),
            web.post("/api/threads", pages.new_thread),
            web.get("/api/threads/{thread}/events", pages.events),
            web.post("/api/threads/{thread}/messages", pages.message),
            web.post("/api/threads/{thread}/press", pages.press),
            web.post("/api/threads/{thread}/title", pages.rename),
            web.post("/api/threads/{thread}/delete", pages.delete),
            web.get("/api/threads/{thread}/shares", pages.shares),
            web.post("/api/threads/{thread}/command", pages.command),
            web.get("/api/files/{token}", pages.file),
            web.get("/api/previews/{slot}/{step}", pages.preview),
            web.get("/pictures/{sha256}", pages.picture),
            web.get("/healthz", pages.health),
            web.get("/readyz", pages.ready),
            web.get("/metrics", pages.numbers),
            *Accounts(pages.chat, pages.residents).routes(),
            *Shared(pages.chat).routes(),
            *Boards(pages.chat, pages.residents).routes(),
        ]
    )
    return app
