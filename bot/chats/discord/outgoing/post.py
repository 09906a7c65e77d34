"""One growing answer: the newest snapshot wins, edits keep Discord's pace, every message is sent once."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import discord

from bot.chats.discord.config import DiscordConfig, KeyValue
from bot.chats.discord.files import attached
from bot.chats.discord.outgoing.covers import Covers
from bot.chats.discord.outgoing.layout import laid_out
from bot.chats.discord.outgoing.media import Media, Unfitting
from bot.chats.discord.outgoing.outbox import Outbox, is_as, shows
from bot.chats.discord.outgoing.outlet import Outlet
from bot.chats.discord.outgoing.pace import Pace
from bot.chats.discord.outgoing.render import NOTHING_GONE, fitted, render
from bot.chats.discord.outgoing.views import Gallery, MessageView, Words
from bot.chats.discord.trouble import ATTEMPTS, FAILURES, Trouble, persist, trouble, why
from handlers.model import PicturePart, Reply, SlotState
from handlers.ports import ChatUnavailable
from handlers.presentation import Why, round_of
from handlers.round import Phase
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
_Step: TypeAlias = Callable[[], Awaitable[None]]
_Act: TypeAlias = Callable[[MessageView, int], Awaitable[discord.Message]]
SIZES = 6
"""Attempts with smaller and smaller pictures."""
NO_FILES = Words(
    "-# ⚠️ I cannot post pictures here: I lack the permission **Attach Files**. A server admin can grant it; "
    "the pictures are kept."
)
FILTERED = Words("-# ⚠️ This server's content filter refuses a picture here; an admin can change it. It is kept.")
TOO_LARGE = Words("-# ⚠️ A picture is too large for this server; `/export` gives it in full size.")


@dataclass
class _Message:
    """A message of the answer as Discord has it."""

    id: int
    view: MessageView | None = None
    attachments: dict[str, discord.Attachment] = field(default_factory=dict)
    """By the stem of the file's name."""
    found: discord.Message | None = None
    """As it was when it was taken up; None once it was changed."""

    def shows(self, view: MessageView) -> bool:
        return is_as(self.found, view) if self.found is not None else self.view == view


