"""The Store on SQLite through sqlite-utils: one file in WAL mode, one thread that talks to it.

What can be lost: nothing when the process dies. When the machine loses power, `synchronous=NORMAL`
(the default here) may lose the transactions of the last moments, never the file's integrity;
`synchronous="FULL"` syncs every transaction and loses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from sqlite_utils import Database

from bot import audit
from bot.store import rows
from bot.store.database_thread import DatabaseThread
from bot.store.file import connect, restore
from bot.store.picture_files import Files, bare_copy, renamed, with_recipe
from bot.store.tables import Tables
from bot.store.threads import ThreadRow
from handlers.audit import Act
from handlers.errors import PictureGone, StoreError
from handlers.model import (
    Hung,
    Incoming,
    Person,
    Picture,
    Session,
    ShareLink,
    Tally,
    ThreadKey,
    Turn,
    Upload,
    Vote,
)
from handlers.moderation.cases import Block, Case, Entry, Reason, Reported, Ruling, pseudonym
from handlers.ports import Accepted, Claim, Forgotten
from handlers.quota_rules import LONGEST, Amounts, Sharers
from handlers.search import Search
from handlers.voting import Round
from imaging.disk import database_sentence, empty_log
from imaging.sqlite import copy_to, transaction

__all__ = ["Files", "SqliteStore", "restore"]

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def _uncounted(amounts: Amounts) -> None:
    """Nobody watches."""


class SqliteStore:
    """Implements `handlers.ports.Store`. Open it with `await SqliteStore.open(...)`, close it with `close()`."""

    def __init__(self, db: Database, files: Files, thread: DatabaseThread, tables: Tables) -> None:
        self._db = db
        self._files = files
        self._thread = thread
        self._tables = tables

    @classmethod
    async def open(
        cls,
        path: Path,
        files: Files,
        *,
        synchronous: str = "NORMAL",
        recent_turns: int = 24,
        recent_pictures: int = 24,
        busy_s: float = 2.0,
        spent: Callable[[Amounts], None] = _uncounted,
    ) -> SqliteStore:
        """Open the database at `path`; picture bytes go to `files`; `spent` is told what quotas count, from any thread.

        Raises:
            StoreError: the file cannot be opened, is no database, or comes from a newer version.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            db = await asyncio.get_running_loop().run_in_executor(
                executor, lambda: connect(path, synchronous=synchronous, busy_s=busy_s)
            )
        except (sqlite3.Error, OSError) as error:
            executor.shutdown()
            raise StoreError(database_sentence(error)) from error
        except ValueError as error:
            executor.shutdown()
            raise StoreError(str(error)) from error
        tables = Tables(db.conn, uuid4().hex, recent_turns=recent_turns, recent_pictures=recent_pictures, spent=spent)
        return cls(db, files, DatabaseThread(db.conn, executor, tables.undone), tables)

    async def close(self) -> None:
        """Wait for what is running, then close the file."""
        with contextlib.suppress(StoreError):
            await self._run(self._tables.hands.let_go, _now().timestamp())
        await self._thread.close()

    async def _run(self, work: Callable[Concatenate[P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self._thread.run(lambda: work(*args, **kwargs))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(database_sentence(error)) from error

    async def _write(self, work: Callable[Concatenate[P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """All of it or nothing."""

        def whole() -> R:
            with transaction(self._db.conn):
                return work(*args, **kwargs)

        return await self._run(whole)

    async def _beside(self, work: Callable[Concatenate[P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """File work, in a thread of its own: syncing a picture to the disk must not hold up the database."""
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except OSError as error:
            raise StoreError(database_sentence(error)) from error

    async def _alone(self, work: Callable[[], R]) -> R:
        try:
            return await self._thread.alone(work)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(database_sentence(error)) from error

    # Messages and turns

    async def take_in_hand(self, work: str) -> int:
        return await self._run(self._tables.hands.take, work, _now().timestamp())

    async def put_down(self, work: str) -> None:
        await self._run(self._tables.hands.put_down, work)

    async def claim(self, event: str) -> Claim:
        return await self._write(self._tables.events.claim, event, _now().timestamp())

    async def finish(self, event: str) -> None:
        await self._write(self._tables.events.finish, event)

    async def accept(self, incoming: Incoming, *, asked: str, turn: str, uploads: Sequence[Upload]) -> Accepted:
        stored: list[tuple[Upload, str]] = []
        try:
            for upload in uploads:
                stored.append((upload, await self._beside(self._files.put, upload.data)))
            return await self._write(self._tables.intake.accept, incoming, asked, turn, stored, _now())
        except StoreError:
            await self._drop([sha for _, sha in stored])
            raise

    async def begin(self, turn: Turn, event: str) -> Accepted:
        return await self._write(self._tables.intake.begin, turn, event, _now())

    async def save_assistant_turn(self, turn: Turn) -> None:
        await self._write(self._tables.intake.save, turn, finish=False)

    async def finish_turn(self, turn: Turn) -> None:
        await self._write(self._tables.intake.save, turn, finish=True)

    async def turn(self, turn: str) -> Turn | None:
        return await self._run(self._tables.turns.get, turn)

    async def open_turns(self) -> Sequence[Turn]:
        return await self._run(self._tables.turns.open)

    async def turns(self, thread: ThreadKey, *, limit: int | None = None) -> Sequence[Turn]:
        return await self._run(self._tables.turns.of_thread, thread, limit)

    # Threads

    async def session(self, thread: ThreadKey) -> Session:
        return await self._run(self._tables.sessions.read, thread)

    async def reserve_numbers(self, thread: ThreadKey, count: int) -> int:
        return await self._write(self._tables.threads.reserve_numbers, thread, count, _now().timestamp())

    async def select(self, thread: ThreadKey, number: int) -> None:
        await self._write(self._tables.threads.select, thread, number)

    async def rename(self, thread: ThreadKey, title: str) -> None:
        await self._write(self._tables.threads.rename, thread, title)

    async def threads(self, chat: str, tenant: str, *, limit: int = 100) -> Sequence[ThreadRow]:
        return await self._run(self._tables.threads.newest, chat, tenant, limit)

    async def all_threads(self) -> Sequence[ThreadRow]:
        """Of every chat, the newest first: for the host."""
        return await self._run(self._tables.threads.everywhere)

    async def title(self, thread: ThreadKey) -> str:
        return await self._run(self._tables.threads.title, thread)

    async def choose(self, scope: str, settings: Mapping[str, str | None]) -> None:
        def work() -> None:
            self._tables.threads.still_there(rows.clean(scope))
            self._tables.choices.choose(scope, settings)

        await self._write(work)

    async def chosen(self, scope: str) -> Mapping[str, str]:
        return await self._run(self._tables.choices.chosen, scope)

    # Pictures

    async def add_picture(self, picture: Picture, data: bytes) -> Picture:
        recipe = picture.recipe
        of_others = recipe is not None and recipe.source is not None and bool(picture.parents)
        if recipe and of_others and await self._run(self._tables.pictures.orphaned, picture.thread, picture.parents):
            # Its parent was forgotten while it was drawn: so are the parent's words inside it.
            recipe = replace(recipe, source=None)
            picture, data = replace(picture, recipe=recipe), await self._beside(with_recipe, data, recipe)
        sha = await self._beside(self._files.put, data)
        try:
            stored = await self._write(self._tables.pictures.add, replace(picture, sha256=sha), len(data))
        except StoreError:
            await self._drop([sha])
            raise
        if stored.sha256 != sha:  # it was there already, with other bytes
            await self._drop([sha])
        return stored

    async def _drop(self, files: Sequence[str]) -> None:
        """Delete files that no picture needs: what a failed transaction would leave behind."""

        def work() -> None:
            for sha in self._tables.pictures.unneeded(files):
                self._files.delete(sha)

        with contextlib.suppress(StoreError):
            await self._run(work)

    async def unneeded(self, files: Sequence[str]) -> list[str]:
        """Those of `files` that no picture needs."""
        return await self._run(self._tables.pictures.unneeded, files)

    async def picture(self, thread: ThreadKey, number: int) -> Picture | None:
        return await self._run(self._tables.pictures.get, thread, number)

    async def picture_bytes(self, sha256: str) -> bytes:
        try:
            return await asyncio.to_thread(self._files.get, sha256)
        except FileNotFoundError as error:
            raise PictureGone(database_sentence(error)) from error
        except OSError as error:
            raise StoreError(database_sentence(error)) from error

    async def picture_of(self, sha256: str) -> Picture | None:
        return await self._run(self._tables.pictures.of, sha256)

    async def gallery(self, thread: ThreadKey, *, limit: int = 1000) -> Sequence[Picture]:
        return await self._run(self._tables.pictures.gallery, thread, limit)

    async def search(
        self, search: Search, here: ThreadKey, asker: Person, threads: Collection[ThreadKey] | None, *, limit: int
    ) -> Sequence[Hung]:
        return await self._run(self._tables.gallery.find, search, here, asker, threads, limit)

    async def made_by(self, chat: str, tenant: str, person: Person, *, limit: int = 20) -> Sequence[Picture]:
        return await self._run(self._tables.pictures.made_by, chat, tenant, person, limit)

    async def delete_picture(self, thread: ThreadKey, number: int) -> None:
        def work() -> None:
            with transaction(self._db.conn):
                unneeded = self._tables.pictures.delete(thread, number)
            for sha in unneeded:
                self._files.delete(sha)

        await self._run(work)

    async def hidden(self, thread: ThreadKey) -> frozenset[int]:
        return await self._run(self._tables.pictures.hidden, thread)

    # Moderation

    async def report(
        self, picture: Picture, reporter: Person, reason: Reason, *, enough: int, agreed: bool
    ) -> Reported | None:
        thread = picture.thread
        return await self._write(
            self._tables.cases.report, picture, pseudonym(thread, picture.person), reporter.account_in(thread.chat),
            reason, enough=enough, agreed=agreed, now=_now().timestamp(),
        )  # fmt: skip

    async def reports_by(self, chat: str, person: Person, since: datetime) -> int:
        return await self._run(self._tables.cases.by, person.account_in(chat), since.timestamp())

    async def case(self, tenant: str, id: int) -> Case | None:
        return await self._run(self._tables.cases.get, tenant, id)

    async def cases(self, tenant: str, *, limit: int = 20) -> Sequence[Case]:
        return await self._run(self._tables.cases.open, tenant, limit)

    async def rule(self, case: Case, ruling: Ruling, by: Person) -> bool:
        def work() -> bool:
            with transaction(self._db.conn):
                ruler = pseudonym(case.thread, by)
                unneeded = self._tables.cases.rule(case, ruling, ruler, _now().timestamp())
            for sha in unneeded or ():
                self._files.delete(sha)
            return unneeded is not None

        return await self._run(work)

    async def block(self, thread: ThreadKey, person: Person, by: Person) -> bool:
        return await self._write(self._tables.blocks.put, thread, person, pseudonym(thread, by), _now().timestamp())

    async def lift(self, thread: ThreadKey, person: Person) -> bool:
        return await self._write(self._tables.blocks.lift, thread, person)

    async def blocked(self, thread: ThreadKey, person: Person) -> bool:
        return await self._run(self._tables.blocks.holds, thread, person)

    async def tell_blocked(self, thread: ThreadKey, person: Person, at: datetime, every: timedelta) -> bool:
        return await self._write(self._tables.blocks.tell, thread, person, at.timestamp(), every.total_seconds())

    async def blocks(self, tenant: str) -> Sequence[Block]:
        return await self._run(self._tables.blocks.all, tenant)

    async def moderation_log(self, tenant: str, *, limit: int = 20) -> Sequence[Entry]:
        return await self._run(audit.of_moderators, self._db.conn, tenant, limit)

    async def forget_cases(self, before: float) -> int:
        """Of the reports, what is decided and older than a Unix time; returns how many pictures they were about."""
        return await self._write(self._tables.cases.prune, before)

    # Votes

    async def vote(self, vote: Vote) -> bool:
        return await self._write(self._tables.votes.vote, vote, _now().timestamp())

    async def votes(self, thread: ThreadKey) -> Mapping[int, Tally]:
        return await self._run(self._tables.votes.tallies, thread)

    # Rounds of brainstorms

    async def round(self, turn: str) -> Round | None:
        return await self._run(self._tables.rounds.get, turn)

    async def round_with(self, thread: ThreadKey, idea: int) -> Round | None:
        return await self._run(self._tables.rounds.with_idea, thread, idea)

    async def newest_round(self, thread: ThreadKey) -> Round | None:
        return await self._run(self._tables.rounds.newest, thread)

    async def rounds(self, brainstorm: str) -> Sequence[Round]:
        return await self._run(self._tables.rounds.of_brainstorm, brainstorm)

    async def running_rounds(self, chat: str) -> Sequence[Round]:
        return await self._run(self._tables.rounds.running, chat)

    async def begin_round(self, round: Round, at: datetime) -> Round | None:
        return await self._write(self._tables.rounds.begin, round, at)

    async def follow_round(self, turn: Turn, event: str, round: Round, at: datetime) -> Accepted:
        return await self._write(self._tables.intake.follow, turn, event, round, at)

    async def step_round(
        self, turn: str, event: str | None, step: Callable[[Round], tuple[Round, str]]
    ) -> tuple[Round, str | None] | None:
        return await self._write(self._tables.intake.step, turn, event, step, _now())

    # Boards

    async def board(self, thread: ThreadKey) -> Sequence[int]:
        return await self._run(self._tables.boards.order, thread)

    async def move(self, thread: ThreadKey, number: int, before: int | None) -> bool:
        return await self._write(self._tables.boards.move, thread, number, before)

    # People and housekeeping

    async def spent(self, sharers: Sharers, key: str, since: datetime) -> Amounts:
        return await self._run(self._tables.spent.sum, sharers, key, since.timestamp())

    async def spendings(self, sharers: Sharers, key: str, since: datetime) -> Sequence[tuple[datetime, Amounts]]:
        return await self._run(self._tables.spent.each, sharers, key, since.timestamp())

    async def spend(self, thread: ThreadKey, person: Person, amounts: Amounts, at: datetime) -> None:
        await self._write(self._tables.spent.add, at.timestamp(), thread, person, amounts)

    async def note(self, act: Act, what: str, thread: ThreadKey | None, person: Person | None, times: int = 1) -> None:
        """See `handlers.audit.Audit`."""
        at = _now().timestamp()
        try:
            await self._write(audit.add, self._db.conn, at, act, what, thread, person, times)
        except StoreError as error:
            log.warning("%s (%s) is not in the audit record: %s", what, act, error)

    async def forget_acts(self, before: float) -> int:
        """Of the audit record, what is older than a Unix time; returns how many rows."""
        return await self._write(audit.prune, self._db.conn, before)

    async def forget_spendings(self) -> None:
        """Those that no quota counts any more; and what a log still holds because somebody read when it was deleted."""

        def work() -> None:
            with transaction(self._db.conn):
                self._tables.spent.forget((_now() - LONGEST).timestamp())
            empty_log(self._db.conn)

        await self._alone(work)

    async def forget(self, chat: str, tenant: str, person: Person) -> Forgotten:
        renewed: dict[tuple[str, int], tuple[str, Mapping[str, Any]]] = {}
        names: dict[str, str] = {}
        while True:
            # Files are written beside the database; an heir that comes meanwhile has its turn in the next round.
            for heir in await self._run(self._tables.deletion.heirs, chat, tenant, person):
                if heir.key not in renewed:
                    recipe = renamed(heir.recipe, names)
                    names[heir.sha256] = sha = await self._beside(bare_copy, self._files, heir, recipe)
                    renewed[heir.key] = (sha, recipe)

            def work() -> Forgotten | None:
                with transaction(self._db.conn):
                    done = self._tables.deletion.forget(chat, tenant, person, renewed)
                if done is None:
                    return None
                self._erase(done[1])
                return done[0]

            forgotten = await self._alone(work)
            if forgotten is not None:
                return forgotten

    async def add_share_link(
        self, thread: ThreadKey, person: Person, hash: str, now: datetime, until: datetime
    ) -> ShareLink:
        return await self._write(self._tables.shares.add, thread, person, hash, now, until)

    async def share_links(self, thread: ThreadKey) -> Sequence[ShareLink]:
        return await self._run(self._tables.shares.of, thread)

    async def end_share_link(self, thread: ThreadKey, id: int) -> bool:
        return await self._write(self._tables.shares.end, thread, id)

    async def shared_by(self, hash: str, at: datetime) -> ShareLink | None:
        return await self._run(self._tables.shares.find, hash, at)

    async def delete_thread(self, thread: ThreadKey) -> Forgotten:
        def work() -> Forgotten:
            with transaction(self._db.conn):
                forgotten, files = self._tables.deletion.thread(thread, _now().timestamp())
            self._erase(files)
            return forgotten

        return await self._alone(work)

    async def deleted(self, thread: ThreadKey) -> bool:
        return await self._run(self._tables.threads.deleted, rows.clean(str(thread)))

    async def prune(self, before: datetime) -> Forgotten:
        def work() -> Forgotten:
            with transaction(self._db.conn):
                forgotten, files = self._tables.deletion.prune(before.timestamp())
            self._erase(files)
            return forgotten

        return await self._alone(work)

    def _erase(self, files: Sequence[str]) -> None:
        for sha in files:
            self._files.delete(sha)
        empty_log(self._db.conn)

    async def backup(self, path: Path) -> None:
        """Copy the database while it is in use (SQLite's online backup); picture files are copied apart."""

        def work() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_to(self._db.conn, path)

        await self._alone(work)

    async def probe(self) -> None:
        """Whether the database can be written now; nothing is.

        Raises:
            StoreError: it cannot.
        """

        def work() -> None:
            with transaction(self._db.conn):
                self._tables.threads.probe()

        await self._alone(work)

    async def check(self) -> str:
        """`ok`, or what SQLite's integrity check says."""
        return await self._alone(lambda: str(self._db.conn.execute("PRAGMA integrity_check").fetchone()[0]))


def _now() -> datetime:
    return datetime.now(UTC)
