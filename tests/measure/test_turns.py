"""The bench runs on the real store and names its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.store.store import SqliteStore
from handlers.ports import Store
from measure.turns import turns_figures
from tests.fakes import FolderFiles


@pytest.mark.slow
async def test_the_figures_of_the_chat_core(tmp_path: Path) -> None:
    opened: list[SqliteStore] = []

    async def open_store(home: Path) -> Store:
        opened.append(await SqliteStore.open(home / "easel.db", FolderFiles(home / "pictures")))
        return opened[0]

    figures = await turns_figures(open_store, tmp_path, seconds=0.1, long_thread=40)
    assert {"turns.per_s.1", "turns.per_s.1000", "turns.p99_ms", "turns.growth"} <= set(figures)
    assert all(value >= 0 for value in figures.values())
    assert not await opened[0].open_turns()
    await opened[0].close()
