"""The buttons of a picture. They do what words do, without the language model.

Whether the person may is checked at the click, against what is stored: a button outlives restarts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from handlers.answering import Answering
from handlers.audit import Act, note_others
from handlers.english import Sentence, alt_text
from handlers.errors import NoSuchPicture, NotAllowed, UserError
from handlers.ids import turn_id
from handlers.making import Draft, Making, Order, parent_of
from handlers.model import (
    Action,
    Answer,
    File,
    Picture,
    PicturePart,
    PictureState,
    Press,
    Role,
    SlotState,
    Tally,
    ThreadKey,
    Turn,
    TurnState,
    Vote,
)
from handlers.ports import Store
from handlers.recipe_text import recipe_text
from handlers.recipes import refined
from handlers.recovery import Recovery
from handlers.reporting import Reporting
from handlers.router import Planned
from handlers.runs import Runs, may_cancel
from handlers.services import Services
from imaging.errors import ImagingError
from imaging.model import Operation
from prompts.protocol import Directive, render_directive

log = logging.getLogger(__name__)

VARIATIONS = 4
"""What one press of `Action.VARIATIONS` makes."""
OVER = "There is nothing under way any more."


class Buttons:
    """Answers presses; what takes time becomes a new reply in the thread."""

    def __init__(
        self,
        services: Services,
        runs: Runs,
        answering: Answering,
        recovery: Recovery,
        spawn: Callable[[Turn], None],
        reporting: Reporting,
        shown_again: Callable[[Picture], object],
        press_round: Callable[[Press], Awaitable[Answer]],
        clock: Callable[[], datetime],
    ) -> None:
        """`shown_again` has the answer with a picture brought up to date; `press_round` answers a brainstorm's."""
        self._services = services
        self._store = services.store
        self._runs = runs
        self._answering = answering
        self._recovery = recovery
        self._spawn = spawn
        self._reporting = reporting
        self._shown_again = shown_again
        self._press_round = press_round
        self._clock = clock

    async def press(self, press: Press) -> Answer:
        """What the button answers at once.

        Raises:
            UserError: it cannot be done; the sentence says why.
        """
        match press.action:
            case Action.CANCEL:
                return await self._cancel(press)
            case Action.STOP:
                stopped = await self._runs.stop(press.thread, press.person)
                return Answer("Stopped." if stopped else OVER)
            case (
                Action.DOT | Action.OPEN | Action.CLOSE | Action.NEXT | Action.FINISH | Action.STATE | Action.LEAD
            ):  # fmt: skip
                return await self._press_round(press)
            case Action.SETTINGS:
                return Answer(Sentence.ROUND_SETTINGS)
        picture = await self._picture(press)
        match press.action:
            case Action.SELECT:
                await self._store.select(press.thread, picture.number)
                return Answer(f"Picture {picture.number} is the current one now.", private=False)
            case Action.UNDO:
                return await self._undo(press, picture)
            case Action.RECIPE:
                return Answer(recipe_text(picture))
            case Action.SHOW:
                return await self._show(picture)
            case Action.PICK:
                return await self._pick(picture)
            case Action.COMPARE:
                return await self._compare(press, picture)
            case Action.DELETE:
                return await self._delete(press, picture)
            case Action.VOTE:
                return await self._vote(press, picture)
            case Action.REPORT:
                return Answer(await self._reporting.report(picture, press.person))
            case Action.VARY | Action.VARIATIONS | Action.EDIT | Action.REFINE | Action.REDO:
                return await self._make(press, picture)
            case _:
                assert_never(press.action)

    async def _picture(self, press: Press) -> Picture:
        if press.picture is None:
            raise NoSuchPicture("This button belongs to a picture; which one is meant got lost.")
        return await existing(self._services.store, press.thread, press.picture)

    # At once

    async def _cancel(self, press: Press) -> Answer:
        for run in self._runs.of_thread(press.thread):
            for part in run.assembly.slots():
                if press.slot not in (None, part.slot) or press.picture not in (None, part.number):
                    continue
                if not may_cancel(press.person, run.person):
                    raise NotAllowed(f"This picture is for {run.person.name}; they or a moderator can cancel it.")
                if await run.slots.cancel(press.person.name, part.slot):
                    await note_others(
                        self._services.audit, "pictures cancelled", press.thread, press.person, [run.person]
                    )
                    return Answer(f"Picture {part.number} is cancelled.")
        return Answer(OVER)

    async def _undo(self, press: Press, picture: Picture) -> Answer:
        if not picture.parents:
            return Answer(f"Picture {picture.number} was the beginning; there is nothing before it.")
        parent = await existing(self._store, press.thread, picture.parents[0])
        await self._store.select(press.thread, parent.number)
        sentence = f"Back to picture {parent.number}; picture {picture.number} stays in the tree."
        return Answer(sentence, private=False)

    async def _compare(self, press: Press, picture: Picture) -> Answer:
        if not picture.parents:
            return Answer(f"Picture {picture.number} has no parent to compare it with.")
        parent = await existing(self._store, press.thread, picture.parents[0])
        before = await self._store.picture_bytes(parent.sha256)
        after = await self._store.picture_bytes(picture.sha256)
        labels = (f"{parent.number}", f"{picture.number}")
        try:
            data = await asyncio.to_thread(_side_by_side, before, after, labels)
        except ImagingError as error:
            raise UserError(str(error)) from error
        data = await self._services.marking.sheet(data, (parent, picture))
        told = f"Picture {parent.number}: {parent.description}. Picture {picture.number}: {picture.description}."
        alt = alt_text(told, picture.operation)
        name = f"compare-{parent.number}-{picture.number}.png"
        file = File(name, "image/png", data, alt, spoiler=parent.spoiler or picture.spoiler)
        return Answer(f"Pictures {parent.number} and {picture.number}.", (file,))

    async def _show(self, picture: Picture) -> Answer:
        data = await self._services.marking.copy(picture.sha256, posted=True)
        alt = alt_text(f"Picture {picture.number}: {picture.description}", picture.operation)
        file = File(f"picture-{picture.number}.png", picture.media_type, data, alt, spoiler=picture.spoiler)
        return Answer(f"Picture {picture.number}.", (file,))

    async def _pick(self, picture: Picture) -> Answer:
        turn = await self._store.turn(picture.turn)
        shown = (part for part in (turn.parts if turn else ()) if isinstance(part, PicturePart))
        part = next((part for part in shown if part.number == picture.number), None)
        part = part or PicturePart("", picture.number, picture.operation, picture.description, picture.parents)
        abilities = self._services.drawn_by(picture.recipe)  # it may draw larger ones since
        largest = refined(picture.width, picture.height, abilities) is None
        part = replace(
            part, state=SlotState.READY, sha256=picture.sha256, spoiler=picture.spoiler, largest=largest, preview=None
        )
        return Answer(f"Picture {picture.number}: {picture.description}", picture=part)

    async def _delete(self, press: Press, picture: Picture) -> Answer:
        if not may_cancel(press.person, picture.person):
            raise NotAllowed(f"Picture {picture.number} is {picture.person.name}'s; they or a moderator can delete it.")
        await self._store.delete_picture(press.thread, picture.number)
        self._shown_again(picture)
        await self._services.audit.note(Act.DELETION, "picture", press.thread, press.person)
        await note_others(self._services.audit, "pictures deleted", press.thread, press.person, [picture.person])
        return Answer(f"Picture {picture.number} is deleted.", private=False)

    async def _vote(self, press: Press, picture: Picture) -> Answer:
        vote = Vote(press.thread, press.person, picture.number, up=True)
        given = await self._store.vote(vote)
        if not given:
            await self._store.vote(replace(vote, given=False))
        tally = (await self._store.votes(press.thread)).get(picture.number, Tally())
        done = "Your vote counts" if given else "Your vote is taken back"
        return Answer(f"{done}: picture {picture.number} has {tally.up} for and {tally.down} against.")

    # A new reply

    async def _make(self, press: Press, picture: Picture) -> Answer:
        turn = turn_id(press)
        if await self._store.turn(turn) is not None:
            return Answer("That is under way already.")
        session = await self._store.session(press.thread)
        await self._recovery.recall()
        model = self._services.asking(press.thread, press.person)
        making = Making(self._services, model, session, press.person, turn)
        count = min(VARIATIONS, self._services.limits.pictures_per_reply) if press.action is Action.VARIATIONS else 1
        async with making.order(await _draft(making, press, picture, count), least=1) as order:
            accepted = await self._store.begin(self._turn(press, turn, order), press.event)
        if accepted.turn is None:
            for share in order.shares:
                self._services.quota.give_back(share)
            return Answer("That is done already.")
        self._answering.keep_aside(accepted.turn, order.shares)
        self._spawn(accepted.turn)
        return Answer(_on_their_way(order))

    def _turn(self, press: Press, turn: str, order: Order) -> Turn:
        return Turn(
            id=turn,
            thread=press.thread,
            index=0,
            role=Role.ASSISTANT,
            person=press.person,
            text=render_directive(order.tag),
            created=self._clock(),
            state=TurnState.OPEN,
            parts=order.parts,
            jobs=order.jobs,
            written=True,
        )


