"""EASEL_HOME: where things lie in it, and that only one program uses it at a time."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bot import private
from bot.cli import CommandFailed

log = logging.getLogger(__name__)


class Home:
    """The folders and files of one home; nothing is created before `claim`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "easel.db"
        self.ledger = root / "jobs.db"
        self.people = root / "people.db"
        self.pictures = root / "pictures"
        self.cache = root / "cache"
        self.rules = root / "moderation"
        """A host's own word rules, where there are any."""
        self.half = root / "easel.restoring"
        """There while a backup's files are moved into the home."""
        self._lock: IO[str] | None = None

    @property
    def models(self) -> Path:
        """For unpacked model weights: the person's cache folder, shared by all homes; where that cannot be
        written, this home's own."""
        shared = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "easel"
        try:
            shared.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            return self.cache
        return shared if os.access(shared, os.W_OK | os.X_OK) else self.cache

    @property
    def half_restored(self) -> bool:
        """Whether a restore was killed while it moved files."""
        return self.half.exists()

    @contextmanager
    def claim(self, *, restoring: bool = False) -> Iterator[None]:
        """Own the home until the block ends; the lock goes with the process, however it ends. What others could read
        in it is closed, and what a killed restore had unpacked is deleted. `restoring`: half a restore is no hindrance.

        Raises:
            CommandFailed: another program owns it, it cannot be written, or it holds half a backup.
        """
        import fcntl
        import shutil

        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (link := private.planted(self.root)) is not None:
                raise CommandFailed(f"{link} is a link that another user made; look into it, then remove it.")
            lock = os.fdopen(os.open(self.root / "easel.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")
        except OSError as error:
            raise CommandFailed(
                f"{self.root} cannot be written ({error.strerror}); choose another folder with --home or EASEL_HOME."
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                lock.seek(0)
                owner = lock.readline(20).strip() or "unknown"
                raise CommandFailed(
                    f"Easel already runs with {self.root} (process {owner}); stop it, or use another --home."
                ) from None
            self._lock = lock
            if self.half_restored and not restoring:
                raise CommandFailed(f"{self.root} holds half a backup; run `easel restore` with it again.")
            self._note(str(os.getpid()))
            for unpacked in self.root.glob(f"{private.RESTORING}*"):
                shutil.rmtree(unpacked, ignore_errors=True)  # it refuses links
            if closed := private.repair(self.root):
                log.info("other users of this machine can no longer read %d files and folders of %s", closed, self.root)
            try:
                yield
            finally:
                self._lock = None

    def announce(self, url: str) -> None:
        """Let others (doctor) know where the program that owns this home can be asked."""
        self._note(f"{os.getpid()}\n{url}")

    def _note(self, text: str) -> None:
        if self._lock is not None:
            self._lock.seek(0)
            self._lock.truncate()
            self._lock.write(text)
            self._lock.flush()

    def running(self) -> str | None:
        """Where the program that owns this home now can be asked; empty when it does not tell, None when nobody
        owns it."""
        import fcntl

        try:
            with (self.root / "easel.lock").open("r+") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return lock.read(500).partition("\n")[2].strip()
        except OSError:
            return None
        return None
