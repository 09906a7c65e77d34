"""What the documents and docstrings name is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("bot", "handlers", "imaging", "measure", "prompts", "requirements", "tests", "training")
DOCUMENTS = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "SECURITY.md")
_NAMED = re.compile(rf"`((?:{'|'.join((*PARTS, 'docs'))})/[\w./*-]*)(?:::?[\w:]+)?`")
_OBJECT = re.compile(rf"`((?:{'|'.join(PARTS)})(?:\.\w+)+)`")
_UPPER = re.compile(r"\b[A-Z]{3,}\b")
"""Stands for any name: `handlers/moderation/rules/LANGUAGE.toml`."""


def is_there(path: str) -> bool:
    return (ROOT / path).exists() or any(ROOT.glob(_UPPER.sub("*", path.rstrip("/"))))


def can_be_had(name: str) -> bool:
    """A module, or what one has."""
    module, _, attribute = name.rpartition(".")
    path = name.replace(".", "/")
    if is_there(f"{path}.py") or is_there(path):
        return True
    return is_there(f"{module.replace('.', '/')}.py") and hasattr(import_module(module), attribute)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_and_name_of_a_document_is_there(document: Path) -> None:
    text = document.read_text("utf-8")
    lost = [path for path in _NAMED.findall(text) if not is_there(path)]
    lost += [name for name in _OBJECT.findall(text) if not can_be_had(name)]
    assert lost == []


@pytest.mark.parametrize("part", PARTS)
def test_every_module_that_a_comment_names_is_there(part: str) -> None:
    """A file that moves takes along what is said of it."""
    lost = []
    for file in sorted((ROOT / part).rglob("*.py")):
        text = file.read_text("utf-8")
        lost += [f"{file.relative_to(ROOT)}: {path}" for path in _NAMED.findall(text) if not is_there(path)]
        for name in _OBJECT.findall(text):
            modules = [name.rsplit(".", cut)[0].replace(".", "/") for cut in range(3)]
            if not any(is_there(path) or is_there(f"{path}.py") for path in modules if "/" in path):
                lost.append(f"{file.relative_to(ROOT)}: {name}")
    assert lost == []
