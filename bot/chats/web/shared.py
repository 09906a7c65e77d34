"""What whoever has a link to a thread sees: the thread as one page without a script, and its pictures. Nobody is known
here, nothing is written, and no other thread can be reached."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import assert_never

from aiohttp import web

from bot.chats.web.chat import WebChat
from handlers.english import Sentence, alt_text, gone_sentence, missing, round_lines, words
from handlers.errors import PictureGone
from handlers.marking import GONE
from handlers.model import (
    NoticePart,
    Picture,
    PicturePart,
    PictureState,
    ReplyPart,
    Role,
    SelectPart,
    ShareLink,
    SlotState,
    TextPart,
    Turn,
)
from handlers.presentation import Made, Missing, Why, caption, shorten
from handlers.round import RoundPart
from handlers.sharing import link_hash
from handlers.unnamed import Names, names_of
from imaging.errors import BadPicture
from imaging.kinds import media_type

TURNS, PICTURES = 400, 1000
"""The newest, as on the page of those who talk there."""
TOKEN = re.compile(r"[0-9a-f]{40}")
"""Chats that make links of addresses leave out what stands at the end and is no letter or digit."""
OVER = "This link is not good any more."


class Shared:
    """The handlers of these routes."""

    def __init__(self, chat: WebChat) -> None:
        self.chat = chat
        self._style = (resources.files("bot.chats.web") / "static" / "shared.css").read_bytes()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/s/shared.css", self.style),
            web.get("/s/{token}", self.page),
            web.get("/s/{token}/pictures/{number}", self.picture),
        ]

    async def style(self, request: web.Request) -> web.Response:
        return web.Response(body=self._style, content_type="text/css", charset="utf-8")

    async def page(self, request: web.Request) -> web.Response:
        link = await self._link(request)
        turns = await self.chat.store.turns(link.thread)  # all of them: an old brainstorm may have been anonymous
        pictures = {picture.number: picture for picture in await self.chat.store.gallery(link.thread, limit=PICTURES)}
        hidden = await self.chat.store.hidden(link.thread)
        seen = Sight(request.match_info["token"], pictures, hidden, names_of(turns))
        return web.Response(text=document(turns[-TURNS:], seen, link.until), content_type="text/html", charset="utf-8")

    async def picture(self, request: web.Request) -> web.Response:
        link = await self._link(request)
        number = request.match_info["number"]
        if not re.fullmatch(r"[0-9]{1,9}", number):
            raise web.HTTPNotFound(text=GONE)
        picture = await self.chat.store.picture(link.thread, int(number))
        if picture is None or picture.state is not PictureState.READY:
            raise web.HTTPNotFound(text=GONE)
        try:
            data = await self.chat.marking.copy(picture.sha256)
        except (PictureGone, BadPicture):
            raise web.HTTPNotFound(text=GONE) from None
        return web.Response(body=data, content_type=media_type(data))

    async def _link(self, request: web.Request) -> ShareLink:
        """
        Raises:
            web.HTTPNotFound: it is over, ended, or never was: which of these is not told.
        """
        token = request.match_info["token"]
        link = None
        if TOKEN.fullmatch(token):
            link = await self.chat.store.shared_by(link_hash(token), datetime.now(UTC))
        if link is None:
            raise web.HTTPNotFound(text=OVER)
        return link


@dataclass(frozen=True, slots=True)
class Sight:
    """What is there to be seen by a link, and how it is called."""

    token: str
    pictures: Mapping[int, Picture]
    hidden: Collection[int]
    names: Names


def document(turns: Sequence[Turn], seen: Sight, until: datetime) -> str:
    """The whole page. All that people or models wrote goes through `escape`."""
    title = escape(shorten(seen.names.without(turns[0].text), 80) if turns else "A thread")
    body = "\n".join(_turn(turn, seen) for turn in turns) or "<p>There is nothing here (any more).</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="robots" content="noindex, nofollow, noarchive"><meta name="referrer" content="no-referrer">'
        f'<title>{title} · Easel</title><link rel="stylesheet" href="/s/shared.css"></head><body>'
        f'<header><h1 dir="auto">{title}</h1><p>A thread of Easel, to look at. This link is good until '
        f"{until.day} {until:%B %Y, %H:%M} UTC.</p></header>\n<main>{body}</main></body></html>\n"
    )


def _turn(turn: Turn, seen: Sight) -> str:
    is_said = turn.role is Role.USER
    who = escape(seen.names.of(turn.person)) if is_said else "Easel"
    blocks = [_words(turn.text, seen)] if is_said else []
    blocks += [block for part in turn.parts for block in _part(part, seen)]
    kind = "said" if is_said else "answer"
    return f'<article class="{kind}"><h2 dir="auto">{who}</h2>{"".join(blocks)}</article>' if any(blocks) else ""


def _part(part: ReplyPart, seen: Sight) -> Iterable[str]:
    match part:
        case TextPart(text):
            yield _words(text, seen)
        case NoticePart(sentence):
            yield _words(sentence, seen)
        case SelectPart(number, description):
            yield _words(f"#{number} {Sentence.CURRENT}: {description}", seen)
        case RoundPart():
            for line in round_lines(part):
                yield _words(line, seen)
        case PicturePart():
            yield _figure(part, seen)
        case _:
            assert_never(part)


def _figure(part: PicturePart, seen: Sight) -> str:
    picture = seen.pictures.get(part.number)
    if part.state is not SlotState.READY:
        said = caption(part)
        sentence = missing(said) if isinstance(said, Missing) else f"Picture #{part.number} is not there yet."
        return _words(sentence, seen)
    if picture is None:
        why = Why.HIDDEN if part.number in seen.hidden else Why.DELETED
        return _words(gone_sentence(part.number, why), seen)
    alt = escape(seen.names.without(alt_text(picture.description, picture.operation)), quote=True)
    address = f"/s/{seen.token}/pictures/{picture.number}"
    size = f'width="{picture.width}" height="{picture.height}"'
    image = f'<img src="{address}" alt="{alt}" {size} loading="lazy">'
    if picture.spoiler:
        image = f"<details><summary>#{picture.number} {escape(Sentence.COVERED)}</summary>{image}</details>"
    made = words(Made(part.operation, part.parents, part.again)) if part.parents or part.again else ""
    described = escape(seen.names.without(picture.description))
    small = f"<small>{escape(made)}</small>" if made else ""
    return f'<figure>{image}<figcaption dir="auto"><b>#{picture.number}</b> {described}{small}</figcaption></figure>'


def _words(text: str, seen: Sight) -> str:
    said = escape(seen.names.without(text.strip()))
    return f'<p dir="auto">{said}</p>' if said else ""
