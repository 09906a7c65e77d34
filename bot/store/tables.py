"""The database's tables, a part for each concern; `bot.store.store` runs them on its one thread.

The parts are synchronous and open no transaction: whoever calls one that writes does (`imaging.sqlite.transaction`).
Every statement goes through an index, and a session's query is bounded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from bot.store.blocks import Blocks
from bot.store.boards import Boards
from bot.store.cases import Cases
from bot.store.choices import Choices
from bot.store.deletion import Deletion
from bot.store.events import Events
from bot.store.gallery import Gallery
from bot.store.hands import Hands
from bot.store.intake import Intake
from bot.store.pictures import Pictures
from bot.store.rounds import Rounds
from bot.store.sessions import Sessions
from bot.store.shares import Shares
from bot.store.spent import Spent
from bot.store.threads import Threads
from bot.store.turns import Turns
from bot.store.votes import Votes
from handlers.quota_rules import Amounts


class Tables:
    """The parts, made for one connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        boot: str,
        *,
        recent_turns: int,
        recent_pictures: int,
        spent: Callable[[Amounts], None],
    ) -> None:
        """`spent` is told what quotas count."""
        self.hands = Hands(connection, boot)
        self.events = Events(connection, boot)
        self.threads = Threads(connection)
        self.shares = Shares(connection, self.threads)
        self.choices = Choices(connection)
        self.votes = Votes(connection)
        self.spent = Spent(connection, spent)
        self.gallery = Gallery(connection)
        self.pictures = Pictures(connection, self.threads, self.spent, self.gallery, recent_pictures)
        self.turns = Turns(connection, self.threads, recent_turns)
        self.rounds = Rounds(connection, self.threads, self.turns)
        self.sessions = Sessions(self.threads, self.turns, self.pictures, self.choices)
        self.intake = Intake(self.events, self.threads, self.turns, self.pictures, self.spent, self.rounds)
        self.cases = Cases(connection, self.pictures)
        self.blocks = Blocks(connection)
        self.boards = Boards(connection)
        self.deletion = Deletion(
            connection, self.threads, self.turns, self.pictures, self.blocks, self.gallery, self.rounds
        )

    def undone(self) -> None:
        """Something was rolled back: what is remembered may be of what is not there."""
        self.spent.undone()
        self.turns.known.clear()
        self.pictures.known.clear()
