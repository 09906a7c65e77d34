"""Which moderators the settings ask for, and what the settings decide."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.moderation.moderators import MODERATORS, house, moderation
from bot.settings import SettingsError, load_settings
from handlers.moderation.model import Category, Level
from handlers.moderation.policy import Borderline, Likeness
from handlers.screen import Previews

ENDPOINT = {"moderation_base_url": "http://127.0.0.1:9/v1"}
PROGRAM = {"moderation_command": f"{sys.executable} judge.py"}


@pytest.mark.parametrize(
    ("given", "names", "pictures"),
    [
        ({}, set(), False),
        (ENDPOINT, {"endpoint"}, True),
        (ENDPOINT | {"moderation_endpoint_sees": "words"}, {"endpoint"}, False),
        (ENDPOINT | PROGRAM, {"endpoint", "program"}, True),
    ],
)
async def test_what_is_set_is_asked(tmp_path: Path, given: dict[str, str], names: set[str], pictures: bool) -> None:
    settings = load_settings(home=tmp_path, **given)
    made = moderation(settings)
    assert names <= {one.name for one in made.moderators} <= names | {"words"}
    assert made.pictures is pictures
    assert house(settings, pictures=pictures).previews is (Previews.NONE if pictures else Previews.SHOWN)
    await made.close()


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in MODERATORS}) == len(MODERATORS)


def test_the_settings_become_the_hosts_policy(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path, moderation_level="strict", moderation_categories="violence=off", moderation_likeness="refuse",
        moderation_borderline="refuse", moderation_age_restricted="off", moderation_unavailable="open",
        moderation_previews="cleared",
    )  # fmt: skip
    made = house(settings, pictures=True)
    policy = made.policy
    assert (policy.level, policy.of(Category.VIOLENCE)) == (Level.STRICT, Level.OFF)
    assert (policy.borderline, policy.likeness) == (Borderline.REFUSE, Likeness.REFUSE)
    assert (made.age_restricted, made.closed, made.previews) == (Level.OFF, False, Previews.CLEARED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("moderation_level", "loud"),
        ("moderation_categories", "minors=off"),
        ("moderation_categories", "gore=off"),
        ("moderation_command", "judge 'without an end"),
        ("moderation_command", "no-such-program-here --judge"),
        ("moderation_local", "true"),
        ("moderation_base_url", "moderation.example"),
        ("moderation_timeout_s", "0"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"EASEL_{name.upper()}"):
        load_settings(home=tmp_path, **{name: value})
