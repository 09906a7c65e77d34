"""Picture files on disk, named by what is in them: the same bytes are one file, and a name never lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")


class PictureFiles:
    """Content-addressed files below `root`, two levels deep (`ab/abcd….bin`).

    A file is complete or absent: it is written beside its place, flushed to the disk and renamed, so
    that neither a crash nor a full disk leaves half a picture. Safe to use from several threads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

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
        if place.exists():
            return sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".new-")
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
        for file in self.root.glob("??/*.bin"):
            if _NAME.fullmatch(file.stem):
                yield file.stem

    def sweep(self, wanted: Callable[[str], bool], *, older_than: float) -> int:
        """Delete files that nobody wants and unfinished ones; returns how many.

        `older_than` is a Unix time: younger files are left alone, since the row that wants them may
        not be written yet.
        """
        swept = 0
        for file in self.root.glob("??/*"):
            unwanted = file.name.startswith(".new-") or (file.suffix == ".bin" and not wanted(file.stem))
            with contextlib.suppress(FileNotFoundError):
                if unwanted and file.stat().st_mtime < older_than:
                    file.unlink()
                    swept += 1
        return swept


def _sync_folder(folder: Path) -> None:
    """Make the new name durable too; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
