"""Every picture that people get comes from the port that marks it: nothing else in a chat, a command or a handler may
read what is stored."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORED = frozenset({"picture_bytes"})
"""The store's method, by name."""
MAY = {
    "handlers/ports.py": "declares it",
    "handlers/marking.py": "the twin that marks nothing, where the host wants that",
    "handlers/buttons.py": "a comparison is drawn from the stored files, and marked",
    "bot/store/store.py": "is the store",
    "bot/marking/marks.py": "marks",
}
WAYS = ("bot/chats", "bot/commands", "bot/backups", "handlers", "bot/store", "bot/marking")


def sources() -> list[Path]:
    found = [path for way in WAYS for path in sorted((ROOT / way).rglob("*.py"))]
    return [*found, *sorted((ROOT / "bot").glob("*.py"))]


def reads_stored(tree: ast.AST) -> set[str]:
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return names & STORED


def test_only_the_port_reads_stored_pictures() -> None:
    found = {str(path.relative_to(ROOT)) for path in sources() if reads_stored(ast.parse(path.read_text("utf-8")))}
    assert found == set(MAY)


@pytest.mark.parametrize("way", ["bot/chats", "handlers"])
def test_no_chat_and_no_handler_knows_where_pictures_lie(way: str) -> None:
    for path in sorted((ROOT / way).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "imaging.files"), path
            assert not (isinstance(node, ast.Attribute) and node.attr == "pictures" and _is_home(node)), path


def _is_home(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Attribute | ast.Name) and "home" in ast.unparse(node.value)
