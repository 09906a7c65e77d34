"""A program of the host's own: one JSON object on its standard input, one on its standard output.

In:  {"version": 1, "kind": "description", "text": "…", "picture": "base64 of the file, or null"}
Out: {"findings": [{"category": "sexual", "weight": "clear", "why": "for the log"}]}

It is started for each judgement, in a process group of its own that is killed with it when its time is over.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from typing import Any, Final

from bot.settings import PREFIX
from handlers.moderation.model import Category, Finding, Subject, Weight
from handlers.ports import ModeratorUnavailable

VERSION: Final = 1
MOST_AT_ONCE: Final = 4
LONGEST_ANSWER: Final = 1 << 16
LONGEST_WHY: Final = 200
MOST_FINDINGS: Final = 50
WEIGHTS: Final = {weight.name.lower(): weight for weight in Weight}


class HostProgram:
    """
    Args:
        command: The program and its arguments; no shell reads them. What it writes to its standard error goes to
            Easel's own. It gets no setting of Easel's: those hold tokens and keys.
        timeout_s: Of one judgement, from its start on.
    """

    name = "program"

    def __init__(self, command: Sequence[str], *, timeout_s: float) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def look(self, subject: Subject) -> Sequence[Finding]:
        """
        Raises:
            ModeratorUnavailable: it cannot be started, fails, takes too long, or answers what cannot be read.
        """
        picture = None if subject.picture is None else base64.b64encode(subject.picture).decode()
        question = {"version": VERSION, "kind": subject.kind.value, "text": subject.text, "picture": picture}
        async with self._room:
            return _read(await self._run(json.dumps(question).encode()), self.name)

    async def _run(self, question: bytes) -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                start_new_session=True, env=environment,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ModeratorUnavailable(f"it cannot be started ({type(error).__name__})") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                answer, _ = await asyncio.gather(_answer(process), _ask(process, question))
                status = await process.wait()
        except TimeoutError:
            raise ModeratorUnavailable(f"no answer in {self._timeout_s:g} s; it was killed") from None
        finally:
            _kill_group(process.pid)
            _let_go(process)
            await asyncio.shield(process.wait())
        if status != 0:
            raise ModeratorUnavailable(f"it ended with status {status}")
        return answer


async def _ask(process: asyncio.subprocess.Process, question: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer without reading to the end
        process.stdin.write(question)
        await process.stdin.drain()
    process.stdin.close()


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    data = bytearray()
    while part := await process.stdout.read(LONGEST_ANSWER):
        data += part
        if len(data) > LONGEST_ANSWER:
            raise ModeratorUnavailable(f"it answers with more than {LONGEST_ANSWER // 1024} KiB")
    return bytes(data)


def _let_go(process: asyncio.subprocess.Process) -> None:
    """Close its pipes: asyncio counts a process as ended only when they are, and one that said more than was read, or
    handed its output to another, would be waited for without end."""
    process._transport.close()  # type: ignore[attr-defined]  # nothing public closes them


def _kill_group(group: int) -> None:
    """What it has started too: nothing of it goes on by itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _read(answer: bytes, name: str) -> list[Finding]:
    try:
        found = json.loads(answer)["findings"]
        if not isinstance(found, list) or len(found) > MOST_FINDINGS:
            raise ValueError("findings is no list, or a very long one")
        return [_finding(one, name) for one in found]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModeratorUnavailable(f"its answer cannot be read ({type(error).__name__})") from error


def _finding(one: dict[str, Any], name: str) -> Finding:
    if not isinstance(one, dict):
        raise TypeError("a finding is an object")
    why = " ".join(str(one.get("why", "")).split())[:LONGEST_WHY]
    return Finding(Category(one["category"]), WEIGHTS[one["weight"]], name, why)
