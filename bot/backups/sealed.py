"""A backup that only a passphrase opens, in the age format (age-encryption.org/v1), so that other tools open it too.

The file is a tar of two: `key.age`, a key of this backup alone, encrypted with the passphrase (scrypt), and
`backup.tar.age`, the backup, encrypted with that key piece by piece, so that a large one never lies in memory.
By hand: `tar xf FILE && age -d -i key.age backup.tar.age > backup.tar`.
"""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from bot.cli import CommandFailed

KEY, BODY = "key.age", "backup.tar.age"
SHORTEST = 12
"""Characters of a passphrase: the file may lie where somebody can guess for years."""
_MOST_KEY = 4096


class Writes(Protocol):
    def write(self, data: bytes, /) -> int: ...


def check_passphrase(passphrase: str) -> None:
    """
    Raises:
        CommandFailed: it is too short.
    """
    if len(passphrase) < SHORTEST:
        raise CommandFailed(f"A passphrase needs {SHORTEST} characters or more; five words that only you think of do.")


def seal(write: Callable[[Writes], None], target: IO[bytes], passphrase: str) -> None:
    """Encrypt what `write` writes, into `target` (which can be sought in). Nothing is on the disk unencrypted.

    Raises:
        Exception: what `write` or `target` raises.
    """
    import pyrage

    key = pyrage.x25519.Identity.generate()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        locked = pyrage.passphrase.encrypt(str(key).encode(), passphrase)
        member = tarfile.TarInfo(KEY)
        member.size, member.mode = len(locked), 0o600
        archive.addfile(member, io.BytesIO(locked))
    # Written by hand from here: the length is known at the end only.
    head = 512 + -(-len(locked) // 512) * 512
    target.seek(head + 512)
    target.truncate()
    _encrypt(write, target, [key.to_public()])
    body = tarfile.TarInfo(BODY)
    body.size, body.mode = target.tell() - head - 512, 0o600
    target.write(bytes(-target.tell() % 512 + 1024))
    target.seek(head)
    target.write(body.tobuf(tarfile.GNU_FORMAT))


def _encrypt(write: Callable[[Writes], None], target: IO[bytes], recipients: list[object]) -> None:
    import pyrage

    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def pour() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                write(pipe)
        except BaseException as error:  # noqa: BLE001  raised again below, where the caller is
            failed.append(error)

    pouring = threading.Thread(target=pour, name="backup")
    pouring.start()
    try:
        with os.fdopen(reading, "rb") as pipe:
            pyrage.encrypt_io(pipe, target, recipients)
    finally:
        pouring.join()
    if failed:
        raise failed[0]


def is_sealed(archive: Path) -> bool:
    """Whether it begins as `seal` does.

    Raises:
        OSError: it cannot be read.
    """
    with archive.open("rb") as file:
        return file.read(len(KEY) + 1) == KEY.encode() + b"\0"


def unseal(archive: Path, target: Path, passphrase: str) -> None:
    """Decrypt into a new file at `target`.

    Raises:
        CommandFailed: the passphrase is another one, or the file is damaged or cut off.
        OSError: it cannot be read or written.
    """
    import pyrage

    damaged = CommandFailed(f"{archive} is damaged; its encrypted part cannot be read.")
    with archive.open("rb") as file:
        head = _member(file, KEY)
        if head is None or head.size > _MOST_KEY:
            raise damaged
        locked = file.read(head.size)
        try:
            key = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(locked, passphrase).decode())
        except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
            raise CommandFailed(f"{archive} does not open with this passphrase.") from None
        file.seek(-head.size % 512, os.SEEK_CUR)
        body = _member(file, BODY)
        if body is None:
            raise damaged
        with target.open("xb") as out:
            try:
                pyrage.decrypt_io(_Part(file, body.size), out, [key])
            except (pyrage.DecryptError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:  # the disk's own trouble
                    raise
                raise damaged from None


def _member(file: IO[bytes], name: str) -> tarfile.TarInfo | None:
    try:
        member = tarfile.TarInfo.frombuf(file.read(512), "utf-8", "surrogateescape")
    except tarfile.TarError:
        return None
    return member if member.name == name and member.type == tarfile.REGTYPE and member.size >= 0 else None


class _Part(io.RawIOBase):
    """So many bytes of a file from where it stands."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
