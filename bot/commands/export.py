"""`easel export`: lists threads, or writes one thread's pictures, recipes and transcript to a zip."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot import audit
from bot.cli import CommandFailed
from bot.home import Home
from bot.marking.build import marks
from bot.settings import Settings, load_settings
from bot.store.store import SqliteStore
from handlers.export import export_session
from handlers.model import NOWHERE, ThreadKey
from imaging.files import PictureFiles


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(home=arguments.home)
    home = Home(settings.home)
    if not home.database.exists():
        raise CommandFailed(f"There is nothing in {home.root} yet.")
    if arguments.thread is None:
        for line in asyncio.run(listing(home)):
            print(line)
        return 0
    key = parse_key(arguments.thread)
    output = Path(arguments.output or f"easel-{key.thread}.zip")
    output.write_bytes(asyncio.run(export(settings, key)))
    audit.note_by_host(home.database, "export")
    print(output)
    return 0


def parse_key(text: str) -> ThreadKey:
    """The inverse of `str(key)`.

    Raises:
        CommandFailed: it is no key.
    """
    parts = text.split("/", 3)
    if len(parts) != 4:
        raise CommandFailed(f"{text!r} is no thread's key; `easel export` without arguments lists them.")
    return ThreadKey(*parts)


async def listing(home: Home) -> list[str]:
    """One line a thread of the chats on this machine: key, number of pictures, title."""
    store = await SqliteStore.open(home.database, PictureFiles(home.pictures))
    try:
        rows = [row for chat in ("web", "terminal") for row in await store.threads(chat, NOWHERE, limit=1000)]
    finally:
        await store.close()
    return [f"{row.key}\t{row.pictures} pictures\t{row.title}" for row in rows]


async def export(settings: Settings, key: ThreadKey) -> bytes:
    home = Home(settings.home)
    store = await SqliteStore.open(home.database, PictureFiles(home.pictures))
    marking = await marks(settings, home.root, store)
    try:
        if not await store.turns(key, limit=1):
            raise CommandFailed(f"There is no thread {key}; `easel export` without arguments lists them.")
        return await export_session(store, marking, key)
    finally:
        marking.close()
        await store.close()