class DiscordPost:
    """See `handlers.ports.ReplyPost`."""

    def __init__(
        self,
        outlet: Outlet,
        media: Media,
        memory: KeyValue,
        tasks: Tasks,
        pace: Pace,
        config: DiscordConfig,
        turn: str,
        reference: str | None,
        covers: Covers,
    ) -> None:
        self._covers = covers
        self._outlet = outlet
        self._media = media
        self._outbox = Outbox(memory, turn)
        self._tasks = tasks
        self._pace = pace
        self._config = config
        self._turn = turn
        self._reference = reference
        self._messages: list[_Message] = []
        self._adopted = False
        self._newest: Reply | None = None
        self._editor: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._gone: str | None = None
        self._previews: dict[str, bytes] = {}
        self._previewed = float("-inf")
        self._without_files = False
        self._stays = False
        self._edits_take_files = True
        """Discord has refused files in an edit of an interaction's messages: they come in new messages then."""
        self._largest = 0
        """Bytes of the largest file of the last attempt."""

    @property
    def reference(self) -> str | None:
        return ",".join(str(message.id) for message in self._messages) or self._reference

    def show(self, reply: Reply) -> None:
        self._newest = reply
        if self._gone is None and (self._editor is None or self._editor.done()):
            self._editor = self._tasks.spawn(self._edit(), f"discord answer {self._turn}")

    async def finish(self, reply: Reply) -> str | None:
        self._newest = None
        async with self._lock:
            if self._editor is not None:
                self._editor.cancel()
            await self._bring(reply, last=True)
        self._editor = None  # its traceback knows this answer
        return self.reference

    async def redraw(self, reply: Reply, gone: Mapping[int, Why]) -> None:
        """Show a finished answer again without the pictures that are gone, and with all others."""
        self._outbox.finished = True
        shown = round_of(reply.parts)
        # A round that is over must not come again below the one that followed it: its old buttons say that it is over.
        self._stays = shown is not None and shown.phase is Phase.OVER
        async with self._lock:
            await self._bring(reply, last=True, gone=gone)

    async def _edit(self) -> None:
        """Bring snapshots until none is newer, one edit an interval."""
        self._pace.growing += 1
        try:
            await self._edit_on()
        finally:
            self._pace.growing -= 1

    async def _edit_on(self) -> None:
        while self._gone is None:
            async with self._lock:
                reply, self._newest = self._newest, None
                if reply is None:
                    return
                try:
                    await self._bring(self._calm(reply), last=False)
                except ChatUnavailable as error:
                    # `finish` says it to the handlers; until then there is nobody to show anything to.
                    log.info("answer %s: %s", self._turn, error)
                    return
            await asyncio.sleep(self._pace.interval(self._config.edit_interval_s))

    def _calm(self, reply: Reply) -> Reply:
        """Keep the previews that are shown until it is time for new ones: each is an upload."""
        now = asyncio.get_running_loop().time()
        rendering = [p for p in reply.parts if isinstance(p, PicturePart) and p.state is SlotState.RENDERING]
        fresh = {part.slot: part.preview for part in rendering if part.preview is not None}
        if now - self._previewed >= self._config.preview_interval_s and fresh != self._previews:
            self._previews = fresh
            self._previewed = now
        parts = tuple(
            replace(part, preview=self._previews.get(part.slot)) if isinstance(part, PicturePart) else part
            for part in reply.parts
        )
        return replace(reply, parts=parts)

    async def _bring(self, reply: Reply, *, last: bool, gone: Mapping[int, Why] = NOTHING_GONE) -> None:
        """
        Raises:
            ChatUnavailable: Discord refuses for good.
        """
        if self._gone is not None:
            raise ChatUnavailable(self._gone)
        await self._persist(self._adopt, last=True)
        covered = await self._covers.of(reply)
        shown = render(reply, previews=self._edits_take_files, gone=gone, covered=covered)
        views = fitted(shown, self._outlet.most)
        for index, view in enumerate(views):
            if not await self._persist(partial(self._place, index, view), last=last):
                return
        for surplus in self._messages[len(views) :]:
            await self._remove(surplus)
        del self._messages[len(views) :]

    async def _persist(self, step: _Step, *, last: bool) -> bool:
        """Do `step`, again after passing troubles when it is the last word; a passing snapshot has no second try.

        False when it was not done; the next snapshot will do it.
        """
        try:
            await persist(step, f"answer {self._turn}", wait_s=self._config.retry_s, attempts=ATTEMPTS if last else 1)
        except FAILURES as error:
            if trouble(error) is not Trouble.LATER:
                raise self._give_up(error) from error
            if last:
                log.warning("answer %s was given up: %s", self._turn, error)
                raise ChatUnavailable(why(error)) from error
            log.info("a snapshot of answer %s was left out: %s", self._turn, error)
            return False
        return True

    def _give_up(self, error: BaseException) -> ChatUnavailable:
        log.warning("answer %s cannot be posted: %s", self._turn, error)
        self._gone = why(error)
        return ChatUnavailable(self._gone)

    async def _adopt(self) -> None:
        """Take up the messages that an earlier run posted."""
        if self._adopted:
            return
        known = await self._outbox.known() or self._reference or ""
        messages = []
        for id in filter(str.isdigit, known.split(",")):
            try:
                found = await self._outlet.fetch(int(id))
                messages.append(replace(_read(found), found=found))
            except discord.NotFound as error:
                if trouble(error) is not Trouble.MESSAGE_DELETED:
                    raise
        if (lost := await self._outbox.lost(len(messages), self._outlet)) is not None:
            messages.append(_read(lost))
            await self._outbox.sent(",".join(str(message.id) for message in messages))
        self._messages, self._adopted = messages, True

    async def _place(self, index: int, view: MessageView) -> None:
        """Make the message number `index` of the answer show `view`."""
        message = self._messages[index] if index < len(self._messages) else None
        if message is not None and message.shows(view):
            return
        if message is None:
            await self._send(index, view, after=0)
            return
        if not self._edits_take_files and _brings_files(view, message):
            await self._anew(index, view, message)
            return
        try:
            await self._change(message, view)
        except (discord.HTTPException, discord.RateLimited) as error:
            # Discord lets a message be edited again only in a long while: that is too late for who waits.
            match Trouble.TOO_OLD if isinstance(error, discord.RateLimited) else trouble(error):
                case Trouble.ARCHIVED:
                    await self._outlet.unarchive()
                    await self._change(message, view)
                case Trouble.TOO_OLD if self._stays:
                    log.info("answer %s stays as it was shown: %s", self._turn, error)
                case Trouble.TOO_OLD:
                    await self._anew(index, view, message)
                case Trouble.MESSAGE_DELETED:
                    await self._send(index, view, after=message.id)
                case Trouble.REFUSED if _brings_files(view, message):
                    log.info("answer %s: an edit with pictures is refused: %s", self._turn, error)
                    self._edits_take_files = False
                    await self._anew(index, view, message)
                case _:
                    raise

    async def _anew(self, index: int, view: MessageView, instead: _Message) -> None:
        await self._send(index, view, after=instead.id)
        await self._remove(instead)

    async def _send(self, index: int, view: MessageView, *, after: int) -> None:
        """A new message; `after` is the one that it takes the place of, so that its nonce is another."""
        nonce = hashlib.blake2b(f"{self._turn}/{index}/{after}".encode(), digest_size=12).hexdigest()

        async def send(view: MessageView, limit: int) -> discord.Message:
            files, names, _ = await self._files(view, {}, limit)
            await self._outbox.intend(index, view)
            with laid_out(view, names) as components:
                return await self._outlet.send(components, files, nonce)

        message = await self._fitting(view, send)
        sent = _read(message)
        self._messages[index : index + 1] = [sent]
        await self._outbox.sent(self.reference or "")
        if shows(message, view):
            sent.view = view
        else:
            # The nonce was known: Discord gave back what was sent before a crash, as it looked then.
            await self._change(sent, view)

    async def _change(self, message: _Message, view: MessageView) -> None:
        async def edit(view: MessageView, limit: int) -> discord.Message:
            files, names, kept = await self._files(view, message.attachments, limit)
            with laid_out(view, names) as components:
                return await self._outlet.edit(message.id, components, [*kept, *files])

        edited = _read(await self._fitting(view, edit))
        message.view, message.attachments, message.found = view, edited.attachments, None

    async def _fitting(self, view: MessageView, act: _Act) -> discord.Message:
        """Do `act` with the pictures as they are, else smaller, else without them and a word about it."""
        limit = self._outlet.limit
        for _ in range(SIZES):
            if self._without_files:
                return await act(_bare(view, NO_FILES), limit)
            try:
                return await act(view, limit)
            except Unfitting:
                break
            except discord.HTTPException as error:
                kind = trouble(error)
                if view.pictures and kind is Trouble.FILTERED:
                    return await act(_bare(view, FILTERED), limit)
                if not view.pictures or kind not in (Trouble.TOO_LARGE, Trouble.NOT_ALLOWED):
                    raise
                self._without_files = kind is Trouble.NOT_ALLOWED
                # Discord does not say what it would take: try half of what it refused.
                limit = min(limit, self._largest) // 2
        return await act(_bare(view, TOO_LARGE), limit)

    async def _files(
        self, view: MessageView, there: dict[str, discord.Attachment], limit: int
    ) -> tuple[list[discord.File], dict[str, str], list[discord.Attachment]]:
        """New uploads, the attachment's name of every picture, and the attachments to keep."""
        files, names, kept = [], {}, []
        self._largest = 0
        for shown in view.pictures:
            stem = shown.file.rpartition(".")[0]
            if stem in there:
                kept.append(there[stem])
                names[shown.file] = there[stem].filename
            elif (file := await self._media.upload(shown, limit)) is not None:
                files.append(file)
                self._largest = max(self._largest, file.fp.seek(0, io.SEEK_END))
                file.fp.seek(0)
                names[shown.file] = file.filename
        return files, names, kept

    async def _remove(self, message: _Message) -> None:
        try:
            await self._outlet.delete(message.id)
        except FAILURES as error:
            log.info("message %d stays: %s", message.id, error)


def _read(message: discord.Message) -> _Message:
    return _Message(message.id, None, {a.filename.rpartition(".")[0]: a for a in attached(message)})


def _brings_files(view: MessageView, message: _Message) -> bool:
    """Whether a view shows pictures that the message does not have yet."""
    return any(shown.file.rpartition(".")[0] not in message.attachments for shown in view.pictures)


def _bare(view: MessageView, word: Words) -> MessageView:
    return MessageView((*(block for block in view.blocks if not isinstance(block, Gallery)), word))
