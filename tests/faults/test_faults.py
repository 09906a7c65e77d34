"""Kills of the real program at drawn moments: nothing lost, doubled, stuck or left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli import main
from tests.faults.brainstorms import BEATS
from tests.faults.moments import Moment


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_moment_every_message_has_one_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A score of kills; the same command does as many as wanted."""
    out = tmp_path / "figures.json"
    assert main(["bench", "faults", "--runs", "20", "--seed", "7", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["figures"]
    names = ("lost", "doubled", "stuck", "orphans", "leaked", "damaged", "lost_votes", "doubled_votes", "stuck_rounds")
    found = {name: figures[name] for name in names}
    assert found == dict.fromkeys(found, 0), capsys.readouterr().out
    assert figures["moments"] == len(Moment) + len(BEATS)
    assert figures["kills"] >= 20
    assert figures["answers"] == figures["messages"]


def test_without_the_tests_the_command_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("measure.checkout.ROOT", tmp_path)
    assert main(["bench", "faults", "--runs", "1"]) == 1
    assert "run this command from a checkout" in capsys.readouterr().err
