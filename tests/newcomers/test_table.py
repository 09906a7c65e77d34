"""Something new that is stored is a migration, a file for its table, its line among the tables and a method."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bot.store.migrations import MIGRATIONS
from bot.store.store import SqliteStore
from tests.fakes import FolderFiles, message
from tests.newcomers.tree import Tree

TABLE = '''"""What a thread is remembered by; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3

from bot.store import rows
from handlers.model import ThreadKey


class Keepsakes:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def keep(self, thread: ThreadKey, words: str) -> int:
        """How many there are then."""
        self._db.execute("INSERT INTO keepsakes VALUES (?, ?)", (rows.clean(str(thread)), words))
        if not words:
            raise OSError("nothing to keep")
        return int(self._db.execute("SELECT count(*) FROM keepsakes").fetchone()[0])
'''
MIGRATION = """def keepsakes(db: Database) -> None:
    db.conn.execute("CREATE TABLE keepsakes (thread TEXT NOT NULL, words TEXT NOT NULL)")


"""
METHOD = """    async def keep_in_mind(self, thread: ThreadKey, words: str) -> int:
        return await self._write(self._tables.keepsakes.keep, thread, words)

"""
SCRIPT = """
import asyncio, contextlib, json, pathlib, sys
from bot.store.store import SqliteStore
from handlers.errors import StoreError
from tests.fakes import THREAD, FolderFiles

async def scenario():
    store = await SqliteStore.open(pathlib.Path("old.db"), FolderFiles(pathlib.Path("pictures")))
    kept = [await store.keep_in_mind(THREAD, "the fox")]
    with contextlib.suppress(StoreError):
        await store.keep_in_mind(THREAD, "")
    kept.append(await store.keep_in_mind(THREAD, "the hen"))
    print(json.dumps({"kept": kept, "turns": len(await store.turns(THREAD))}))
    await store.close()

asyncio.run(scenario())
"""


def test_a_home_of_today_gets_a_new_table(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    last = f"    {MIGRATIONS[-1].__name__},\n"
    tree.after("bot/store/migrations.py", last, "    keepsakes,\n")
    tree.before("bot/store/migrations.py", "MIGRATIONS: ", MIGRATION)
    tree.add("bot/store/keepsakes.py", TABLE)
    tree.after(
        "bot/store/tables.py", "from bot.store.intake import Intake\n", "from bot.store.keepsakes import Keepsakes\n"
    )
    tree.after(
        "bot/store/tables.py",
        "        self.votes = Votes(connection)\n",
        "        self.keepsakes = Keepsakes(connection)\n",
    )
    tree.before("bot/store/store.py", "    # People and housekeeping\n", METHOD)
    asyncio.run(_old_home(tmp_path / "old.db"))
    assert json.loads(tree.run(SCRIPT)) == {"kept": [1, 2], "turns": 2}
    assert tree.touched == {f"bot/store/{name}.py" for name in ("keepsakes", "migrations", "store", "tables")}


async def _old_home(path: Path) -> None:
    store = await SqliteStore.open(path, FolderFiles(path.parent / "pictures"))
    await store.accept(message("hi"), asked="u1", turn="a1", uploads=[])
    await store.close()
