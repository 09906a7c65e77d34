"""The board of a thread: its pictures as cards in the order in which people have put them, with titles and votes."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.brainstorm.model import Card, RoundPart
from handlers.english import alt_text, round_head
from handlers.errors import StoreError, UserError
from handlers.model import Picture, Role, Tally, ThreadKey
from handlers.ports import Store
from handlers.presentation import round_of

if TYPE_CHECKING:
    from imaging.likeness import Glance

log = logging.getLogger(__name__)

MOST = 1000
"""Pictures on a board, the newest turns of a thread that are looked through for rounds."""
REMEMBERED = 4000
"""Pictures of which it is kept what they look like."""
UNLIKE = MOST
"""The group of pictures that cannot be read."""
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
    """Whom it was made for; None where that is not told."""
    group: int | None = None
    """Pictures that are alike have the same."""


class Board:
    """Reads boards, and keeps in which order people put them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._glances: OrderedDict[str, Glance | None] = OrderedDict()

    async def pinned(self, thread: ThreadKey, *, alike: bool = False) -> tuple[Pinned, ...]:
        """The pictures of a thread that are there, as they were put.

        Args:
            alike: Find out which of them look alike; that takes a while.
        """
        pictures = {picture.number: picture for picture in await self._store.gallery(thread, limit=MOST)}
        votes = await self._store.votes(thread)
        ideas = await self._ideas(thread)
        order = [number for number in await self._store.board(thread) if number in pictures]
        cards = tuple(_pinned(pictures[number], ideas.get(number), votes.get(number)) for number in order)
        if not alike:
            return cards
        groups = await self._groups([card.picture for card in cards])
        return tuple(replace(card, group=group) for card, group in zip(cards, groups, strict=True))

    async def move(self, thread: ThreadKey, number: int, before: int | None) -> None:
        """Put a picture before another one, or at the end.

        Raises:
            UserError: one of them is not there.
        """
        if not await self._store.move(thread, number, before):
            raise UserError(NOT_THERE)

    async def _ideas(self, thread: ThreadKey) -> Mapping[int, tuple[RoundPart, Card]]:
        """The rounds' ideas by the numbers of their pictures."""
        found: dict[int, tuple[RoundPart, Card]] = {}
        for turn in await self._store.turns(thread, limit=MOST):
            round = round_of(turn.parts) if turn.role is Role.ASSISTANT else None
            if round is not None:
                found |= {card.picture: (round, card) for card in round.cards}
        return found

    async def _groups(self, pictures: Sequence[Picture]) -> list[int]:
        """Which are alike; what cannot be read is like nothing."""
        from imaging.likeness import glance, groups  # decoders are loaded by the first picture only

        glances = [await self._glance(picture, glance) for picture in pictures]
        known = iter(groups([each for each in glances if each is not None]))
        return [UNLIKE if each is None else next(known) for each in glances]

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


def _pinned(picture: Picture, idea: tuple[RoundPart, Card] | None, tally: Tally | None) -> Pinned:
    alt = alt_text(picture.description, picture.operation)
    if idea is None:
        up = 0 if tally is None else tally.up
        return Pinned(picture, picture.description, alt=alt, votes=up, person=picture.person.name)
    round, card = idea
    name = None if round.anonymous else picture.person.name
    return Pinned(picture, card.title, card.why, alt, round_head(round), card.votes, card.winner, name)
