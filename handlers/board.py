"""The board of a thread: its pictures as cards in the order in which people have put them, with titles and votes."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from handlers.english import alt_text, round_head, votes_told
from handlers.errors import StoreError, UserError
from handlers.model import Answer, CommandCall, File, Picture, Tally, ThreadKey, Turn
from handlers.ports import Store
from handlers.presentation import round_of
from handlers.round import Card, RoundPart
from handlers.services import Services
from handlers.unnamed import is_anonymous
from imaging.errors import BadPicture
from imaging.kinds import media_type

if TYPE_CHECKING:
    from imaging.likeness import Glance

log = logging.getLogger(__name__)

MOST = 1000
"""Pictures on a board."""
SHOWN = 48
"""Pictures on a board that is one picture."""
REMEMBERED = 4000
"""Pictures of which it is kept what they look like."""
NOT_THERE = "That picture is not on the board any more."


@dataclass(frozen=True, slots=True)
class Pinned:
    """A picture on a board."""

    picture: Picture
    title: str
    """An idea's title; else the description."""
    why: str = ""
    alt: str = ""
    round: str = ""
    """The headline of the round whose idea it is; empty for other pictures."""
    votes: int | None = 0
    """None: not told, while the vote of an anonymous round is open."""
    winner: bool = False
    person: str | None = None
    """Whom it was made for; None in a thread with an anonymous brainstorm."""
    group: int | None = None
    """Pictures that are alike have the same."""


class Board:
    """Reads boards, and keeps in which order people put them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._comparing = asyncio.Lock()
        self._glances: OrderedDict[str, Glance | None] = OrderedDict()

    async def pinned(self, thread: ThreadKey, *, alike: bool = False) -> tuple[Pinned, ...]:
        """The pictures of a thread that are there, as they were put.

        Args:
            alike: Find out which of them look alike; that takes a while.
        """
        pictures = {picture.number: picture for picture in await self._store.gallery(thread, limit=MOST)}
        votes = await self._store.votes(thread)
        turns = await self._store.turns(thread)  # all of them: an old brainstorm may have been anonymous
        ideas, named = _ideas(turns), not is_anonymous(turns)
        order = [number for number in await self._store.board(thread) if number in pictures]
        cards = tuple(_pinned(pictures[number], ideas.get(number), votes.get(number), named) for number in order)
        if not alike:
            return cards
        async with self._comparing:  # who asks again meanwhile finds it done
            groups = await self._groups([card.picture for card in cards])
        return tuple(replace(card, group=group) for card, group in zip(cards, groups, strict=True))

    async def move(self, thread: ThreadKey, number: int, before: int | None) -> None:
        """Put a picture before another one, or at the end.

        Raises:
            UserError: one of them is not there.
        """
        if not await self._store.move(thread, number, before):
            raise UserError(NOT_THERE)

    async def _groups(self, pictures: Sequence[Picture]) -> list[int]:
        """Which are alike; what cannot be read is like nothing."""
        from imaging.likeness import glance, groups  # decoders are loaded by the first picture only

        glances = [await self._glance(picture, glance) for picture in pictures]
        # In a thread of its own: of a thousand pictures that takes long, and nobody else may wait for it.
        known = iter(await asyncio.to_thread(groups, [each for each in glances if each is not None]))
        return [MOST + at if each is None else next(known) for at, each in enumerate(glances)]

    async def _glance(self, picture: Picture, glance: Callable[[bytes], Glance]) -> Glance | None:
        if picture.sha256 not in self._glances:
            try:
                data = await self._store.picture_bytes(picture.sha256)
                self._glances[picture.sha256] = await asyncio.to_thread(glance, data)
            except (OSError, StoreError) as error:
                log.warning("picture %.12s cannot be compared with others: %s", picture.sha256, error)
                return None
            while len(self._glances) > REMEMBERED:
                self._glances.popitem(last=False)
        return self._glances[picture.sha256]


def _ideas(turns: Sequence[Turn]) -> Mapping[int, tuple[RoundPart, Card]]:
    """The ideas of the rounds that answers show, by the numbers of their pictures."""
    rounds = filter(None, (round_of(turn.parts) for turn in turns))
    return {card.picture: (round, card) for round in rounds for card in round.cards}


def _pinned(picture: Picture, idea: tuple[RoundPart, Card] | None, tally: Tally | None, named: bool) -> Pinned:
    alt, person = alt_text(picture.description, picture.operation), picture.person.name if named else None
    if idea is None:
        up = 0 if tally is None else tally.up
        return Pinned(picture, picture.description, alt=alt, votes=up, person=person)
    round, card = idea
    return Pinned(picture, card.title, card.why, alt, round_head(round), card.votes, card.winner, person)


def nowhere(thread: ThreadKey) -> str:
    return ""


class Posting:
    """Answers `/board`.

    Args:
        address: Where people of a thread open its board; empty: nowhere.
    """

    def __init__(self, services: Services, address: Callable[[ThreadKey], str]) -> None:
        self._services = services
        self._board = Board(services.store)
        self._address = address

    async def command(self, call: CommandCall) -> Answer:
        """The address of the board, for the asker; where there is none, the board as one picture, for all.

        Raises:
            UserError: there is nothing on it.
        """
        cards = await self._board.pinned(call.thread)
        if not cards:
            raise UserError("There are no pictures in this thread yet.")
        if address := self._address(call.thread):
            return Answer(f"The board of this thread: {address}")
        cells = [(caption(card.picture.number, card.title, card.votes, card.winner), card.picture) for card in cards]
        file = await sheet(self._services, "board.png", "The board of this thread", cells, call.max_file_bytes)
        if file is None:
            raise UserError("The board could not be drawn; please try again.")
        left = f" The last {SHOWN} of its {len(cells)} pictures are on it." if len(cells) > SHOWN else ""
        return Answer(f"The board of this thread.{left}", (file,), private=False)


def caption(number: int, title: str, votes: int | None, winner: bool) -> str:
    """Under a picture on a board that is one picture."""
    told = votes_told(votes) if votes else ""
    return " · ".join(filter(None, (f"#{number} {title}", told, "winner" if winner else "")))


async def sheet(
    services: Services, name: str, head: str, cells: Sequence[tuple[str, Picture]], max_bytes: int | None = None
) -> File | None:
    """The last pictures with their captions as one picture, marked; None where it cannot be drawn.

    Args:
        head: What it is, for whoever does not see it.
    """
    drawn, shown = [], []
    for caption, picture in cells[-SHOWN:]:
        try:
            drawn.append((caption, await services.store.picture_bytes(picture.sha256)))
            shown.append(picture)
        except StoreError as error:
            log.warning("picture %d is left out of a board: %s", picture.number, error)
    try:
        data = await services.marking.sheet(await asyncio.to_thread(partial(_drawn, drawn)), shown)
        if max_bytes is not None:
            data = await services.marking.fit(data, max_bytes)
    except BadPicture as error:
        log.warning("a board could not be drawn: %s", error)
        return None
    alt = f"{head}: " + "; ".join(caption for caption, _ in drawn)
    return File(name, media_type(data), data, alt, spoiler=any(picture.spoiler for picture in shown))


def _drawn(cells: list[tuple[str, bytes]]) -> bytes:
    from imaging.sheets import contact_sheet  # decoders are loaded by the first picture only

    return contact_sheet(cells)
