"""docs/security.md names tests that exist: a promise that nothing holds any more is found here."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_each_promise_names_a_test_that_there_is() -> None:
    there = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8")))
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and "held by" not in line and "](../tests" in line
    ]
    assert len(rows) > 20
    for row in rows:
        assert re.search(r"`test_\w+`", row), row
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert not named - there


def test_files_that_are_named_are_there() -> None:
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_readers_find_it() -> None:
    assert "docs/security.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
