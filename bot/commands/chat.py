"""`easel chat`: a session in the terminal, or a script of messages with one JSON object a turn."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot import logs
from bot.app import Program, program
from bot.chats.terminal import Answered, Screen, Silent, TerminalChat, segment
from bot.cli import CommandFailed
from bot.settings import load_settings
from handlers.model import (
    NOWHERE,
    Attachment,
    File,
    Incoming,
    Person,
    PicturePart,
    SlotState,
    TextPart,
    ThreadKey,
    TurnState,
)
from imaging.tasks import Tasks

HELP = """Write what you would like to see, then what to change: "the second one, but at night".
  /attach FILE [words]   bring a picture along
  /help                  the commands
  /quit                  leave (Ctrl-D does the same)"""


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(home=arguments.home, llm_base_url=arguments.llm, engine=arguments.engine)
    logs.set_up("WARNING" if settings.log_level == "INFO" else settings.log_level)
    lines = read_script(arguments.script) if arguments.script else None
    return asyncio.run(_run(arguments, settings, lines))


def read_script(name: str) -> list[str]:
    """One message a line; a line may be empty, a last line break ends the last message."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read ({error.strerror}).") from None
    lines = data.decode("utf-8", "replace").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


async def _run(arguments: argparse.Namespace, settings: Any, lines: list[str] | None) -> int:
    async with program(settings) as running:
        session = Session(running, json_lines=arguments.json)
        if lines is None:
            await session.interact()
        else:
            for line in lines:
                await session.turn(line)
    return 1 if session.nothing_worked else 0


class Session:
    """One thread at one terminal."""

    def __init__(self, running: Program, *, json_lines: bool) -> None:
        self._running = running
        self._json = json_lines
        self._turn = 0
        self._failed = 0
        self._name = secrets.token_hex(6)
        self._thread = ThreadKey("terminal", NOWHERE, "local", self._name)
        self._tasks = Tasks()
        self._saving: dict[Path, asyncio.Task[None]] = {}
        self._folder = running.parts.home.root / "terminal" / self._name
        user = _user()
        self._person = Person(user, user, admin=True, moderator=True)
        make: Callable[[], Screen | Silent] = Silent if json_lines else (lambda: Screen(self._save))
        self.chat = TerminalChat(make, self._write)
        running.attach(self.chat)

    def _save(self, part: PicturePart) -> str:
        """Where the picture's copy for people is written; it is there when its turn has ended."""
        assert part.sha256 is not None
        target = self._folder / f"{part.number}.png"
        if target not in self._saving and not target.exists():
            self._saving[target] = self._tasks.spawn(self._write_copy(part.sha256, target), f"picture {part.number}")
        return str(target)

    async def _write_copy(self, sha256: str, target: Path) -> None:
        data = await self._running.parts.marking.copy(sha256)
        await asyncio.to_thread(_write_whole, target, data)

    async def _saved(self) -> None:
        await asyncio.gather(*self._saving.values(), return_exceptions=True)  # the tasks' owner logs what failed
        self._saving.clear()

    def _write(self, file: File) -> str:
        """A file that a command answers with; one of that name from before is kept."""
        name = Path(Path(file.name).name)
        names = (name.name, *(f"{name.stem}-{at}{name.suffix}" for at in range(2, 10_000)))
        target = next(path for path in (self._folder / one for one in names) if not path.exists())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        return str(target)

    async def turn(self, text: str, attachments: tuple[Attachment, ...] = ()) -> None:
        """Send one message and wait for its whole answer."""
        self._turn += 1
        answered = self.chat.begin()
        event = f"terminal:{self._name}:{self._turn}"
        incoming = Incoming(event, self._thread, self._person, text, attachments)
        await self._running.parts.handlers.receive(incoming)
        await self._running.desk.settle()  # what a command has begun is part of its answer
        self._failed += await self._has_failed(answered)
        told = await self._object(answered) if self._json else None
        await self._saved()
        if told is not None:
            print(json.dumps(told, ensure_ascii=False), flush=True)

    @property
    def nothing_worked(self) -> bool:
        """Whether there were messages and every one of them failed."""
        return 0 < self._turn == self._failed

    async def _has_failed(self, answered: Answered) -> bool:
        """Whether a message was refused, the model gave it no answer, or none of its pictures could be made."""
        if answered.reply is None:
            return answered.refused
        pictures = [part for part in answered.parts if isinstance(part, PicturePart)]
        if pictures:
            return all(part.state is SlotState.FAILED for part in pictures)
        turn = await self._running.parts.store.turn(answered.reply.turn)
        return turn is not None and turn.state in (TurnState.FAILED, TurnState.DECLINED)

    async def _object(self, answered: Answered) -> dict[str, Any]:
        total = answered.elapsed()
        return {
            "turn": self._turn,
            "text": "".join(part.text for part in answered.parts if isinstance(part, TextPart)),
            "segments": [segment(part) for part in answered.parts],
            "pictures": [
                await self._picture(part)
                for part in answered.parts
                if isinstance(part, PicturePart) and part.state is SlotState.READY
            ],
            "files": answered.files,
            "timings": {
                "first_text_s": _rounded(answered.first_text_s),
                "first_picture_s": _rounded(answered.first_picture_s),
                "total_s": _rounded(total),
            },
        }

    async def _picture(self, part: PicturePart) -> dict[str, Any]:
        stored = await self._running.parts.store.picture(self._thread, part.number)
        recipe = stored.recipe.to_json() if stored and stored.recipe else None
        return {
            "id": part.number,
            "operation": part.operation.value,
            "parents": list(part.parents),
            "path": self._save(part),
            "recipe": recipe,
        }

    async def interact(self) -> None:
        """Read messages until the end of input."""
        print(HELP, flush=True)
        while True:
            try:
                line = (await asyncio.to_thread(input, "\n> ")).strip()
            except EOFError:
                return
            if line in ("/quit", "/exit"):
                return
            if line in ("", "/help"):
                print(HELP, flush=True)
            if line == "/attach" or line.startswith("/attach "):
                await self._attach(line.removeprefix("/attach ").strip())
            elif line:
                await self.turn(line)

    async def _attach(self, rest: str) -> None:
        name, _, words = rest.partition(" ")
        path = Path(name)
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            print(f"{name} cannot be read ({error.strerror}).", flush=True)
            return
        await self.turn(words.strip(), (Attachment(path.name, data),))


def _write_whole(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(target)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "you"  # a container's user may have no name
