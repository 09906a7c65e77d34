"""The pictures of one reply, from submission to the stored file: one owned task a picture."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from handlers.assembly import Assembly
from handlers.english import gone_sentence
from handlers.errors import Moderated, UserError
from handlers.lineage import lineage
from handlers.marking import patiently
from handlers.model import PendingJob, Person, Picture, PicturePart, SlotState
from handlers.moderation.model import Kind, Subject
from handlers.presentation import GONE
from handlers.quota import Share
from handlers.recipes import refined
from handlers.screen import Previews
from handlers.services import Services
from imaging.errors import ImagingError
from imaging.model import Cancelled, Done, Failed, FailureKind, Queued, RenderedPicture, Started, Step
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

ENDED = frozenset({SlotState.READY, SlotState.FAILED, SlotState.CANCELLED})
BROKE = "Something went wrong while this picture was made; ask for it again."


class Slots:
    """Submits jobs and carries what happens to them into the reply's places."""

    def __init__(
        self,
        assembly: Assembly,
        person: Person,
        *,
        services: Services,
        clock: Callable[[], datetime],
        said: str = "",
    ) -> None:
        self._assembly = assembly
        self._person = person
        self._services = services
        self._store = services.store
        self._pictures = services.pictures
        self._screen = services.screen
        self._thread = assembly.turn.thread
        self._clock = clock
        self.said = said
        """What was said that the pictures are for."""
        self._tasks = Tasks()
        self._following: dict[str, asyncio.Task[None]] = {}
        self._files: dict[int, asyncio.Future[str | None]] = {}
        self._submitted: set[str] = set()
        self._cancelled_by: dict[str, str] = {}
        self._looked_at: set[str] = set()
        """Slots whose picture is finished and not let through yet."""

    def start(self, job: PendingJob, share: Share | None = None) -> None:
        """Submit a job and follow it; returns at once.

        The job's `share` of the person's quota, set aside before, is given back when it ends. Without one it is
        a job of an earlier program, whose picture may be stored.
        """
        slot = job.request.id
        self._files[job.number] = asyncio.get_running_loop().create_future()
        part = self._assembly.slot(slot)
        if part.state in ENDED:
            self._files[job.number].set_result(part.sha256)
            return
        again = share is None
        if share is None:
            share = self._services.hold(self._thread, self._person, job.request.recipe)
        self._following[slot] = self._tasks.spawn(self._follow(job, share, again), f"slot {slot}")

    async def recall(self, job: PendingJob) -> bool:
        """Show the picture that an earlier program has stored for this job; False when there is none."""
        if self._assembly.slot(job.request.id).state in ENDED:
            return True
        stored = await patiently(partial(self._store.picture, self._thread), job.number)
        if stored is not None:
            self._ready(job, stored)
        return stored is not None

    async def take_back(self, job: PendingJob, by: str) -> None:
        """Have it not made, or let go of what was made and nobody has seen."""
        slot, sentence = job.request.id, f"Cancelled by {by}."
        if self._assembly.slot(slot).state in ENDED:
            return
        if not await self._pictures.cancel(slot, by):
            await self._pictures.discard(slot, sentence)
        self._end(job, SlotState.CANCELLED, sentence)

    async def join(self) -> None:
        """Wait until every picture has its outcome; a place that nobody follows (any more) gets one too."""
        if self._following:
            await asyncio.wait(self._following.values())
        for part in self._assembly.slots():
            if part.state not in ENDED:
                self._assembly.update(part.slot, state=SlotState.CANCELLED, sentence="This picture was not made.")

    async def abandon(self) -> None:
        """Stop following (shutdown); the jobs go on and a restart follows them again."""
        await self._tasks.close()

    async def withdraw(self, by: str) -> list[int]:
        """Cancel all, wait until they are over, and forget them; the numbers of pictures that were made already."""
        await self.cancel(by)
        await asyncio.gather(*self._following.values(), return_exceptions=True)
        made = [self._assembly.slot(slot) for slot in self._following]
        self._following.clear()
        return [part.number for part in made if part.state is SlotState.READY]

    async def cancel(self, by: str, slot: str | None = None) -> bool:
        """Cancel one job, or all that have not ended; False when none was left."""
        await asyncio.sleep(0)  # a task that has not begun would be cancelled without giving its share back
        names = [name for name in self._following if slot in (None, name)]
        left = [name for name in names if self._assembly.slot(name).state not in ENDED]
        for name in left:
            self._cancelled_by[name] = by
            ended = not await self._pictures.cancel(name, by)
            if ended and (name not in self._submitted or name in self._looked_at):
                self._following[name].cancel()
        return bool(left)

    async def _follow(self, job: PendingJob, share: Share, again: bool) -> None:
        slot = job.request.id
        try:
            await self._render(job, again)
        except asyncio.CancelledError:
            by = self._cancelled_by.get(slot)
            if by is None:
                raise
            if await self.recall(job):
                return  # an earlier program had stored it
            await self.take_back(job, by)
        except (UserError, ImagingError) as error:
            await self._services.refused(share.thread, share.person, error)
            self._end(job, SlotState.FAILED, str(error))
        except Exception:
            log.exception("following the job of slot %s failed", slot)
            self._end(job, SlotState.FAILED, BROKE)
        finally:
            self._services.quota.give_back(share)
            if not self._files[job.number].done():
                self._files[job.number].set_result(None)

    async def _render(self, job: PendingJob, again: bool) -> None:
        if again and await self.recall(job):
            return
        request = job.request
        if job.needs is not None:
            sha = await self._file_of(job.needs)
            if sha is None:
                self._end(job, SlotState.FAILED, f"It builds on picture {job.needs}, which was not made.")
                return
            request = replace(request, recipe=replace(request.recipe, source_image=sha))
        await self._pictures.submit(request)
        self._submitted.add(request.id)
        async for event in self._pictures.events(request.id):
            match event:
                case Queued(position, eta):
                    self._assembly.update(request.id, position=position, eta_s=eta)
                case Started():
                    self._assembly.update(request.id, state=SlotState.RENDERING, position=None, eta_s=None)
                case Step(step, total, preview):
                    await self._step(request.id, step, total, preview)
                case Done(picture):
                    self._ready(job, await self._keep(job, picture, await self._cleared(job, picture, again)))
                    self._tell_notes(job, picture)
                    return
                case Failed(sentence, kind=kind):
                    if kind is FailureKind.MODERATED:
                        self._screen.refused_elsewhere(request.recipe.engine, Kind.DESCRIPTION, self._thread)
                    self._end(job, SlotState.FAILED, sentence)
                    return
                case Cancelled(by):
                    self._end(job, SlotState.CANCELLED, f"Cancelled by {by}.")
                    return
        self._end(job, SlotState.FAILED, BROKE)

    async def _file_of(self, number: int) -> str | None:
        """The file of a picture that this one is made from, once it is there."""
        waiting = self._files.get(number)
        if waiting is not None:
            return await asyncio.shield(waiting)
        picture = await self._store.picture(self._thread, number)
        return None if picture is None else picture.sha256

    async def _step(self, slot: str, step: int, total: int, preview: bytes | None) -> None:
        self._assembly.update(slot, state=SlotState.RENDERING, position=None, eta_s=None, step=step, total=total)
        if preview is None or self._screen.house.previews is Previews.NONE:
            return
        changes: dict[str, Any] = {"preview": self._services.marking.preview(preview)}
        if self._screen.house.previews is Previews.CLEARED:
            try:
                covered = await self._look(Kind.PREVIEW, self._assembly.slot(slot), preview)
            except UserError:
                return  # the finished picture is what is refused, if it is like that
            changes["spoiler"] = self._assembly.slot(slot).spoiler or covered
        self._assembly.update(slot, **changes)

    def _words_of(self, job: PendingJob) -> str:
        """What is drawn, without what the host has put around every prompt."""
        abilities, prompt = self._services.drawn_by(job.request.recipe), job.request.recipe.prompt
        return prompt.removeprefix(abilities.prompt_prefix).removesuffix(abilities.prompt_suffix).strip(" ,")

    async def _look(self, kind: Kind, part: PicturePart, picture: bytes | None = None, words: str = "") -> bool:
        """Whether it is covered. Who it shows may be known from what it was made from alone."""
        made_of = await lineage(self._store, self._thread, part.parents)
        subject, said = Subject(kind, words or part.description, picture), "\n".join((self.said, *made_of.words))
        covered = await self._screen.check(subject, self._thread, said=said, brought=made_of.brought)
        return covered or made_of.covered

    async def _cleared(self, job: PendingJob, rendered: RenderedPicture, again: bool) -> bool:
        """Whether a finished picture, which nobody has seen yet, is shown covered. The words of an earlier program's
        jobs are looked at once more: the host may have become stricter since.

        Raises:
            Moderated: it is not shown, and its bytes are gone.
        """
        slot = self._assembly.slot(job.request.id)
        self._looked_at.add(slot.slot)
        try:
            covered = again and await self._look(Kind.DESCRIPTION, slot, words=self._words_of(job))
            covered |= await self._look(Kind.PICTURE, slot, rendered.data)
        except Moderated as error:
            await self._pictures.discard(slot.slot, str(error))
            raise
        finally:
            self._looked_at.discard(slot.slot)
        return covered or slot.spoiler

    async def _keep(self, job: PendingJob, rendered: RenderedPicture, spoiler: bool) -> Picture:
        part = self._assembly.slot(job.request.id)
        return await self._store.add_picture(
            Picture(
                thread=self._thread,
                number=job.number,
                operation=part.operation,
                parents=part.parents,
                description=part.description,
                recipe=rendered.recipe,
                sha256="",  # the store names the file
                media_type=rendered.media_type,
                width=rendered.width,
                height=rendered.height,
                person=self._person,
                created=self._clock(),
                turn=self._assembly.turn.id,
                metrics=dict(rendered.metrics) | self._cost(job),
                device_seconds=rendered.device_seconds,
                spoiler=spoiler,
            ),
            rendered.data,
        )

    def _cost(self, job: PendingJob) -> dict[str, float]:
        price = self._services.limits.price(job.request.recipe.engine)
        return {"cost": price} if price else {}

    def _tell_notes(self, job: PendingJob, picture: RenderedPicture) -> None:
        """What the engine had to do to the words, which nobody could know before."""
        for note in picture.recipe.notes:
            if note not in job.request.recipe.notes:
                self._assembly.notice(f"Picture {job.number}: {note}")

    def _ready(self, job: PendingJob, picture: Picture) -> None:
        largest = refined(picture.width, picture.height, self._services.drawn_by(picture.recipe)) is None
        if job.number in self._files:  # not when the answer is given up
            self._files[job.number].set_result(picture.sha256)
        if (why := GONE.get(picture.state)) is not None:  # since an earlier program drew it
            self._assembly.withhold(picture.number, gone_sentence(picture.number, why))
        self._assembly.update(
            job.request.id, state=SlotState.READY, sha256=picture.sha256, preview=None, position=None, eta_s=None,
            spoiler=picture.spoiler, largest=largest, width=picture.width, height=picture.height,
        )  # fmt: skip

    def _end(self, job: PendingJob, state: SlotState, sentence: str) -> None:
        self._assembly.update(job.request.id, state=state, sentence=sentence, preview=None, position=None, eta_s=None)
