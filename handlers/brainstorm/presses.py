"""What the buttons of a round do, and the commands that say the same.

Whether the person may is checked at the press, against what is stored; what is told is true once it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from handlers import brainstorm_words as words
from handlers import voting
from handlers.brainstorm.board import board
from handlers.brainstorm.wish import YES
from handlers.buttons import existing
from handlers.errors import NotAllowed, UserError
from handlers.ids import turn_id
from handlers.model import Action, Answer, CommandCall, Person, Press, Role, ThreadKey, Turn, TurnState
from handlers.recovery import Recovery
from handlers.round import Phase, RoundPart
from handlers.runs import may_cancel
from handlers.services import Services
from handlers.voting import Round


class Redrawing(Protocol):
    def soon(self, round: Round) -> None:
        """Have people see the round as it stands now."""


class Presses:
    """Answers them."""

    def __init__(
        self,
        services: Services,
        recovery: Recovery,
        redrawing: Redrawing,
        spawn: Callable[[Turn], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._services = services
        self._store = services.store
        self._recovery = recovery
        self._redrawing = redrawing
        self._spawn = spawn
        self._clock = clock

    async def press(self, press: Press) -> Answer:
        """
        Raises:
            UserError: it cannot be done; the sentence says why.
        """
        round = await self._meant(press)
        match press.action:
            case Action.DOT:
                return await self._dot(press, round)
            case Action.STATE:
                return Answer(await self._state(round, press.person))
            case Action.CLOSE:
                return await self._led(press, round, voting.close)
            case Action.OPEN:
                return await self._led(press, round, voting.reopen)
            case Action.NEXT | Action.FINISH:
                return await self._follow(press, round)
            case Action.LEAD:
                return await self._lead(press, round)
            case _:
                raise AssertionError(f"{press.action} is no press of a round")

    async def settings(self, call: CommandCall) -> Answer:
        """Change minutes, votes or anonymity of the brainstorm of a thread.

        Raises:
            UserError: there is none, or it is somebody else's.
        """
        minutes, votes, anonymous = (call.arguments.get(name) for name in ("minutes", "votes", "anonymous"))
        if not call.in_thread or (minutes, votes, anonymous) == (None, None, None):
            raise UserError(words.NEEDS_TOPIC)
        round = await self._newest(call.thread)
        self._check_leads(call.person, round)
        step = partial(
            voting.settings,
            now=self._clock(),
            minutes=None if minutes is None else int(minutes),
            votes=None if votes is None else int(votes),
            anonymous=None if anonymous is None else anonymous == YES,
        )
        done = await self._store.step_round(round.turn, None, step)
        return Answer(self._after(done), private=False)

    async def _meant(self, press: Press) -> Round:
        if press.picture is None:
            return await self._newest(press.thread)
        round = await self._store.round_with(press.thread, press.picture)
        if round is None:
            raise UserError(words.NOT_AN_IDEA.format(press.picture))
        if not round.running and press.action in (Action.STATE, Action.NEXT, Action.FINISH) and not round.part.last:
            raise UserError(words.not_open(Phase.OVER))
        return round

    async def _newest(self, thread: ThreadKey) -> Round:
        round = await self._store.newest_round(thread)
        if round is None:
            raise UserError(words.NO_ROUND)
        return round

    def _check_leads(self, person: Person, round: Round) -> None:
        if not may_cancel(person, round.facilitator):
            raise NotAllowed(words.not_yours(round.facilitator.name))

    def _after(self, done: tuple[Round, str | None] | None) -> str:
        """What is told of a step, once it is stored and people are shown it."""
        if done is None:
            raise UserError(words.NO_ROUND)
        self._redrawing.soon(done[0])
        return done[1] if done[1] is not None else words.UNDER_WAY

    async def _dot(self, press: Press, round: Round) -> Answer:
        if press.picture is None:
            raise UserError("Say which idea you vote for.")
        if round.part.phase is Phase.OPEN and press.picture not in round.there:
            await existing(self._store, press.thread, press.picture)  # says why it is not there
        who = voter_of(round, press.person)
        step = partial(voting.dot, person=who, picture=press.picture, now=self._clock())
        done = await self._store.step_round(round.turn, press.event, step)
        if done is not None and done[1] is None:  # delivered again
            mine = sorted(dot.picture for dot in done[0].given(who))
            return Answer(words.dots_left(mine, done[0].part.dots))
        return Answer(self._after(done))

    async def _led(self, press: Press, round: Round, step: Callable[[Round, datetime], tuple[Round, str]]) -> Answer:
        self._check_leads(press.person, round)
        now = self._clock()
        done = await self._store.step_round(round.turn, press.event, lambda found: step(found, now))
        return Answer(self._after(done), private=False)

    async def _state(self, round: Round, person: Person) -> str:
        """To who asks: how it stands, their own votes, and what time is left."""
        now = self._clock()
        round = voting.due(round, now)
        part = voting.shown(round)
        mine = sorted(dot.picture for dot in round.given(voter_of(round, person)))
        lines = [words.state(part)]
        if part.phase is Phase.OPEN:
            if part.closes is not None:
                lines.append(words.time_left(part.closes - now))
            lines.append(words.dots_left(mine, part.dots))
        elif mine:
            lines.append(words.voted_for(mine))
        missing = sorted({card.picture for card in part.cards} - round.there)
        if missing and part.phase in (Phase.OPEN, Phase.CLOSED):
            lines.append(words.missing(missing))
        return " ".join(lines)

    # Another answer

    async def _follow(self, press: Press, round: Round) -> Answer:
        self._check_leads(press.person, round)
        now, turn = self._clock(), turn_id(press)
        if await self._store.turn(turn) is not None:
            return Answer(words.UNDER_WAY)
        round = voting.due(round, now)
        if round.part.phase is Phase.OPEN:
            raise UserError(words.CLOSE_FIRST)
        if round.part.phase is not Phase.CLOSED or round.part.last:
            raise UserError(words.not_open(round.part.phase))
        last = press.action is Action.FINISH
        if last and not voting.winners(round):
            done = await self._store.step_round(round.turn, press.event, _nobody_won)
            return Answer(self._after(done), private=False)
        await self._recovery.recall()
        new = self._next(round, turn, last=last)
        opened = Turn(turn, press.thread, 0, Role.ASSISTANT, press.person, "", now, TurnState.OPEN, parts=(new.part,))
        accepted = await self._store.follow_round(opened, press.event, new, now)
        if accepted.turn is None:
            raise UserError(words.not_open(Phase.OVER))
        self._redrawing.soon(round)
        self._spawn(accepted.turn)
        if not last:
            return Answer(words.NEXT_ROUND, private=False)
        sheet = await board(self._services, round)
        return Answer(words.FINISHING, () if sheet is None else (sheet,), private=False)

    def _next(self, round: Round, turn: str, *, last: bool) -> Round:
        old = round.part
        number = old.number if last else old.number + 1
        part = RoundPart(
            old.brainstorm, number, old.topic, Phase.THINKING, dots=old.dots, anonymous=old.anonymous, last=last
        )
        return Round(turn, round.thread, round.facilitator, part, round.ideas, round.minutes, round.turn)

    async def _lead(self, press: Press, round: Round) -> Answer:
        """Go on with the winner where people are: it becomes the thread's current picture, once for each press."""
        winners = [card.picture for card in round.part.cards if card.picture in round.there]
        if not round.part.last or not winners:
            raise UserError(words.not_open(round.part.phase))
        picture = await existing(self._store, press.thread, winners[0])
        done = await self._store.step_round(round.turn, press.event, lambda found: (found, ""))
        if done is None or done[1] is None:  # delivered again: something else may have been chosen since
            return Answer(words.UNDER_WAY)
        await self._store.select(press.thread, picture.number)
        return Answer(words.leads(winners), private=False)


def _nobody_won(round: Round) -> tuple[Round, str]:
    """Unless the vote was opened again, or somebody won, since it was looked at."""
    if round.part.phase is not Phase.CLOSED:
        return round, words.not_open(round.part.phase)
    if voting.winners(round):
        return round, words.state(voting.shown(round))
    return voting.over(round), words.NO_WINNER


def voter_of(round: Round, person: Person) -> str:
    """Who somebody is in the votes of a round."""
    thread = round.thread
    return voting.voter(round.part.brainstorm, f"{thread.chat}/{thread.tenant}/{person.id}")
