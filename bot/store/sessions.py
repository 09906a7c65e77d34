"""A thread as an answer needs it: its newest turns and pictures; see `bot.store.tables`."""

from __future__ import annotations

from bot.store import rows
from bot.store.choices import Choices
from bot.store.pictures import Pictures
from bot.store.threads import Threads
from bot.store.turns import Turns
from handlers.model import PictureState, Session, ThreadKey


class Sessions:
    """Over the parts that hold a thread. Bounded: turn 500 of a thread costs what turn 5 costs."""

    def __init__(self, threads: Threads, turns: Turns, pictures: Pictures, choices: Choices) -> None:
        self._threads = threads
        self._turns = turns
        self._pictures = pictures
        self._choices = choices

    def read(self, thread: ThreadKey) -> Session:
        name = rows.clean(str(thread))
        settings = self._choices.of_thread(thread)
        counters = self._threads.counters(name)
        if counters is None:
            return Session(thread, (), None, 1, (), settings)
        pictures = self._pictures.recent(thread, name)
        current = counters.current(pictures)
        if current is not None and all(picture.number != current for picture in pictures):
            chosen = self._pictures.get(thread, current)
            if chosen is not None and chosen.state is PictureState.READY:
                pictures = [chosen, *pictures]
            else:
                current = pictures[-1].number
        return Session(
            thread, tuple(pictures), current, counters.next_number, self._turns.recent(thread, name), settings
        )
