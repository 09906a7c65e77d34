"""Writing a backup, also while Easel runs: databases by SQLite's online backup, then the picture files."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from bot.backups import sealed
from bot.backups.contents import FIRST, LAST, PASSING_TOKENS, WITH_TOKENS, Contents, last
from bot.cli import CommandFailed, version
from bot.home import Home
from bot.private import DATABASES
from imaging.sqlite import copy_to, open_present


@dataclass(frozen=True, slots=True)
class Written:
    """What went into a backup."""

    contents: Contents
    pictures: int

    @property
    def files(self) -> int:
        return len(self.contents.databases) + self.pictures


def write_backup(home: Home, output: Path, *, tokens: bool = True, passphrase: str | None = None) -> Written:
    """Write the archive; it appears under its name when it is whole. Databases first: their pictures exist by then.

    Args:
        tokens: False leaves out what opens other people's workspaces; Slack's apps are installed again then.
        passphrase: encrypts everything.

    Raises:
        CommandFailed: there is nothing to copy, or it cannot be written.
    """
    if not home.database.exists():
        raise CommandFailed(f"There is nothing in {home.root} yet.")
    if passphrase is not None:
        sealed.check_passphrase(passphrase)
    written: list[Written] = []

    def pour(target: sealed.Writes) -> None:
        written.append(_pour(home, target, tokens=tokens))

    try:
        with _new_file(output) as target:
            if passphrase is None:
                pour(target)
            else:
                sealed.seal(pour, target, passphrase)
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"The backup could not be written ({error}).") from None
    return written[0]


@contextlib.contextmanager
def _new_file(output: Path) -> Iterator[IO[bytes]]:
    """A file that takes the name when the block ends well: what had it before stays until then, and rights of an
    earlier backup under that name are not inherited."""
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name[:100]}-", suffix=".part")
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _pour(home: Home, target: sealed.Writes, *, tokens: bool) -> Written:
    with (
        tempfile.TemporaryDirectory(prefix="easel-backup-") as folder,
        tarfile.open(fileobj=cast(IO[bytes], target), mode="w|") as archive,
    ):
        copies = [_copy(home.root / name, Path(folder) / name, tokens=tokens) for name in DATABASES
                  if (home.root / name).exists() and (tokens or name not in WITH_TOKENS)]  # fmt: skip
        contents = Contents(
            databases={copy.name: _sha256(copy) for copy in copies},
            tokens=tokens,
            slack_workspaces=_workspaces(Path(folder) / "slack.db"),
            version=version(),
            made=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        _add(archive, FIRST, contents.to_bytes())
        for copy in copies:
            archive.add(copy, copy.name, filter=_nobodys)
        pictures = 0
        for file in sorted(home.pictures.rglob("*.bin")):
            # Files that are just being written have a leading dot; the finished ones never change.
            if not file.name.startswith(".") and not file.is_symlink() and file.is_file():
                with contextlib.suppress(FileNotFoundError):  # deleted since it was listed: its row is too
                    archive.add(file, file.relative_to(home.root).as_posix(), filter=_nobodys)
                    pictures += 1
        _add(archive, LAST, last(pictures))
    return Written(contents, pictures)


def _copy(source: Path, target: Path, *, tokens: bool) -> Path:
    with closing(open_present(source, busy_s=5)) as reading:
        copy_to(reading, target)
    if not tokens and source.name == "memory.db":
        with closing(open_present(target, write=True)) as writing:
            writing.execute("PRAGMA secure_delete = ON")
            with writing:
                writing.execute(PASSING_TOKENS)
            writing.execute("VACUUM")  # what was deleted before lies in free pages no longer
    return target


def _workspaces(slack: Path) -> int:
    if not slack.exists():
        return 0
    try:
        with closing(open_present(slack, busy_s=5)) as connection:
            return int(connection.execute("SELECT count(DISTINCT team_id) FROM slack_bots").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # nobody has installed the app yet


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(_nobodys(member), io.BytesIO(data))


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of this machine's users, and closed for others wherever it is unpacked."""
    member.uname = member.gname = ""
    member.uid = member.gid = 0
    member.mode = 0o600
    return member


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
