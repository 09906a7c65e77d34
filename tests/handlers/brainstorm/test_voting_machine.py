"""Votes, time, rounds and restarts in any order, against a model that fits in a page; on the real store."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.store.store import SqliteStore
from handlers import voting
from handlers.model import Picture, Role, Turn, TurnState
from handlers.presentation import round_of
from handlers.round import Card, Phase, RoundPart
from handlers.voting import Round
from imaging.model import Operation
from tests.fakes import ANNA, THREAD, FolderFiles, png

PEOPLE = st.sampled_from(["a", "b", "c"])
IDEAS = st.integers(1, 4)
"""The fourth has no picture."""
START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 5


class Voting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp(prefix="easel-voting-"))
        self.now = START
        self.given: set[tuple[str, int]] = set()
        self.pressed: dict[tuple[str, int], datetime] = {}
        self.phase = Phase.OPEN
        self.closes = START
        self.number = 1
        self.dots = 2
        self.events = 0

    def run(self, work):  # type: ignore[no-untyped-def]
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.home)

    async def _open(self) -> SqliteStore:
        return await SqliteStore.open(self.home / "easel.db", FolderFiles(self.home / "pictures"))

    @initialize(dots=st.integers(1, 3), anonymous=st.booleans())
    def begin(self, dots: int, anonymous: bool) -> None:
        self.dots = dots
        self.store = self.run(self._open())
        part = RoundPart("t1", 1, "cups", Phase.THINKING, dots=dots, anonymous=anonymous)
        round = Round("t1", THREAD, ANNA, part, 4, MINUTES)
        turn = Turn("t1", THREAD, 0, Role.ASSISTANT, ANNA, "", START, TurnState.OPEN, parts=(part,))
        self.run(self.store.begin(turn, "begun"))
        assert self.run(self.store.begin_round(round, START)) is None
        self._draw("t1", range(1, 5))
        self.run(self.store.finish_turn(self.run(self.store.turn("t1"))))

    def _draw(self, turn: str, numbers: range) -> None:
        first = self.run(self.store.reserve_numbers(THREAD, 4))
        assert first == numbers[0]
        cards = tuple(Card(number, f"Idea {number}", "") for number in numbers)
        for number in numbers[:3]:
            picture = Picture(
                THREAD, number, Operation.IMAGE, (), "x", None, "", "image/png", 16, 16, ANNA, START, turn
            )
            self.run(self.store.add_picture(picture, png(number)))
        self.run(self.store.step_round(turn, None, lambda r: (voting.with_cards(r, cards, ()), "")))
        failed = {numbers[3]: "no"}
        self.run(self.store.step_round(turn, None, lambda r: (voting.drawn(r, failed, self.now), "")))
        self.phase, self.closes = Phase.OPEN, self.now + timedelta(minutes=MINUTES)

    @property
    def turn(self) -> str:
        return f"t{self.number}"

    def _due(self) -> None:
        if self.phase is Phase.OPEN and self.now >= self.closes:
            self.phase = Phase.CLOSED

    @rule(person=PEOPLE, idea=IDEAS, again=st.booleans())
    def dot(self, person: str, idea: int, again: bool) -> None:
        number = idea + 4 * (self.number - 1)
        self.events += 1
        for _ in range(2 if again else 1):  # delivered twice, it counts once
            self.run(
                self.store.step_round(self.turn, f"e{self.events}", lambda r: voting.dot(r, person, number, self.now))
            )
        self._due()
        key = (person, number)
        last = self.pressed.get(key)
        if self.phase is not Phase.OPEN or idea == 4 or (last is not None and self.now - last < voting.TWICE):
            return
        if key in self.given:
            self.given.discard(key)
        elif sum(who == person for who, _ in self.given) >= self.dots:
            return
        else:
            self.given.add(key)
        self.pressed[key] = self.now

    @rule()
    def close(self) -> None:
        self.run(self.store.step_round(self.turn, None, lambda r: voting.close(r, self.now)))
        self._due()
        self.phase = Phase.CLOSED

    @rule()
    def reopen(self) -> None:
        self.run(self.store.step_round(self.turn, None, lambda r: voting.reopen(r, self.now)))
        self._due()
        if self.phase is Phase.CLOSED:
            self.phase, self.closes = Phase.OPEN, self.now + timedelta(minutes=MINUTES)

    @rule(seconds=st.sampled_from([0.2, 0.7, 2.0, 90.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(hard=st.booleans())
    def restart(self, hard: bool) -> None:
        old = self.store
        if not hard:
            self.run(old.close())
        self.store = self.run(self._open())
        if hard:
            self.run(old._thread.close())

    @precondition(lambda self: self.number < 3)
    @rule(twice=st.booleans())
    def follow(self, twice: bool) -> None:
        self._due()
        for name in ("x", "y") if twice else ("x",):
            turn = f"t{self.number + 1}" if name == "x" else "other"
            part = RoundPart("t1", self.number + 1, "cups", Phase.THINKING, dots=self.dots)
            round = Round(turn, THREAD, ANNA, part, 4, MINUTES, self.turn)
            opened = Turn(turn, THREAD, 0, Role.ASSISTANT, ANNA, "", START, TurnState.OPEN, parts=(part,))
            accepted = self.run(self.store.follow_round(opened, f"{name}{self.number}{self.events}", round, self.now))
            self.events += 1
            assert (accepted.turn is not None) is (name == "x" and self.phase is Phase.CLOSED)
        if self.phase is Phase.CLOSED:
            assert self.run(self.store.round(self.turn)).part.phase is Phase.OVER
            self.number += 1
            self.given.clear()
            first = 4 * (self.number - 1) + 1
            self._draw(self.turn, range(first, first + 4))
            self.run(self.store.finish_turn(self.run(self.store.turn(self.turn))))

    @invariant()
    def what_is_stored_and_shown_is_what_was_meant(self) -> None:
        if not hasattr(self, "store"):
            return
        round = self.run(self.store.round(self.turn))
        due = voting.due(round, self.now)
        self._due()
        assert due.part.phase is self.phase
        assert {(dot.person, dot.picture) for dot in round.given()} == self.given
        part = round_of(self.run(self.store.turn(self.turn)).parts)
        assert part == voting.shown(round)
        told = {card.picture: card.votes for card in part.cards if card.votes is not None}
        assert all(votes == sum(idea == number for _, idea in self.given) for number, votes in told.items())
        assert part.voters == len({person for person, _ in self.given})


TestVoting = Voting.TestCase
TestVoting.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
