"""Picture files on disk, named by what is in them: the same bytes are one file, and a name never lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".new-"


class PictureFiles:
    """Content-addressed files below `root`, two levels deep (`ab/abcd….bin`).

    A file is complete or absent: it is written beside its place, flushed to the disk and renamed, so
    that neither a crash nor a full disk leaves half a picture. Safe to use from several threads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._deciding = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Where a file lies or would lie.

        Raises:
            ValueError: `sha256` is not 64 lower-case hexadecimal digits (and so cannot leave `root`).
        """
        if not _NAME.fullmatch(sha256):
            raise ValueError(f"{sha256[:80]!r} is not the name of a picture file.")
        return self.root / sha256[:2] / f"{sha256}.bin"

    def put(self, data: bytes) -> str:
        """Keep the bytes and return their SHA-256 in hexadecimal digits.

        Raises:
            OSError: the disk is full or read-only; nothing is left behind.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        place = self.path(sha256)
        with self._deciding:
            if place.exists():
                os.utime(place)  # young again: a sweep that is under way leaves it
                return sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(place.parent)
        return sha256

    def get(self, sha256: str) -> bytes:
        """
        Raises:
            FileNotFoundError: there is no such file.
        """
        return self.path(sha256).read_bytes()

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def delete(self, sha256: str) -> bool:
        """False when it was gone already."""
        try:
            self.path(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """Every file's SHA-256, in no order."""
        for folder in self.folders():
            for file in folder.glob("*.bin"):
                if _NAME.fullmatch(file.stem):
                    yield file.stem

    # Sweeping: a crash between the file and the row that wants it leaves a file that nothing wants

    def folders(self) -> list[Path]:
        return [path for path in self.root.glob("??") if path.is_dir()]

    def old(self, folder: Path, older_than: float) -> list[str]:
        """The names of a folder's files from before a Unix time; what was not finished then is deleted."""
        names = []
        for file in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime >= older_than:
                    continue
                if file.name.startswith(_UNFINISHED):
                    file.unlink()
                elif file.suffix == ".bin" and _NAME.fullmatch(file.stem):
                    names.append(file.stem)
        return names

    def discard(self, names: Iterable[str], *, older_than: float) -> int:
        """Delete those that have not been put (again) since a Unix time; returns how many."""
        gone = 0
        for name in names:
            file = self.path(name)
            with self._deciding, contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < older_than:
                    file.unlink()
                    gone += 1
        return gone


def _sync_folder(folder: Path) -> None:
    """Make the new name durable too; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
