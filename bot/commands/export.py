"""`easel export`: lists threads, or writes one thread as a zip, a PDF, slides or one page."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path

from bot import audit
from bot.cli import CommandFailed
from bot.home import Home
from bot.marking.build import marks
from bot.settings import Settings, load_settings
from bot.store.store import SqliteStore
from handlers.errors import UserError
from handlers.export.command import Wanted
from handlers.export.command import export as exported
from handlers.export.documents.formats import FORMS, Format
from handlers.export.parts import Exported
from handlers.model import ThreadKey
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
    format = Format(arguments.format)
    if arguments.each is not None and format is not Format.PDF:
        raise CommandFailed("Only a PDF has 1 or 4 pictures on each page: --format pdf --each 4.")
    key = parse_key(arguments.thread)
    wanted = Wanted(key, format, arguments.each or 1, names=not arguments.without_names)
    thread = re.sub(r"[^\w.-]", "_", key.thread)
    output = Path(arguments.output or f"easel-{thread}.{FORMS[format].ending}")
    found = asyncio.run(export(settings, wanted))
    output.write_bytes(found.files[0].data)
    audit.note_by_host(home.database, "export")
    for remark in found.remarks:
        print(remark, file=sys.stderr)
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
    """One line a thread of every chat: key, number of pictures, title."""
    store = await SqliteStore.open(home.database, PictureFiles(home.pictures))
    try:
        rows = await store.all_threads()
    finally:
        await store.close()
    return [f"{row.key}\t{row.pictures} pictures\t{' '.join(row.title.split())}" for row in rows]


async def export(settings: Settings, wanted: Wanted) -> Exported:
    """All of a thread in one file, however large.

    Raises:
        CommandFailed: there is no such thread, or it could not be made.
    """
    home = Home(settings.home)
    store = await SqliteStore.open(home.database, PictureFiles(home.pictures))
    marking = await marks(settings, home.root, store)
    try:
        if not await store.turns(wanted.thread, limit=1):
            raise CommandFailed(f"There is no thread {wanted.thread}; `easel export` without arguments lists them.")
        return await exported(store, marking, wanted, name="easel", progress=_progress)
    except UserError as error:
        raise CommandFailed(str(error)) from error
    finally:
        marking.close()
        await store.close()


async def _progress(done: int, of: int) -> None:
    if of >= 50 and (done % 50 == 0 or done == of):
        print(f"{done} of {of} pictures", file=sys.stderr)
