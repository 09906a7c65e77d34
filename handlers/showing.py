"""Answers that are posted, shown again after a picture in them was deleted, hidden, or is to be seen again."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from handlers.english import gone_sentence
from handlers.model import Picture, PicturePart, PictureState, SlotState, ThreadKey, Turn
from handlers.ports import Chat, ChatUnavailable, Store
from handlers.presentation import GONE, Why
from handlers.runs import Runs

log = logging.getLogger(__name__)


class Showing:
    """Brings it to the chat of the thread; what cannot be shown again is in the log."""

    def __init__(self, store: Store, chats: Mapping[str, Chat], runs: Runs) -> None:
        self._store = store
        self._chats = chats
        self._runs = runs

    async def again(self, picture: Picture) -> None:
        """Show the answer with a picture as it stands now. Never raises but on cancellation."""
        try:
            await self._again(picture)
        except ChatUnavailable as error:
            log.info("picture %d of %s stays as it was shown: %s", picture.number, picture.thread, error)
        except Exception:
            log.exception("the answer with picture %d of %s could not be shown again", picture.number, picture.thread)

    async def _again(self, picture: Picture) -> None:
        await self._in_growing(picture)
        turn, chat = await self._store.turn(picture.turn), self._chats.get(picture.thread.chat)
        if turn is not None and chat is not None:
            await chat.redraw(turn, await self._gone(turn))

    async def answer(self, turn: str, thread: ThreadKey) -> None:
        """Show a whole answer as it is stored now. Never raises but on cancellation."""
        try:
            stored, chat = await self._store.turn(turn), self._chats.get(thread.chat)
            if stored is not None and chat is not None:
                await chat.redraw(stored, await self._gone(stored))
        except ChatUnavailable as error:
            log.info("answer %s of %s stays as it was shown: %s", turn, thread, error)
        except Exception:
            log.exception("answer %s of %s could not be shown again", turn, thread)

    async def _in_growing(self, picture: Picture) -> None:
        """An answer that still grows takes it out by itself; its post is nobody else's until it is over."""
        run = self._runs.of_turn(picture.turn)
        if run is not None:
            now = await self._store.picture(picture.thread, picture.number)
            why = Why.DELETED if now is None else GONE.get(now.state)
            run.assembly.withhold(picture.number, None if why is None else gone_sentence(picture.number, why))
            await run.over.wait()

    async def _gone(self, turn: Turn) -> dict[int, Why]:
        gone = {}
        for part in turn.parts:
            if isinstance(part, PicturePart) and part.state is SlotState.READY:
                picture = await self._store.picture(turn.thread, part.number)
                state = PictureState.DELETED if picture is None else picture.state
                if state in GONE:
                    gone[part.number] = GONE[state]
        return gone