def _on_their_way(order: Order) -> str:
    numbers = [str(part.number) for part in order.parts]
    if len(numbers) == 1:
        told = f"Picture {numbers[0]} is on its way."
    else:
        told = f"Pictures {', '.join(numbers[:-1])} and {numbers[-1]} are on their way."
    if not order.left_out:
        return told
    asked = len(numbers) + order.left_out
    return f"{told} That is {len(numbers)} of {asked}: your quota has no room for more now (/usage)."


async def _draft(making: Making, press: Press, picture: Picture, count: int) -> Draft:
    recipe = picture.recipe
    if press.action is Action.REDO and recipe is not None:
        return await making.draft_again(picture, recipe)
    operation, description = _wanted(press, picture)
    directive = Directive(operation, source=picture.number, description=description, change=press.change)
    return await making.draft(
        Planned(directive, parent_of(picture)),
        count=count,
        style=recipe.style if recipe else None,
        keep_layout={"small": True, "large": False}.get(press.change or ""),
    )


def _wanted(press: Press, picture: Picture) -> tuple[Operation, str]:
    match press.action:
        case Action.EDIT:
            description = press.text.strip()
            if not description:
                raise UserError("An edit needs the description of the picture that you want.")
            return Operation.EDIT, description
        case Action.REFINE:
            return Operation.REFINE, picture.description
        case _:
            return Operation.VARIATION, picture.description


async def existing(store: Store, thread: ThreadKey, number: int) -> Picture:
    """A picture of this thread.

    Raises:
        NoSuchPicture: the number is another thread's, or the picture was deleted or is hidden.
    """
    picture = await store.picture(thread, number)
    if picture is None:
        raise NoSuchPicture(f"There is no picture {number} in this thread.")
    if picture.state is PictureState.DELETED:
        raise NoSuchPicture(f"Picture {number} was deleted.")
    if picture.state is PictureState.HIDDEN:
        raise NoSuchPicture(f"Picture {number} was reported and is hidden until a moderator has looked at it.")
    return picture


def _side_by_side(before: bytes, after: bytes, labels: tuple[str, str]) -> bytes:
    from imaging.sheets import compare_pair

    return compare_pair(before, after, labels)
