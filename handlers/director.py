"""Carries out one directive of a reply: what it means here, its spot in the answer, and off it goes."""

from __future__ import annotations

import logging
from dataclasses import replace

from handlers.assembly import Assembly, Spot
from handlers.errors import UserError
from handlers.making import Making, Order, parent_of
from handlers.model import NoticePart, Person, PicturePart, PictureState, SelectPart, Session
from handlers.ports import LanguageModel
from handlers.router import Invalid, Parent, Planned, Selected, View, resolve, source_of
from handlers.services import Services
from handlers.slots import Slots
from prompts.protocol import Directive

log = logging.getLogger(__name__)


class Director:
    """For the directives of one reply, in order."""

    def __init__(
        self,
        services: Services,
        model: LanguageModel,
        session: Session,
        person: Person,
        assembly: Assembly,
        slots: Slots,
        *,
        current: int | None = None,
        said: str = "",
        asked: str = "",
    ) -> None:
        """`asked` is what the person wrote that the reply answers, `said` with what was said before."""
        self._services = services
        self._making = Making(services, model, session, person, assembly.turn.id, said=said, asked=asked)
        # Held while the model writes, so without what only its request needs.
        self._session = replace(session, recent=(), pictures=())
        self._person = person
        self._assembly = assembly
        self._slots = slots
        self._written: dict[int, int] = {}
        self._parents = {picture.number: parent_of(picture) for picture in session.pictures}
        self._current = current if current is not None else session.current
        self._first_current = self._current
        self._made = 0
        self._withdrawn = 0
        self.left_out = 0
        """Pictures that went over the limit of one reply."""

    async def direct(self, directive: Directive, spot: Spot | None = None) -> None:
        """Route and submit a directive; `spot` is where a broken one stood, for a repaired one."""
        try:
            await self._direct(directive, spot)
        except UserError as error:
            await self._services.refused(self._session.thread, self._person, error)
            self._notice(spot, str(error))
        except Exception:
            # One directive must not take the rest of the reply with it.
            log.exception("a directive of turn %s could not be carried out", self._assembly.turn.id)
            self._notice(spot, "Something went wrong with a picture here; ask for it again.")

    def _notice(self, spot: Spot | None, sentence: str) -> None:
        if spot is None:
            self._assembly.notice(sentence)
        else:
            self._assembly.fill(spot, NoticePart(sentence))

    async def withdraw(self, mark: int) -> None:
        """Take back what was carried out since the reply was as long as `mark`: it was only thought of."""
        numbers = await self._slots.withdraw("the language model")
        for number in numbers:
            await self._services.store.delete_picture(self._session.thread, number)
        if self._current != self._first_current and self._first_current is not None:
            await self._services.store.select(self._session.thread, self._first_current)
        self._assembly.back_to(mark)
        self._written.clear()
        self._current = self._first_current
        self._withdrawn, self.left_out = self._made, 0
        await self._services.store.save_assistant_turn(self._assembly.stored())
        self._assembly.show()

    async def _direct(self, directive: Directive, spot: Spot | None) -> None:
        await self._fetch_parent(directive)
        match resolve(directive, View(self._written, self._parents, self._current)):
            case Invalid(problem):
                if spot is None:
                    self._assembly.add_broken(problem)
                else:
                    spot.parts[:] = [NoticePart(problem)]
            case Selected(number, description):
                await self._services.store.select(self._session.thread, number)
                self._current = number
                tag = replace(directive, id=None, source=number)
                self._put(spot, SelectPart(number, description), tag=tag)
            case Planned() as plan:
                await self._make(plan, spot)

    async def _fetch_parent(self, directive: Directive) -> None:
        """Old pictures are not in the session's bounded list: look the meant one up."""
        number = source_of(directive, View(self._written, self._parents, self._current))
        if number is None or number in self._parents or not 0 < number < self._session.next_number:
            return
        picture = await self._services.store.picture(self._session.thread, number)
        if picture is not None and picture.state is PictureState.READY:
            self._parents[number] = parent_of(picture)

    async def _make(self, plan: Planned, spot: Spot | None) -> None:
        room = self._services.limits.pictures_per_reply - (self._made - self._withdrawn)
        count = min(plan.directive.count, room)
        self.left_out += plan.directive.count - count
        if count <= 0:
            return
        draft = await self._making.draft(plan, count=count, first=self._made)
        async with self._making.order(draft) as order:
            filled = self._note(order, plan.directive, spot)
            try:
                await self._services.store.save_assistant_turn(self._assembly.stored())
            except UserError:
                self._assembly.withdraw(filled)
                raise
        for job, share in zip(order.jobs, order.shares, strict=True):
            self._slots.start(job, share)
        self._assembly.show()

    def _note(self, order: Order, directive: Directive, spot: Spot | None) -> Spot:
        """Put the placeholders where the tag stood, and let later directives refer to them."""
        self._made += len(order.parts)
        self._assembly.jobs.extend(order.jobs)
        for at, job in enumerate(order.jobs):
            recipe = job.request.recipe
            spoiler = order.parts[at].spoiler
            self._parents[job.number] = Parent(
                job.number, directive.operation, recipe.description, recipe, None, spoiler=spoiler,
                parents=order.parts[at].parents,
            )  # fmt: skip
            if directive.id is not None:
                self._written[directive.id + at] = job.number
        self._current = order.parts[-1].number
        return self._put(spot, *order.parts, tag=order.tag)

    def _put(
        self, spot: Spot | None, *parts: PicturePart | SelectPart | NoticePart, tag: Directive | None = None
    ) -> Spot:
        if spot is None:
            return self._assembly.add(*parts, tag=tag)
        self._assembly.fill(spot, *parts, tag=tag)
        return spot
