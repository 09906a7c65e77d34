"""What doctor says of moderation."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.moderation.checkup import examine
from bot.settings import load_settings
from imaging.findings import Finding, Level
from tests.peers.moderation_peer import ModerationPeer

DECIDED = {"moderation_level": "standard", "moderation_borderline": "spoiler", "moderation_likeness": "allow"}


async def told(home: Path, others: bool = True, /, **given: str) -> list[Finding]:
    found = await examine(load_settings(home=home, **given), others)
    return [one for one in found if not one.sentence.startswith("words ")]


async def test_what_is_left_to_decide_is_one_line(tmp_path: Path) -> None:
    (line,) = await told(tmp_path)
    assert line.level is Level.WARNING
    for setting in ("BASE_URL", "LEVEL", "BORDERLINE", "LIKENESS"):
        assert f"EASEL_MODERATION_{setting}" in line.sentence
    (line,) = await told(tmp_path, False)
    assert line.level is Level.OK
    assert "before others come" in line.sentence


async def test_a_default_that_was_set_is_decided(tmp_path: Path) -> None:
    async with ModerationPeer() as peer:
        asked, line = await told(tmp_path, True, moderation_base_url=peer.base_url, **DECIDED)
        assert (asked.level, asked.sentence) == (Level.OK, "endpoint judges words and pictures")
        assert (line.level, line.sentence) == (Level.OK, "level standard; everything is decided")
        assert len(peer.requests) == 2


async def test_a_moderator_that_fails_or_objects_to_everything_is_named(tmp_path: Path) -> None:
    async with ModerationPeer() as peer:
        peer.colours["red"] = {"sexual": 0.9}  # white is taken for it
        peer.words["ball"] = {"hate": 0.9}
        objects, _ = await told(tmp_path, moderation_base_url=peer.base_url)
        assert objects.level is Level.WARNING
        assert "objects to a red ball" in objects.sentence
    command = f"{sys.executable} -c 'print(1)'"
    for unavailable, then in (("closed", "nothing is drawn"), ("open", "the others decide")):
        fails, _ = await told(tmp_path, moderation_command=command, moderation_unavailable=unavailable)
        assert fails.level is Level.BROKEN
        assert then in fails.sentence


@pytest.mark.parametrize("sees", ["words", "pictures"])
async def test_only_what_a_moderator_judges_is_tried_and_told(tmp_path: Path, sees: str) -> None:
    async with ModerationPeer() as peer:
        given = {"moderation_base_url": peer.base_url, "moderation_endpoint_sees": sees}
        asked, _ = await told(tmp_path, True, **given)
        assert asked.sentence == f"endpoint judges {sees}"
        assert len(peer.requests) == 1
