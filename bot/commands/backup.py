"""`easel backup OUT.tar` copies databases (SQLite's online backup, also while running) and picture files;
`easel restore BACKUP.tar` brings them into an empty home."""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from bot.cli import CommandFailed
from bot.home import Home
from bot.settings import load_settings

DATABASES = ("easel.db", "jobs.db", "memory.db", "slack.db")


def run(arguments: argparse.Namespace) -> int:
    home = Home(load_settings(home=arguments.home).home)
    if arguments.command == "backup":
        count = backup(home, Path(arguments.output))
        print(f"{arguments.output}: {count} files of {home.root}")
    else:
        count = restore(Path(arguments.backup), home)
        print(f"{home.root}: {count} files restored")
    return 0


def backup(home: Home, output: Path) -> int:
    """Write the archive and return how many files are in it. Databases first: their pictures exist by then.

    Raises:
        CommandFailed: there is nothing to copy, or it cannot be written.
    """
    if not home.database.exists():
        raise CommandFailed(f"There is nothing in {home.root} yet.")
    count = 0
    try:
        with tempfile.TemporaryDirectory(prefix="easel-backup-") as folder, tarfile.open(output, "w") as archive:
            for name in DATABASES:
                source = home.root / name
                if source.exists():
                    copy = Path(folder) / name
                    _copy_database(source, copy)
                    archive.add(copy, name)
                    count += 1
            for file in sorted(home.pictures.rglob("*")):
                # Files that are just being written have a leading dot; the finished ones never change.
                if file.is_file() and not file.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # deleted since it was listed: its row is too
                        archive.add(file, str(file.relative_to(home.root)))
                        count += 1
    except (OSError, sqlite3.Error) as error:
        output.unlink(missing_ok=True)
        raise CommandFailed(f"The backup could not be written ({error}).") from None
    return count


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)


def restore(archive_path: Path, home: Home) -> int:
    """Unpack a backup into an empty home and return how many files that were.

    Raises:
        CommandFailed: the home is in use or not empty, or the archive is damaged or not one
            of ours. Nothing was put into the home then.
    """
    with home.claim():
        if any(path.name != "easel.lock" for path in home.root.iterdir()):
            raise CommandFailed(f"{home.root} is not empty; restore into an empty folder with --home.")
        with tempfile.TemporaryDirectory(dir=home.root, prefix=".restoring-") as unpacked:
            count = _unpack(archive_path, Path(unpacked))
            for name in DATABASES:
                _check(Path(unpacked) / name, archive_path)
            for path in Path(unpacked).iterdir():
                path.rename(home.root / path.name)
    return count


def _unpack(archive_path: Path, folder: Path) -> int:
    try:
        with tarfile.open(archive_path) as archive:
            members = archive.getmembers()
            if "easel.db" not in {member.name for member in members}:
                raise CommandFailed(f"{archive_path} is not a backup of Easel.")
            # The data filter refuses absolute paths, links out of the folder and devices.
            archive.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise CommandFailed(f"{archive_path} could not be restored ({error}).") from None
    return len(members)


def _check(database: Path, archive_path: Path) -> None:
    """
    Raises:
        CommandFailed: a database that came out of the archive is damaged.
    """
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database)) as connection:
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise CommandFailed(f"{archive_path} is damaged: {database.name} in it cannot be used ({said}).")
