"""The routes of a thread's board."""

from __future__ import annotations

from aiohttp import web

from bot.chats.web import views
from bot.chats.web.chat import WebChat
from bot.chats.web.forms import json_object, number
from bot.chats.web.residents import Residents
from bot.chats.web.security import MEMBER
from handlers.errors import StoreError, UserError


class Boards:
    """The handlers of these routes. Whoever may see a thread sees its board."""

    def __init__(self, chat: WebChat, residents: Residents) -> None:
        self.chat = chat
        self.residents = residents

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/threads/{thread}/board", self.board),
            web.post("/api/threads/{thread}/board", self.move),
        ]

    async def board(self, request: web.Request) -> web.Response:
        """The cards as they were put; with `alike`, which of them look alike."""
        key = self.chat.key(request.match_info["thread"])
        await self.residents.enter(request[MEMBER], key, self.chat.store, writes=False)
        cards = await self.chat.board.pinned(key, alike="alike" in request.query)
        return web.json_response({"cards": [views.pinned(card) for card in cards]})

    async def move(self, request: web.Request) -> web.Response:
        """Put a picture (`number`) before another one (`before`), or at the end."""
        key = self.chat.key(request.match_info["thread"])
        await self.residents.enter(request[MEMBER], key, self.chat.store, writes=True)
        data = await json_object(request)
        moved, before = number(data.get("number")), number(data.get("before"))
        if moved is None or (before is None and data.get("before") is not None):
            raise web.HTTPBadRequest(text="Say which picture, and before which other one.")
        try:
            await self.chat.move(key, self.chat.person(request), moved, before)
        except StoreError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from None
        except UserError as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.json_response({"moved": True})
