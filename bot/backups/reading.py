"""Reading a backup that may come from anybody: only what Easel writes is taken, under names that we make ourselves.

Nothing of the archive decides where a file goes: a member's name is compared with the few that there can be, links and
all other kinds are refused, and bytes must be what their hash says.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from bot.backups import sealed
from bot.backups.contents import (
    FIRST,
    LAST,
    MOST_DATABASE,
    MOST_PICTURE,
    MOST_TEXT,
    PICTURE,
    Contents,
    pictures_in,
)
from bot.cli import CommandFailed
from bot.home import Home
from bot.private import DATABASES, RESTORING
from bot.store.migrations import migrate
from imaging.sqlite import in_memory, open_present

KEEP_FREE = 64 * 2**20
"""Bytes of disk that a restore leaves free."""
_PIECE = 2**20
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


@dataclass(slots=True)
class Unpacked:
    """What was taken out of an archive."""

    databases: dict[str, str] = field(default_factory=dict)
    """SHA-256 by name."""
    pictures: set[str] = field(default_factory=set)
    damaged: int = 0
    """Pictures that are not what their name says; they were left out."""
    contents: Contents | None = None
    counted: int | None = None

    @property
    def files(self) -> int:
        return len(self.databases) + len(self.pictures)


def restore_backup(archive: Path, home: Home, passphrase: Callable[[], str]) -> Unpacked:
    """Unpack a backup into an empty home. `passphrase` is asked for where the backup is encrypted.

    Raises:
        CommandFailed: the home is in use or not empty, the passphrase is another one, or the archive is damaged or not
            one of ours. Nothing was put into the home then.
    """
    with home.claim(restoring=True):
        _make_room(home)
        try:
            with tempfile.TemporaryDirectory(dir=home.root, prefix=RESTORING) as name:
                folder = Path(name) / "home"
                folder.mkdir()
                unpacked = _unpack(_opened(archive, Path(name) / "backup.tar", passphrase), folder, archive)
                _check(unpacked, folder, archive)
                _move(folder, home)
        except OSError as error:
            raise CommandFailed(f"{archive} could not be restored ({error.strerror or error}).") from None
    return unpacked


def _make_room(home: Home) -> None:
    """Take away what a restore that was killed while it moved files had put there; anything else stays.

    Raises:
        CommandFailed: the home is not empty.
    """
    if home.half_restored:
        for name in DATABASES:
            (home.root / name).unlink(missing_ok=True)
        shutil.rmtree(home.pictures, ignore_errors=True)
    elif any(path.name != "easel.lock" for path in home.root.iterdir()):
        raise CommandFailed(f"{home.root} is not empty; restore into an empty folder with --home.")


def _move(folder: Path, home: Home) -> None:
    """From where it was unpacked into the home. Until the mark is gone no program starts with half of it."""
    os.sync()
    home.half.touch()
    for path in folder.iterdir():
        path.rename(home.root / path.name)
    os.sync()
    home.half.unlink()


def _opened(archive: Path, plain: Path, passphrase: Callable[[], str]) -> Path:
    """The archive itself, or what is in it, decrypted beside where it is unpacked."""
    if not sealed.is_sealed(archive):
        return archive
    sealed.unseal(archive, plain, passphrase())
    return plain


def _unpack(path: Path, folder: Path, archive: Path) -> Unpacked:
    found = Unpacked()
    with path.open("rb") as file:
        if file.read(6).startswith(_COMPRESSED):
            raise CommandFailed(f"{archive} is compressed; unpack it first (gunzip, xz -d …).")
        file.seek(0)
        try:
            with tarfile.TarFile(fileobj=_Careful(file), mode="r") as members:
                while (member := members.next()) is not None:
                    members.members.clear()  # type: ignore[attr-defined]  # a million heads stay small in memory
                    if not member.isdir():
                        _take(members, member, folder, found, archive)
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
            raise CommandFailed(f"{archive} could not be restored ({str(error)[:200]}).") from None
    return found


def _take(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, found: Unpacked, archive: Path) -> None:
    """One member; `folder` gets a file of a name that is ours.

    Raises:
        CommandFailed: it is none that a backup has.
    """
    name = member.name.removeprefix("./")
    picture = PICTURE.fullmatch(name)
    known = picture or name in (*DATABASES, FIRST, LAST)
    if not known or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise CommandFailed(f"{archive} is not a backup of Easel, or somebody changed it: {name[:100]!r} is in it.")
    most = MOST_PICTURE if picture else MOST_DATABASE if name in DATABASES else MOST_TEXT
    twice = name in found.databases or (picture and picture[2] in found.pictures)
    if twice or not 0 <= member.size <= min(most, shutil.disk_usage(folder).free - KEEP_FREE):
        why = "is in it twice" if twice else "is larger than it can be, or than the free disk"
        raise CommandFailed(f"{archive} could not be restored: {name[:100]} {why}.")
    if name == FIRST:
        found.contents = Contents.from_bytes(_bytes(members, member))
    elif name == LAST:
        found.counted = pictures_in(_bytes(members, member))
    elif picture:
        target = folder / "pictures" / picture[1] / f"{picture[2]}.bin"
        target.parent.mkdir(parents=True, exist_ok=True)
        if _write(members, member, target) == picture[2]:
            found.pictures.add(picture[2])
        else:
            target.unlink()
            found.damaged += 1
    else:
        found.databases[name] = _write(members, member, folder / name)


def _bytes(members: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = members.extractfile(member)
    return b"" if source is None else source.read()


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> str:
    """Copy a member's bytes into a new file; returns their SHA-256."""
    digest = hashlib.sha256()
    source = members.extractfile(member)
    assert source is not None
    with target.open("xb") as file:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _check(found: Unpacked, folder: Path, archive: Path) -> None:
    """
    Raises:
        CommandFailed: something is missing, is not what the backup says of itself, or cannot be used.
    """
    if "easel.db" not in found.databases:
        raise CommandFailed(f"{archive} is not a backup of Easel.")
    if found.contents is not None:
        if found.databases != dict(found.contents.databases):
            raise CommandFailed(f"{archive} is damaged: its databases are not those that were put into it.")
        if found.counted != len(found.pictures) + found.damaged:
            raise CommandFailed(f"{archive} was cut off: pictures are missing at its end.")
    for name in found.databases:
        if (wrong := _problem(folder / name)) is not None:
            raise CommandFailed(f"{archive} is damaged: {name} in it cannot be used ({wrong}).")


def _problem(database: Path) -> str | None:
    """Why a database cannot be used; None when it can. Easel's have tables and indexes, and what `_own` knows word for
    word: any other view, trigger or virtual table would be somebody else's program."""
    try:
        with closing(open_present(database, immutable=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            foreign = _programs(connection) - _own()
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        return str(error)
    if said != "ok":
        return said
    return f"{min(foreign)[0][:60]!r} is none of Easel's tables" if foreign else None


def _programs(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Names and words of all that does something by itself when a database is used."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE '%VIRTUAL%'"
    )
    return frozenset((str(name), str(sql)) for name, sql in found)


@cache
def _own() -> frozenset[tuple[str, str]]:
    """Those of Easel's newest schema; older ones have some of them, as no migration is edited."""
    with closing(in_memory()) as connection:
        migrate(Database(connection))
        return _programs(connection)


class _Careful(io.RawIOBase):
    """A file for tarfile, which reads what a head asks for in one piece: a head of gigabytes is no backup's."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(place, whence)

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= 4 * _PIECE:
            raise tarfile.ReadError("a part of it has an impossible length")
        return self._file.read(size)
