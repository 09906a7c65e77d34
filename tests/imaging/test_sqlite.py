"""How every database is opened, and transactions in transactions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imaging.sqlite import copy_to, open_file, open_present, transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(open_file(tmp_path / "easel.db")) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
    return tmp_path / "easel.db"


def values(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT x FROM t ORDER BY x")]


def add(connection: sqlite3.Connection, value: int, *, fail: bool = False) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        if fail:
            raise ValueError


def _two(connection: sqlite3.Connection) -> None:
    add(connection, 1)
    add(connection, 2, fail=True)


def test_a_part_that_fails_takes_nothing_else_with_it(path: Path) -> None:
    with closing(open_file(path)) as connection:
        with transaction(connection):
            add(connection, 1)
            with pytest.raises(ValueError):
                add(connection, 2, fail=True)
            add(connection, 3)
        assert not connection.in_transaction
        assert values(connection) == [1, 3]


def test_a_whole_that_fails_undoes_its_parts(path: Path) -> None:
    with closing(open_file(path)) as connection:
        with pytest.raises(ValueError), transaction(connection):
            _two(connection)
        assert not connection.in_transaction
        assert values(connection) == []


@pytest.mark.parametrize("folder", ["what?", "a#b", "50%41", "ähm, nein"])
def test_a_folder_may_have_any_name(path: Path, tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    home.mkdir()
    copied = home / "easel.db"
    with closing(open_file(path)) as connection:
        add(connection, 1)
        copy_to(connection, copied)
    with closing(open_present(copied, write=True)) as connection, connection:
        connection.execute("INSERT INTO t VALUES (2)")
    for immutable in (False, True):
        with closing(open_present(copied, immutable=immutable)) as connection:
            assert values(connection) == [1, 2]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                connection.execute("INSERT INTO t VALUES (3)")
    for write in (False, True):
        with pytest.raises(sqlite3.OperationalError):
            open_present(home / "none.db", write=write)
    assert sorted(file.name for file in home.iterdir() if file.suffix == ".db") == ["easel.db"]


def test_databases_are_opened_in_one_place() -> None:
    root = Path(__file__).parents[2]
    sources = [path for room in ("bot", "handlers", "prompts", "imaging") for path in (root / room).rglob("*.py")]
    assert sources
    opening = [path.relative_to(root).as_posix() for path in sources if "sqlite3.connect(" in path.read_text("utf-8")]
    assert opening == ["imaging/sqlite.py"]
