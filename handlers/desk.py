"""The desk where everything arrives: messages, buttons, commands. It only hands them on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from handlers.buttons import Buttons
from handlers.conversation import Conversation
from handlers.director import Services
from handlers.errors import UserError
from handlers.limits import Limits
from handlers.model import Answer, Incoming, Press, ThreadKey, Turn
from handlers.ports import Chat, LanguageModel, Pictures, Store
from handlers.quota import Quota
from handlers.refinement import Refine, Refinement
from imaging.errors import ImagingError

log = logging.getLogger(__name__)

BROKE = "Something went wrong; please try again."


def utc_now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Implements `handlers.ports.Handlers`.

    Args:
        store: Everything that survives a restart.
        model: Answers messages.
        pictures: Makes pictures.
        chats: By name; may be filled after construction, before the first message.
        limits: What one person may take.
        refinement: Whether descriptions are written out before they are drawn, where a thread does not say.
        clock: The time in UTC; tests bring their own.
    """

    def __init__(
        self,
        store: Store,
        model: LanguageModel,
        pictures: Pictures,
        chats: Mapping[str, Chat],
        limits: Limits | None = None,
        *,
        refinement: Refine = Refine.OFF,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        limits = limits or Limits()
        quota = Quota(store, limits.pictures_per_day, clock)
        self.services = Services(store, pictures, limits, quota, Refinement(model, refinement))
        self._conversation = Conversation(self.services, model, chats, clock)
        self._buttons = Buttons(self.services, self._conversation, self._spawn, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, incoming: Incoming) -> None:
        await self._conversation.receive(incoming)

    async def press(self, press: Press) -> Answer:
        try:
            return await self._buttons.press(press)
        except (UserError, ImagingError) as error:
            return Answer(str(error))
        except Exception:
            log.exception("a %s button could not be answered", press.action)
            return Answer(BROKE)

    async def resume(self, chat: Chat) -> None:
        await self._conversation.resume(chat)

    async def stop(self, thread: ThreadKey, by: Press) -> None:
        """Stop what is under way in a thread."""
        await self._conversation.stop(thread, by.person)

    @property
    def busy(self) -> int:
        """How many replies are under way or waiting; 0 when it is safe to go."""
        return self._conversation.busy

    async def settle(self) -> None:
        """Wait for the replies that buttons started."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Let go of what buttons started; a restart takes it up again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, turn: Turn) -> None:
        task = asyncio.create_task(self._conversation.take_up(turn), name=f"reply {turn.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
