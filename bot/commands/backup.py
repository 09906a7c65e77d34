"""`easel backup OUT.tar` copies databases and picture files, also while Easel runs; `easel restore BACKUP.tar` brings
them into an empty home."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from bot import audit
from bot.backups.reading import Unpacked, restore_backup
from bot.backups.writing import Written, write_backup
from bot.cli import CommandFailed
from bot.home import Home
from bot.settings import Settings, load_settings


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(home=arguments.home)
    home = Home(settings.home)
    if arguments.command == "backup":
        passphrase = _new_passphrase(settings) if arguments.encrypt else _set_passphrase(settings)
        written = write_backup(
            home, Path(arguments.output), tokens=not arguments.without_tokens, passphrase=passphrase
        )  # fmt: skip
        audit.note_by_host(home.database, "backup")
        print(f"{arguments.output}: {written.files} files of {home.root}")
        print(_holds(written, encrypted=passphrase is not None))
    else:
        found = restore_backup(
            Path(arguments.backup), home, lambda: _set_passphrase(settings) or _asked("Passphrase: ")
        )
        audit.note_by_host(home.database, "restore")
        print(f"{home.root}: {found.files} files restored")
        for sentence in _missing(found):
            print(sentence)
    return 0


def backup(home: Home, output: Path) -> int:
    """A plain one; returns how many files of the home are in it.

    Raises:
        CommandFailed: there is nothing to copy, or it cannot be written.
    """
    return write_backup(home, output).files


def restore(archive: Path, home: Home) -> int:
    """A plain one; returns how many files it brought.

    Raises:
        CommandFailed: see `restore_backup`.
    """
    return restore_backup(archive, home, lambda: _asked("Passphrase: ")).files


def _holds(written: Written, *, encrypted: bool) -> str:
    """What whoever has the file has."""
    teams = written.contents.slack_workspaces
    tokens = f", {written.pictures} pictures"
    if teams:
        tokens += f" and the Slack tokens of {teams} workspace{'s' if teams > 1 else ''}"
    said = f"It holds everything that was said{tokens}"
    if encrypted:
        return f"{said}, encrypted: without the passphrase nobody reads it, you neither."
    ways = " --without-tokens leaves those out," if teams else ""
    return f"{said}, for anybody who can read the file.{ways} --encrypt asks for a passphrase."


def _missing(found: Unpacked) -> list[str]:
    said = []
    if found.damaged:
        said.append(f"{found.damaged} pictures were damaged in the backup and were left out.")
    if found.contents is not None and not found.contents.tokens:
        said.append("The backup was made without tokens: where Slack's app was installed by OAuth, install it again.")
    return said


def _set_passphrase(settings: Settings) -> str | None:
    return settings.backup_passphrase.get_secret_value() or None


def _new_passphrase(settings: Settings) -> str:
    if (found := _set_passphrase(settings)) is not None:
        return found
    passphrase = _asked("Passphrase: ")
    if _asked("Once more: ") != passphrase:
        raise CommandFailed("These were two different passphrases; nothing was written.")
    return passphrase


def _asked(prompt: str) -> str:
    """
    Raises:
        CommandFailed: nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise CommandFailed("A passphrase is needed: set EASEL_BACKUP_PASSPHRASE, or run this in a terminal.")
    return getpass.getpass(prompt)
