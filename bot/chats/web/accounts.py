"""The routes by which somebody comes in, goes, is forgotten, and shares a thread."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.chats.web.chat import WebChat
from bot.chats.web.forms import json_object
from bot.chats.web.residents import NO_THREAD, SESSION, Residents
from bot.chats.web.security import COOKIE, MEMBER, TLS
from bot.people import DEVICE_S, SESSION_DAYS, Member, NotInvited, Sharing
from bot.settings import Login

LONGEST_TOKEN = 200


class Accounts:
    """The handlers of these routes."""

    def __init__(self, chat: WebChat, residents: Residents) -> None:
        self.chat = chat
        self.residents = residents

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/me", self.me),
            web.post("/api/me/name", self.name),
            web.post("/api/me/sign-out", self.sign_out),
            web.post("/api/me/forget", self.forget),
            web.post("/api/me/link", self.link),
            web.post("/api/invitation", self.invitation),
            web.post("/api/join", self.join),
            web.post("/api/threads/{thread}/sharing", self.share),
        ]

    async def me(self, request: web.Request) -> web.Response:
        person, member = self.chat.person(request), request[MEMBER]
        return web.json_response(
            {
                "id": person.id,
                "name": person.name,
                "role": member.role.value if member is not None else None,
                "login": self.residents.login.value,
                "admin": person.admin,
                "moderator": person.moderator,
                "named": member is not None,
                "can_forget": not self.chat.gate.is_owner(request),
            }
        )

    async def name(self, request: web.Request) -> web.Response:
        """What a guest shall be called; who is signed in has a name already."""
        if request[MEMBER] is not None:
            raise web.HTTPConflict(text="Your name comes with how you signed in.")
        wanted = (await json_object(request)).get("name")
        try:
            name = await self.chat.names.give(self.chat.person(request).id, wanted if isinstance(wanted, str) else "")
        except NotInvited as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.json_response({"name": name})

    async def invitation(self, request: web.Request) -> web.Response:
        """What a link is for, before it is used: looking at it (as previews of chats do) uses nothing up."""
        token = await self._token(request)
        try:
            found = await self.residents.ask(lambda register: register.invitation(token))
        except NotInvited as error:
            raise web.HTTPNotFound(text=str(error)) from None
        return web.json_response({"role": found.role.value, "name": found.name, "asks_name": found.person is None})

    async def join(self, request: web.Request) -> web.Response:
        token = await self._token(request)
        name = str((await json_object(request)).get("name") or "")
        self.chat.gate.admit_joining(request)
        try:
            member, session = await self.residents.ask(lambda register: register.join(token, name))
        except NotInvited as error:
            self.chat.refused("an invitation or name")
            raise web.HTTPConflict(text=str(error)) from None
        response = web.json_response({"name": member.name, "role": member.role.value}, status=201)
        response.set_cookie(
            SESSION, session, max_age=SESSION_DAYS * 24 * 3600, httponly=True, samesite="Strict", path="/",
            secure=request[TLS],
        )  # fmt: skip
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        token = request.cookies.get(SESSION, "")
        if self.residents.login is Login.INVITATION and token:
            await self.residents.ask(lambda register: register.sign_out(token))
        self.chat.hub.look_again()
        return self._gone({"signed_out": True})

    async def forget(self, request: web.Request) -> web.Response:
        """Delete what somebody said and made, their name and their session, for good."""
        if (await json_object(request)).get("confirm") != "yes":
            raise web.HTTPBadRequest(text="This deletes your messages and pictures for good: confirm it.")
        told = await self.chat.forget(self.chat.person(request))
        self.chat.hub.look_again()
        return self._gone({"text": told})

    async def link(self, request: web.Request) -> web.Response:
        """A link that signs in the same person in another browser, once and soon."""
        member = self._signed_in(request)
        _, token = await self.residents.ask(
            lambda register: register.invite(member.role, person=member.id, seconds=DEVICE_S)
        )
        return web.json_response({"path": f"/join#{token}", "minutes": int(DEVICE_S // 60)}, status=201)

    async def share(self, request: web.Request) -> web.Response:
        key = self.chat.key(request.match_info["thread"])
        member = request[MEMBER]
        if member is None:
            raise web.HTTPNotFound(text=NO_THREAD)
        try:
            sharing = Sharing(str((await json_object(request)).get("sharing")))
        except ValueError:
            raise web.HTTPBadRequest(text="A thread is private, link or house.") from None
        if not await self.residents.ask(lambda register: register.share(key.thread, member.id, sharing)):
            raise web.HTTPNotFound(text=NO_THREAD)
        self.chat.hub.publish(key.thread, "sharing", {"type": "sharing", "sharing": sharing.value})
        self.chat.hub.look_again()
        return web.json_response({"sharing": sharing.value})

    def _signed_in(self, request: web.Request) -> Member:
        member = request[MEMBER]
        if member is None or self.residents.login is not Login.INVITATION:
            raise web.HTTPNotFound(text="There are no invitations here.")
        return member

    async def _token(self, request: web.Request) -> str:
        if self.residents.login is not Login.INVITATION:
            raise web.HTTPNotFound(text="There are no invitations here.")
        return str((await json_object(request)).get("token") or "")[:LONGEST_TOKEN]

    def _gone(self, told: dict[str, Any]) -> web.Response:
        response = web.json_response(told)
        for name in (SESSION, COOKIE):
            response.del_cookie(name, path="/", httponly=True, samesite="Strict")
        return response
