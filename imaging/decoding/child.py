"""The process that decodes: limits itself, then answers one file after another until its input ends.

Frames both ways: a header of JSON and bytes, each with its length before it (4 bytes, big-endian).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import struct
import sys
from typing import IO, Any

RECYCLED_AT = 256 << 20
"""Bytes: a process that has been larger ends itself after its answer."""
FILES = 100
"""After so many files a process ends itself: what one file may have damaged does not last."""
MEMORY_REASON = "out of memory"
_LENGTHS = struct.Struct(">II")


def write_frame(to: IO[bytes], header: dict[str, Any], blob: bytes = b"") -> None:
    text = json.dumps(header).encode()
    to.write(_LENGTHS.pack(len(text), len(blob)) + text)
    to.write(blob)
    to.flush()


def read_frame(source: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """None where the other side has gone."""
    lengths = source.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    first, second = _LENGTHS.unpack(lengths)
    text, blob = source.read(first), source.read(second)
    return None if len(blob) < second else (json.loads(text), blob)


def main() -> None:
    memory, cpu_s = int(sys.argv[1]), int(sys.argv[2])
    # What a decoder prints must not end up between two frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_all(memory)
    begun = _largest()  # counts what the program had when it started this process
    for left in reversed(range(FILES)):
        asked = read_frame(sys.stdin.buffer)
        if asked is None:
            return
        header, data = asked
        _limit_file(cpu_s)
        said, blob = _answer(header, data)
        said["last"] = last = not left or _largest() > max(begun, RECYCLED_AT)
        write_frame(answers, said, blob)
        if last:
            return


def _answer(header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    from imaging.errors import BadPicture

    try:
        # Imports may fail too, where a library is missing.
        if "work" in header:
            module, _, name = header["work"].partition(":")
            return getattr(importlib.import_module(module), name)(data, **header["options"]), b""
        from imaging.decoding.uploads import read_upload

        clean = read_upload(data, **header)
    except BadPicture as error:
        return {"refused": str(error)}, b""
    except MemoryError:
        return {"reason": MEMORY_REASON}, b""
    except Exception as error:  # noqa: BLE001
        # Decoders see bytes from anybody: whatever one of them trips over is an unreadable file.
        return {"reason": repr(error)[:300]}, b""
    return {"width": clean.width, "height": clean.height, "notes": clean.notes}, clean.data


def _limit_all(memory: int) -> None:
    """No more memory than a picture needs, no files, no core dumps; everything else has the right of way."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        os.nice(10)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _limit_file(cpu_s: int) -> None:
    """So much processor time from now on."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        spent = resource.getrusage(resource.RUSAGE_SELF)
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + cpu_s, most))


def _largest() -> int:
    """The most memory that this process has held, bytes."""
    try:
        import resource
    except ImportError:
        return 0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


if __name__ == "__main__":
    main()
