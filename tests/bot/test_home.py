"""EASEL_HOME: one program at a time, and where unpacked weights go."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import CommandFailed
from bot.home import Home


def test_a_home_has_one_owner(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.claim(), pytest.raises(CommandFailed, match="already runs"), Home(home.root).claim():
        pass
    with home.claim():
        pass


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed, match="cannot be written"), Home(tmp_path / "file" / "home").claim():
        pass


def test_all_homes_share_unpacked_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Home(tmp_path / "a").models == Home(tmp_path / "b").models == tmp_path / "cache" / "easel"


def test_without_a_cache_folder_the_home_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    home = Home(tmp_path / "a")
    assert home.models == home.cache
