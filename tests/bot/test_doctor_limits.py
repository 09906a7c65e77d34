"""Doctor tells which limits hold, what was spent today, and what nothing bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.doctor.limits import examine
from bot.settings import load_settings
from bot.store.store import SqliteStore
from handlers.quota_rules import Amounts
from imaging.files import PictureFiles
from imaging.findings import Level
from tests.fakes import ANNA, THREAD


def told(home: Path, **given: Any) -> list[tuple[Level, str]]:
    return [(found.level, found.sentence) for found in examine(load_settings(home=home, **given))]


def test_a_person_alone_has_no_limits(tmp_path: Path) -> None:
    [(level, sentence)] = told(tmp_path)
    assert level is Level.OK
    assert sentence.startswith("none")


async def test_the_rules_and_what_was_spent_today_are_told(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "easel.db", PictureFiles(tmp_path / "pictures"))
    await store.spend(THREAD, ANNA, Amounts(3, 2.5, 0.5, 4, 5, 6_000_000), datetime.now(UTC))
    await store.close()
    rules, today = told(tmp_path, discord_token="x", quotas="9 pictures a day per role 7")
    assert rules[0] is Level.OK
    assert "9 pictures a day per role 7; 60 messages in 1 min per person" in rules[1]
    assert "20000 MB of files a day in all" in rules[1]
    assert today[1] == (
        "today all people together took 3 pictures, 2 s of the device, 0.50 in money, 4 messages, "
        "5 calls of the language model, 6 MB of files"
    )


def test_what_nothing_bounds_is_warned_of(tmp_path: Path) -> None:
    warned = told(tmp_path, discord_token="x", quotas="unlimited calls a day in all; unlimited messages a day in all")
    assert [sentence.split(":")[0] for level, sentence in warned if level is Level.WARNING] == [
        "nothing bounds what all people together take of calls",
        "nothing bounds what all people together take of messages",
    ]
    bounded = told(tmp_path, discord_token="x", quotas="unlimited calls a day in all; 5 USD a day in all", call_price=1)
    assert not [sentence for level, sentence in bounded if level is Level.WARNING]
