"""Reports of pictures, what moderators decide on them, and who is told of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from handlers.audit import Act
from handlers.errors import NoSuchPicture, NotAllowed, StoreError
from handlers.model import Person, Picture, ThreadKey
from handlers.moderation.cases import Case, Reason, Reported, Ruling
from handlers.notices import Notices
from handlers.ports import Chat, ChatUnavailable
from handlers.services import Services
from handlers.showing import Showing

log = logging.getLogger(__name__)

SCOPE: Final = "moderation-log:"
PLACE: Final = "place"
A_DAY: Final = 20
"""Pictures that one person may report in a day: who reports everything tells moderators nothing."""
TOO_MANY = f"You have reported {A_DAY} pictures today; please tell a moderator of the others."
TOLD_MAKER = {
    Ruling.HIDE: "Picture {} was reported and is hidden; a moderator decides what becomes of it.",
    Ruling.SHOW: "A moderator has looked at picture {}: it is shown again.",
    Ruling.DELETE: "A moderator has deleted picture {}, which was reported.",
}
DONE = {Ruling.HIDE: "hidden", Ruling.SHOW: "shown", Ruling.DELETE: "deleted"}


class Reporting:
    def __init__(
        self,
        services: Services,
        chats: Mapping[str, Chat],
        notices: Notices,
        showing: Showing,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        clock: Callable[[], datetime],
    ) -> None:
        """`spawn` owns what goes on after an answer: showing answers again, telling people."""
        self._services = services
        self._store = services.store
        self._chats = chats
        self._notices = notices
        self._showing = showing
        self._spawn = spawn
        self._clock = clock

    # Reports

    async def report(self, picture: Picture, person: Person, reason: Reason = Reason.OTHER) -> str:
        """Count a report; returns the sentence for who reports.

        Raises:
            UserError: it cannot be reported by them, or is gone.
        """
        thread, number = picture.thread, picture.number
        if picture.person.id == person.id:
            return f"Picture {number} is yours: you can delete it."
        if await self._store.reports_by(thread.chat, person, self._clock() - timedelta(days=1)) >= A_DAY:
            raise NotAllowed(TOO_MANY)
        agreed = person.moderator or person.admin
        enough = self._services.limits.reports_to_hide
        reported = await self._store.report(picture, person, reason, enough=enough, agreed=agreed)
        if reported is None:
            raise NoSuchPicture(f"Picture {number} was deleted.")
        if not reported.counted and not reported.hidden:
            return f"You have reported picture {number} already."
        log.info("picture %d of %s was reported, as %s: report %d", number, thread, reason, reported.case.id)
        await self._services.audit.note(Act.REPORT, f"picture, {reason}", thread, person)
        if reported.hidden:
            await self._has_hidden(picture, person if agreed else None)
        if (reported.opened or reported.hidden) and not agreed:
            self._spawn(self._tell_moderators(reported), f"report {reported.case.id}")
        return _thanks(reported, agreed)

    async def _has_hidden(self, picture: Picture, by: Person | None) -> None:
        what = "picture hidden" if by is not None else "picture hidden by reports"
        await self._services.audit.note(Act.ADMIN, what, picture.thread, by)
        self._show_again(picture, Ruling.HIDE)

    def _show_again(self, picture: Picture, ruling: Ruling) -> None:
        async def work() -> None:
            await self._showing.again(picture)
            await self._notices.tell(picture.thread, picture.person, TOLD_MAKER[ruling].format(picture.number))

        self._spawn(work(), f"show picture {picture.number} again")

    # Decisions

    async def rule(self, case: Case, ruling: Ruling, by: Person) -> str:
        """Carry out a moderator's decision; returns the sentence for them.

        Raises:
            NoSuchPicture: it is gone.
        """
        picture = await self._store.picture(case.thread, case.number)
        if picture is None or not await self._store.rule(case, ruling, by):
            raise NoSuchPicture(f"The picture of report {case.id} was deleted.")
        act = Act.DELETION if ruling is Ruling.DELETE else Act.ADMIN
        await self._services.audit.note(act, f"picture {DONE[ruling]}", case.thread, by)
        if act is not Act.ADMIN:
            await self._services.audit.note(Act.ADMIN, "reported pictures deleted", case.thread, by)
        was = case.state
        now = await self._store.picture(case.thread, case.number)
        if now is None or now.state is not was:
            self._show_again(picture, ruling)
        return f"Report {case.id}: picture {case.number} is {DONE[ruling]}."

    # The place where moderators are told

    async def set_place(self, thread: ThreadKey, here: bool) -> None:
        place = json.dumps([thread.channel, thread.thread]) if here else None
        await self._store.choose(SCOPE + thread.tenant_scope, {PLACE: place})

    async def place(self, thread: ThreadKey) -> ThreadKey | None:
        """Where the moderators of a thread's server or workspace are told; None: nowhere, they look."""
        kept = (await self._store.chosen(SCOPE + thread.tenant_scope)).get(PLACE)
        if kept is None:
            return None
        channel, name = json.loads(kept)
        return ThreadKey(thread.chat, thread.tenant, channel, name)

    async def _tell_moderators(self, reported: Reported) -> None:
        case = reported.case
        try:
            place = await self.place(case.thread)
            chat = self._chats.get(case.thread.chat)
            if place is not None and chat is not None:
                await chat.announce(place, _for_moderators(reported))
        except (ChatUnavailable, StoreError) as error:
            log.warning("moderators could not be told of report %d: %s", case.id, error)
        except Exception:
            log.exception("moderators could not be told of report %d", case.id)


def _thanks(reported: Reported, agreed: bool) -> str:
    case = reported.case
    if agreed:
        return f"Picture {case.number} is hidden; /moderation report:{case.id} shows it and decides."
    if reported.hidden:
        return f"Thank you: picture {case.number} is hidden until a moderator has looked at it."
    if case.ruling is Ruling.SHOW:
        return f"Thank you; a moderator has looked at picture {case.number} before and let it stay."
    return f"Thank you: the moderators see that picture {case.number} was reported."


def _for_moderators(reported: Reported) -> str:
    case = reported.case
    state = "reported and is hidden now" if reported.hidden else "reported"
    return (
        f"Report {case.id}: a picture was {state} ({', '.join(case.reasons)}). "
        f"/moderation report:{case.id} shows it to you; with decide: hide, show, delete or block."
    )
