"""Hostile uploads through the running program, beside a conversation: a sample of what `tests.bombard` sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bombard import bombard
from tests.bombs import BOMBS


@pytest.mark.slow
async def test_hostile_uploads_are_answered_and_a_conversation_beside_them_goes_on(tmp_path: Path) -> None:
    count = 4 * len(BOMBS)  # half of the bombs
    figures = await bombard(tmp_path, count, alone=2)
    assert figures.survived
    assert not figures.unanswered
    assert figures.files == count
    assert figures.outcomes["opened"] > 10
    assert all(outcome == "opened" or outcome.endswith(".") for outcome in figures.outcomes)
