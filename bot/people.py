"""Who may use the page, and whose its threads are: `people.db` in the home.

`easel invite` writes it while the program runs, so nothing is kept in memory. Of links and sessions only hashes are
stored: who reads the file, or a backup of it, cannot come in with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from handlers.errors import StoreError, UserError
from handlers.links import without_fillers
from imaging.disk import database_sentence, empty_log
from imaging.sqlite import open_file, transaction

R = TypeVar("R")
DAY_S = 86400.0
SESSION_DAYS = 180
"""A browser that was away for longer signs in anew."""
DEVICE_S = 900.0
"""How long a link for one's own second device is good."""
MAX_NAME = 40
INVITED_ID, PROXY_ID = "p-", "login-"
MEMBER_IDS = (INVITED_ID, PROXY_ID)
"""How ids of people begin who were signed in; those of guests are hex digits."""
RESERVED = frozenset({"easel", "guest", "admin", "moderator", "system", "assistant", "user"})
_TABLES = """
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, same_as TEXT NOT NULL UNIQUE, role TEXT NOT NULL, invitation TEXT,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS invitations (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, name TEXT NOT NULL, person TEXT,
    many INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, expires REAL NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sessions (hash TEXT PRIMARY KEY, person TEXT NOT NULL, seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS threads (thread TEXT PRIMARY KEY, owner TEXT NOT NULL, sharing TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_person ON sessions (person);
"""


class House(StrEnum):
    """What somebody may do on the page."""

    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"


class Sharing(StrEnum):
    """Who sees a thread besides its maker."""

    PRIVATE = "private"
    LINK = "link"
    """Whoever is signed in and has its address."""
    HOUSE = "house"
    """Everybody who is signed in, in the list of threads."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a name of their own."""

    id: str
    name: str
    role: House = House.MEMBER
    invitation: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is told of a link; the link itself is shown once, to whoever makes it."""

    id: str
    role: House
    name: str
    many: bool
    used: int
    expires: float
    revoked: bool
    person: str | None = None

    def open(self, now: float) -> bool:
        return not self.revoked and now < self.expires and (self.many or not self.used)


@dataclass(frozen=True, slots=True)
class ThreadRights:
    owner: str
    sharing: Sharing

    def seen_by(self, person: str) -> bool:
        """Whether somebody who has the thread's address may read and write in it."""
        return self.owner == person or self.sharing is not Sharing.PRIVATE


class NotInvited(UserError):
    """A link that lets nobody in (any more), or a name that cannot be had; `str()` says which."""


def readable_name(name: str) -> str:
    """A name without what nobody sees, in one line; it may still hold what turns or splits words."""
    # Two names that look the same are one.
    shown = without_fillers(unicodedata.normalize("NFKC", name[:1000]))
    return " ".join(unicodedata.normalize("NFKC", shown).split())  # a filler kept a letter and its accent apart


