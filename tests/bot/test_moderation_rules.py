"""A host's word rules: where they lie, and what is told of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.moderation.checkup import examine
from bot.moderation.moderators import moderation
from bot.moderation.rules import folder
from bot.settings import SettingsError, load_settings
from handlers.moderation.model import Category, Kind, Subject
from imaging.findings import Level

OURS = '[groups.well-known]\nterms = ["Petra Muster"]\n'
WRONG = '[groups.well-known]\nterms = ["Petra*Muster"]\n'


def keep(where: Path, text: str) -> Path:
    where.mkdir()
    (where / "ours.toml").write_text(text, encoding="utf-8")
    return where


async def test_the_word_rules_judge_words_by_default_and_know_what_a_host_adds_in_the_home(tmp_path: Path) -> None:
    made = moderation(load_settings(home=tmp_path))
    assert [one.name for one in made.moderators] == ["words"]
    assert not made.pictures
    keep(tmp_path / "moderation", OURS)
    (words,) = moderation(load_settings(home=tmp_path)).moderators
    (finding,) = await words.look(Subject(Kind.DESCRIPTION, "a portrait of Petra Muster"))
    assert finding.category is Category.REAL_PEOPLE


def test_another_folder_can_be_set_and_must_be_there(tmp_path: Path) -> None:
    ours = keep(tmp_path / "ours", OURS)
    assert folder(load_settings(home=tmp_path, moderation_rules=str(ours))) == ours
    with pytest.raises(SettingsError, match="EASEL_MODERATION_RULES is no folder"):
        folder(load_settings(home=tmp_path, moderation_rules=str(tmp_path / "typo")))


async def test_doctor_names_a_file_that_is_wrong(tmp_path: Path) -> None:
    keep(tmp_path / "moderation", WRONG)
    (told,) = await examine(load_settings(home=tmp_path), False)
    assert told.level is Level.BROKEN
    assert "ours.toml" in told.sentence
    assert "take them out of the folder" in told.sentence
    assert str(tmp_path) not in told.sentence


def test_a_start_with_a_rule_file_that_is_wrong_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path / "moderation", WRONG)
    script = tmp_path / "script.txt"
    script.write_text("a boat\n")
    assert main(["chat", "--script", str(script), "--home", str(tmp_path)]) == 2
    assert "ours.toml: groups.well-known: 'Petra*Muster'" in capsys.readouterr().err
