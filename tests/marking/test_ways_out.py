"""Every picture that people get comes from the port that marks it: nothing else in a chat, a command or a handler may
read what is stored."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORED = frozenset({"picture_bytes"})
"""The store's method, by name."""
MARKS = "sheet"
"""What marks a picture that was made of stored ones."""
MAY = {
    "handlers/ports.py:picture_bytes": "declares it",
    "handlers/marking.py:copy": "the twin that marks nothing, where the host wants that",
    "handlers/marking.py:small": "the same for lists",
    "handlers/marking.py:for_document": "likewise",
    "bot/store/store.py:picture_bytes": "is the store",
    "bot/marking/marks.py:_copy": "marks",
    "bot/marking/marks.py:for_document": "marks",
    "bot/marking/marks.py:_parents": "a statement names them",
    "handlers/board.py:_glance": "compares them",
    "handlers/brainstorm/drawing.py:_alike": "compares them",
}
WAYS = ("bot", "handlers")


def unmarked(path: Path) -> set[str]:
    """Functions that read stored pictures, or stand for what does, and do not mark what they make of them."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)} | {function.name}
            if names & STORED and MARKS not in names:
                found.add(f"{path.relative_to(ROOT)}:{function.name}")
    return found


def test_what_reads_stored_pictures_marks_them() -> None:
    sources = [path for way in WAYS for path in sorted((ROOT / way).rglob("*.py"))]
    assert set().union(*map(unmarked, sources)) == set(MAY)


@pytest.mark.parametrize("way", ["bot/chats", "handlers"])
def test_no_chat_and_no_handler_knows_where_pictures_lie(way: str) -> None:
    for path in sorted((ROOT / way).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "imaging.files"), path
            assert not (isinstance(node, ast.Attribute) and node.attr == "pictures" and _is_home(node)), path


def _is_home(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Attribute | ast.Name) and "home" in ast.unparse(node.value)