def proper_name(name: str) -> str:
    """A name as it is shown to others.

    Raises:
        NotInvited: it is empty, too long, reserved, or made of what cannot be seen.
    """
    name = readable_name(name)
    if not name or any(unicodedata.category(sign).startswith("C") for sign in name):
        raise NotInvited("Say what others shall call you.")
    if len(name) > MAX_NAME:
        raise NotInvited(f"A name has at most {MAX_NAME} characters.")
    if name.casefold() in RESERVED:
        raise NotInvited("That name is not to be had; choose another one.")
    return name


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Register:
    """The file, one transaction a method; for one thread at a time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """
        Raises:
            StoreError: the file cannot be opened.
        """
        self._clock = clock
        try:
            self._db = open_file(path, synchronous="FULL", busy_s=5.0)
            self._db.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {database_sentence(error)}") from error

    def close(self) -> None:
        self._db.close()

    # Invitations

    def invite(
        self,
        role: House = House.MEMBER,
        name: str = "",
        *,
        many: bool = False,
        seconds: float = 7 * DAY_S,
        person: str | None = None,
    ) -> tuple[Invitation, str]:
        """A fresh link's secret. `person`: it signs in somebody who is there already, and nobody else."""
        token, now = secrets.token_urlsafe(18), self._clock()
        self._tidy(now)
        made = Invitation(secrets.token_hex(3), role, name, many, 0, now + seconds, False, person)
        self._db.execute(
            "INSERT INTO invitations (id, hash, role, name, person, many, created, expires) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (made.id, _hash(token), role.value, name, person, int(many), now, made.expires),
        )
        return made, token

    def _tidy(self, now: float) -> None:
        """Leave out what opens nothing any more."""
        self._db.execute("DELETE FROM sessions WHERE seen < ?", (now - SESSION_DAYS * DAY_S,))
        self._db.execute("DELETE FROM invitations WHERE person IS NOT NULL AND expires < ?", (now,))

    def invitations(self) -> list[Invitation]:
        """The newest first."""
        rows = self._db.execute(f"SELECT {_INVITATION} FROM invitations WHERE person IS NULL ORDER BY created DESC")
        return [_invitation(row) for row in rows]

    def invitation(self, token: str) -> Invitation:
        """
        Raises:
            NotInvited: the link lets nobody in.
        """
        row = self._db.execute(f"SELECT {_INVITATION} FROM invitations WHERE hash = ?", (_hash(token),)).fetchone()
        if row is None or not _invitation(row).open(self._clock()):
            raise NotInvited("This link is not good any more; ask for a new invitation.")
        return _invitation(row)

    def revoke(self, id: str) -> bool:
        return self._db.execute("UPDATE invitations SET revoked = 1 WHERE id = ? AND revoked = 0", (id,)).rowcount > 0

    def join(self, token: str, name: str) -> tuple[Member, str]:
        """Use a link; the member and a session's secret.

        Raises:
            NotInvited: the link is not good, or the name cannot be had.
        """
        session = secrets.token_urlsafe(24)
        with transaction(self._db):
            found = self.invitation(token)
            member = self._known(found.person) if found.person else self._new(found, proper_name(name or found.name))
            self._db.execute("UPDATE invitations SET used = used + 1 WHERE id = ?", (found.id,))
            self._db.execute("INSERT INTO sessions VALUES (?, ?, ?)", (_hash(session), member.id, self._clock()))
        return member, session

    def _known(self, person: str) -> Member:
        member = self.person(person)
        if member is None:
            raise NotInvited("This link is not good any more; ask for a new invitation.")
        return member

    def _new(self, by: Invitation, name: str) -> Member:
        member = Member(INVITED_ID + secrets.token_hex(8), name, by.role, by.id)
        try:
            self._db.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)",
                (member.id, name, name.casefold(), by.role.value, by.id, self._clock()),
            )
        except sqlite3.IntegrityError:
            raise NotInvited("Somebody here has that name; choose another one.") from None
        return member

    # People and sessions

    def people(self) -> list[Member]:
        return [_member(row) for row in self._db.execute(f"SELECT {_MEMBER} FROM people ORDER BY created")]

    def person(self, id_or_name: str) -> Member | None:
        row = self._db.execute(
            f"SELECT {_MEMBER} FROM people WHERE id = ? OR same_as = ?", (id_or_name, id_or_name.strip().casefold())
        ).fetchone()
        return None if row is None else _member(row)

    def session(self, token: str) -> Member | None:
        """Whoever holds it."""
        now, hashed = self._clock(), _hash(token)
        row = self._db.execute(
            f"SELECT {_MEMBER}, s.seen FROM sessions s JOIN people ON people.id = s.person WHERE s.hash = ?", (hashed,)
        ).fetchone()
        if row is None or now - row[-1] > SESSION_DAYS * DAY_S:
            return None
        if now - row[-1] > DAY_S:
            self._db.execute("UPDATE sessions SET seen = ? WHERE hash = ?", (now, hashed))
        return _member(row)

    def sign_out(self, token: str) -> None:
        self._db.execute("DELETE FROM sessions WHERE hash = ?", (_hash(token),))

    def remove(self, person: str) -> None:
        """Sign somebody out everywhere and forget their name. What they made keeps its rights."""
        of_theirs = "many = 0 AND id = (SELECT invitation FROM people WHERE id = ?)"
        with transaction(self._db):
            self._db.execute(f"UPDATE invitations SET name = '' WHERE {of_theirs}", (person,))
            self._db.execute("DELETE FROM sessions WHERE person = ?", (person,))
            self._db.execute("DELETE FROM people WHERE id = ?", (person,))
            self._db.execute("DELETE FROM invitations WHERE person = ?", (person,))
        empty_log(self._db)

    # Threads

    def rights(self, thread: str) -> ThreadRights | None:
        """None where the thread is not known."""
        row = self._db.execute("SELECT owner, sharing FROM threads WHERE thread = ?", (thread,)).fetchone()
        return None if row is None else ThreadRights(row[0], Sharing(row[1]))

    def all_rights(self) -> Mapping[str, ThreadRights]:
        rows = self._db.execute("SELECT thread, owner, sharing FROM threads")
        return {thread: ThreadRights(owner, Sharing(sharing)) for thread, owner, sharing in rows}

    def own(self, thread: str, person: str) -> ThreadRights:
        """Make a thread somebody's, unless it is another's already; returns whose it is."""
        self._db.execute("INSERT OR IGNORE INTO threads VALUES (?, ?, ?)", (thread, person, Sharing.PRIVATE.value))
        rights = self.rights(thread)
        assert rights is not None
        return rights

    def adopt(self, thread: str, sharing: Sharing) -> None:
        """Note a thread that is nobody's, unless it is known."""
        self._db.execute("INSERT OR IGNORE INTO threads VALUES (?, '', ?)", (thread, sharing.value))

    def share(self, thread: str, person: str, sharing: Sharing) -> bool:
        """False where the thread is not theirs."""
        changed = self._db.execute(
            "UPDATE threads SET sharing = ? WHERE thread = ? AND owner = ?", (sharing.value, thread, person)
        )
        return changed.rowcount > 0


_INVITATION = "id, role, name, many, used, expires, revoked, person"
_MEMBER = "people.id, people.name, people.role, people.invitation"


def _invitation(row: tuple[str, str, str, int, int, float, int, str | None]) -> Invitation:
    id, role, name, many, used, expires, revoked, person = row
    return Invitation(id, House(role), name, bool(many), used, expires, bool(revoked), person)


def _member(row: tuple[str, ...]) -> Member:
    return Member(row[0], row[1], House(row[2]), row[3])


class People:
    """The register for the program: the same, beside the event loop."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="people")

    @classmethod
    async def open(cls, path: Path) -> People:
        """
        Raises:
            StoreError: the file cannot be opened.
        """
        return cls(await asyncio.get_running_loop().run_in_executor(None, Register, path))

    async def ask(self, question: Callable[[Register], R]) -> R:
        """
        Raises:
            StoreError: the database refuses.
            What the question raises.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, question, self.register)
        except sqlite3.Error as error:
            raise StoreError(database_sentence(error)) from error

    async def close(self) -> None:
        await self.ask(Register.close)
        self._executor.shutdown()
