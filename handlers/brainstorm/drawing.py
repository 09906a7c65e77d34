"""A round from its first word to its open vote: directions, drafts, and what becomes of them.

A round is an answer like any other (`handlers.answering`): its drafts' parts and one of its own behind them. What an
earlier program left open is taken up with the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from itertools import combinations

from handlers import brainstorm_words as words
from handlers import voting
from handlers.brainstorm.following import Item, Planner
from handlers.brainstorm.wish import Wish, wish_of
from handlers.errors import Moderated, QuotaUsedUp, UserError
from handlers.making import Making, Order
from handlers.model import NoticePart, SlotState, Turn
from handlers.moderation.model import Kind, Subject
from handlers.presentation import round_of
from handlers.round import MAX_TOPIC, Card, Phase, RoundPart
from handlers.run import Run
from handlers.services import Services
from handlers.voting import Round

log = logging.getLogger(__name__)

SHORTENED = f"The topic was longer than {MAX_TOPIC} characters; its beginning is what counts."
SAME = 10.0
"""So far apart (`imaging.likeness.apart`) are two drafts that look the same."""
BROKE = "Something went wrong with this round; begin again with /brainstorm."


class Drawing:
    """Draws the rounds."""

    def __init__(self, services: Services, settled: Callable[[Round], None], clock: Callable[[], datetime]) -> None:
        """`settled` is told of each round whose drafts are there."""
        self._services = services
        self._store = services.store
        self._settled = settled
        self._clock = clock
        self._planner = Planner(services)

    def begins(self, turn: Turn, asked: Turn | None) -> bool:
        """See `handlers.answering.Rounds`."""
        if asked is not None:
            return wish_of(asked.text) is not None
        part = round_of(turn.parts)
        return part is not None and part.phase is Phase.THINKING and not turn.jobs and not turn.written

    async def answer(self, run: Run, asked: Turn | None) -> None:
        wish = None if asked is None else wish_of(asked.text)
        if wish is None:
            await self._go_on(run)
        else:
            await self._begin(run, wish)

    async def _begin(self, run: Run, wish: Wish) -> None:
        """The first round of a brainstorm, in answer to a message."""
        turn = run.assembly.turn
        part = RoundPart(
            turn.id, 1, wish.topic, Phase.THINKING, dots=wish.votes, anonymous=wish.anonymous,
            remarks=(SHORTENED,) if wish.shortened else (),
        )  # fmt: skip
        round = Round(turn.id, turn.thread, run.person, part, wish.ideas, wish.minutes)
        other = await self._store.begin_round(round, self._clock())
        if other is not None:
            run.assembly.add(NoticePart(words.running(other.part.topic, other.facilitator.name)))
            await run.finish()
            return
        await self._go_on(run)

    async def _go_on(self, run: Run) -> None:
        """A round that is stored and has no drafts yet."""
        run.assembly.clear()
        round = await self._store.round(run.assembly.turn.id)
        if round is None:  # its facilitator is forgotten
            await run.finish()
            return
        run.assembly.put_round(voting.shown(round))
        await run.write(self._draw(run, round))
        await run.finish()

    async def _draw(self, run: Run, round: Round) -> None:
        try:
            await self._drawn(run, round)
        except UserError as error:
            await self._services.refused(round.thread, run.person, error)
            await self._ends(run, str(error))
        except Exception:
            log.exception("round %s could not be drawn", round.turn)
            await self._ends(run, BROKE)

    async def _ends(self, run: Run, sentence: str) -> None:
        """Before there was anything to vote for."""
        done = await self._all_drawn(run, (), sentence)
        run.assembly.clear()  # of drafts that were ordered none is being made
        if done is not None:
            run.assembly.put_round(voting.shown(done))

    async def _all_drawn(
        self, run: Run, ready: Collection[int], sentence: str, alike: Sequence[int] = ()
    ) -> Round | None:
        """All cards but those that are `ready` have failed, also one of which the answer never came to know."""

        def step(round: Round) -> tuple[Round, str]:
            failed = {card.picture for card in round.part.cards}.difference(ready)
            return voting.drawn(round, failed, self._clock(), sentence=sentence, alike=alike), ""

        done = await self._store.step_round(run.assembly.turn.id, None, step)
        return None if done is None else done[0]

    async def _drawn(self, run: Run, round: Round) -> None:
        session = await self._store.session(round.thread)
        model = self._services.asking(round.thread, run.person)
        plan = await self._planner.plan(model, session, round)
        run.slots.said = "\n".join((round.part.topic, *plan.said))
        making = Making(
            self._services, model, session, run.person, round.turn, said=run.slots.said, asked=round.part.topic
        )
        remarks = [*round.part.remarks, *plan.remarks]
        async with AsyncExitStack() as stack:
            ordered = await self._order(run, making, plan.items, remarks, stack)
            cards = tuple(
                Card(order.number, item.title, item.why, item.parents, item.votes, item.final)
                for order, item in ordered
            )
            step = partial(voting.with_cards, cards=cards, remarks=tuple(remarks), took_up=plan.took_up)
            if not cards:
                await self._ends(run, " ".join(remarks[-1:]))
                return
            done = await self._store.step_round(round.turn, None, lambda round: (step(round), ""))
            if done is None:
                return
            for order, _ in ordered:
                run.assembly.add(*order.parts, tag=order.tag)
                run.assembly.jobs.extend(order.jobs)
            run.assembly.put_round(voting.shown(done[0]))
            await self._store.save_assistant_turn(run.assembly.stored())
        for order, _ in ordered:
            for job, share in zip(order.jobs, order.shares, strict=True):
                run.slots.start(job, share)
        run.assembly.show()

    async def _alike(self, run: Run) -> tuple[int, ...]:
        """Ideas that were drawn nearly as another one was, with that one; changes of a picture are meant to be."""
        numbers, files = [], []
        for part in run.assembly.slots():
            if part.sha256 is not None and not part.parents:
                try:
                    files.append(await self._store.picture_bytes(part.sha256))
                    numbers.append(part.number)
                except UserError as error:
                    log.warning("picture %d is not compared: %s", part.number, error)
        pairs = await asyncio.to_thread(_repeats, files)
        return tuple(sorted({numbers[at] for pair in pairs for at in pair}))

    async def _order(
        self, run: Run, making: Making, items: Sequence[Item], remarks: list[str], stack: AsyncExitStack
    ) -> list[tuple[Order, Item]]:
        """Orders for the ideas that may be drawn, held by `stack`; why others may not is added to the remarks."""
        thread = run.assembly.turn.thread
        ordered: list[tuple[Order, Item]] = []
        for item in items:
            told: str | None
            try:
                said = Subject(Kind.DESCRIPTION, f"{item.title}. {item.why}")
                await self._services.screen.check(said, thread, said=run.slots.said)
                order = await stack.enter_async_context(making.order(await item.draft(making, len(ordered))))
            except (Moderated, QuotaUsedUp) as error:
                await self._services.refused(thread, run.person, error)
                told, over = str(error), isinstance(error, QuotaUsedUp)
            else:
                ordered.append((order, item))
                told, over = order.parts[0].sentence, False
            if told and told not in remarks:
                remarks.append(told)
            if over:
                break
        return ordered

    async def settle(self, run: Run) -> None:
        """All drafts have their outcome, also those of an answer that was stopped or given up."""
        if await self._store.round(run.assembly.turn.id) is None:
            return
        ready = {part.number for part in run.assembly.slots() if part.state is SlotState.READY}
        sentence = words.STOPPED if run.stopped_by is not None else ""
        alike = await self._alike(run)
        done = await self._all_drawn(run, ready, sentence, alike)
        if done is None:
            return
        run.assembly.put_round(voting.shown(done))
        self._settled(done)


def _repeats(files: Sequence[bytes]) -> list[tuple[int, int]]:
    """Which of these pictures look the same at a first glance, in pairs."""
    from imaging.likeness import apart, glance  # decoders are loaded by the first picture only

    try:
        glances = [glance(data) for data in files]
    except OSError:
        return []
    pairs = combinations(range(len(glances)), 2)
    return [(one, other) for one, other in pairs if apart(glances[one], glances[other]) < SAME]
