"""A brainstorm as one picture: every idea of every round with its number, title and votes."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from handlers import voting
from handlers.brainstorm import words
from handlers.brainstorm.model import Card
from handlers.errors import UserError
from handlers.model import File, Picture, PictureState
from handlers.services import Services
from handlers.voting import Round
from imaging.errors import BadPicture

log = logging.getLogger(__name__)

MOST = 48
"""Ideas on it, the newest."""


async def board(services: Services, round: Round) -> File | None:
    """The board of a round's brainstorm up to now; None where there is nothing to show."""
    store = services.store
    shown: list[tuple[Card, Picture]] = []
    for one in await store.rounds(round.part.brainstorm):
        for card in voting.shown(one).cards:
            picture = await store.picture(round.thread, card.picture)
            if picture is not None and picture.state is PictureState.READY and not one.part.last:
                shown.append((card, picture))
    cells = []
    for card, picture in shown[-MOST:]:
        try:
            cells.append((_caption(card), await store.picture_bytes(picture.sha256)))
        except UserError as error:
            log.warning("picture %d is left out of a board: %s", picture.number, error)
    try:
        data = await asyncio.to_thread(partial(_drawn, cells))
    except BadPicture as error:
        log.warning("a board could not be drawn: %s", error)
        return None
    data = await services.marking.sheet(data, [picture for _, picture in shown])
    alt = "The board of the brainstorm: " + "; ".join(_caption(card) for card, _ in shown[-MOST:])
    return File("brainstorm.png", "image/png", data, alt, spoiler=any(picture.spoiler for _, picture in shown))


def _caption(card: Card) -> str:
    votes = "" if not card.votes else f" · {words.votes(card.votes)}"
    return f"#{card.picture} {card.title}{votes}{' · winner' if card.winner else ''}"


def _drawn(cells: list[tuple[str, bytes]]) -> bytes:
    from imaging.outputs import contact_sheet

    return contact_sheet(cells)
