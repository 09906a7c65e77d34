"""A brainstorm as one picture: every idea of every round with its number, title and votes."""

from __future__ import annotations

from handlers import voting
from handlers.board import caption, sheet
from handlers.model import File, Picture, PictureState
from handlers.services import Services
from handlers.voting import Round


async def board(services: Services, round: Round) -> File | None:
    """The board of a round's brainstorm up to now; None where it cannot be drawn."""
    cells: list[tuple[str, Picture]] = []
    for one in await services.store.rounds(round.part.brainstorm):
        if one.part.last:
            continue
        for card in voting.shown(one).cards:
            picture = await services.store.picture(round.thread, card.picture)
            if picture is not None and picture.state is PictureState.READY:
                cells.append((caption(card.picture, card.title, card.votes, card.winner), picture))
    return await sheet(services, "brainstorm.png", "The board of the brainstorm", cells)
