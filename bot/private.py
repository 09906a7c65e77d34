"""Only the person who runs Easel reads what Easel keeps: rights of new files, and of those that are there already."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

OTHERS = 0o077
"""Every right of the group and of all others."""
DATABASES = ("easel.db", "jobs.db", "memory.db", "people.db", "slack.db")
"""Every database of a home: closed to others, looked at by doctor, in each backup."""
OWN_FILES = ("easel.", *DATABASES)
OWN_FOLDERS = ("pictures", "cache", "terminal", "marking")
RESTORING = ".restoring-"
"""How the folder begins that a backup is unpacked in."""


@contextmanager
def alone() -> Iterator[None]:
    """What this process and its children create meanwhile is nobody else's to read, whoever creates it: SQLite's
    side files, downloads, exports, sockets, workers."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def repair(root: Path) -> int:
    """Take the rights of others from a home that was made with them; returns from how many files and folders.

    Only what Easel makes there is touched, so that a home in a folder with other things changes nothing else; links
    are not followed. A folder that everybody shares (`/tmp`, somebody's home directory) stays as it is itself.
    """
    closed = 0
    for path in _open_to_others(root):
        try:
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)
            closed += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("%s can be read by others and could not be closed: %s", path, error.strerror)
    return closed


def readable_by_others(root: Path) -> list[Path]:
    """What `repair` would close, the outermost first."""
    return list(_open_to_others(root))


def planted(root: Path) -> Path | None:
    """A link in the home, under one of Easel's names, that another user made: what is written there would go where they
    want it. The host's own links (pictures on another disk) are none."""
    if not root.is_dir():
        return None
    for path in sorted(root.iterdir()):
        if path.name.startswith((*OWN_FILES, *OWN_FOLDERS)):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), 0):
                return path
    return None


def is_open(path: Path) -> bool:
    """Whether the group or others have any right on it; False where there is nothing, or a link."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & OTHERS)


def readable_file(path: Path) -> bool:
    """Whether the group or others can read a file, wherever links lead to; False where there is none."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _open_to_others(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        return
    root = root.resolve()  # a home may be a link to another disk: the folder it leads to is the home
    was_open = is_open(root)
    if was_open and not _shared(root):
        yield root
    for path in sorted(root.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            if path.name in OWN_FOLDERS or path.name.startswith(RESTORING):
                yield from _folder(path, was_open, top=True)
        elif path.name.startswith(OWN_FILES) and is_open(path):
            yield path


def _folder(folder: Path, was_open: bool, *, top: bool = False) -> Iterator[Path]:
    """A folder that was closed, in folders that were closed, kept its files from others: its many files are not
    looked at again at every start."""
    if is_open(folder):
        was_open = True
        yield folder
    if not (was_open or top):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _folder(Path(entry.path), was_open)
            elif was_open and not entry.is_symlink() and is_open(Path(entry.path)):
                yield Path(entry.path)


def _shared(root: Path) -> bool:
    """A folder that is not Easel's alone: everybody's (sticky), or one that somebody's home directory lies in."""
    try:
        person = Path.home().resolve()
    except RuntimeError:
        person = root / "-"
    return bool(root.stat().st_mode & stat.S_ISVTX) or root == person or root in person.parents
