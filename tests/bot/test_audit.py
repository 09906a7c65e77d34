"""The audit record: deletions, admins' acts, refusals, spending; no words, nobody who was forgotten, not for ever."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from bot import audit
from bot.cli import main
from bot.home import Home
from bot.store.store import SqliteStore
from handlers.access import Access
from handlers.audit import Act
from handlers.desk import Desk
from handlers.limits import Limits
from handlers.model import Action, CommandCall, Person, Press, Whereabouts
from handlers.quota_rules import read_rules
from imaging.files import PictureFiles
from tests.bot.web_site import Site
from tests.fakes import ANNA, BEN, FakeChat, FakePictures, ScriptedModel, message
from tests.fakes import THREAD as PAGE

THREAD = replace(PAGE, tenant="s0")
"""In a server: where there is none, there are no channels and roles either."""

MODERATOR = Person("mod", "Mo", moderator=True, admin=True)
SECRET = "zebra"


class Place:
    """A home with a desk on the real store."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)

    async def open(self) -> None:
        self.store = await SqliteStore.open(self.home.database, PictureFiles(self.home.pictures))
        chat, model = FakeChat(), ScriptedModel(answer=lambda request: f"<image> a {SECRET} </image>")
        self.desk = Desk(
            self.store, model, FakePictures(), {chat.name: chat},
            Limits(quotas=read_rules("2 pictures a day per person")),
            access={THREAD.chat: Access(deny_channels=frozenset({"closed"}))}, audit=self.store,
        )  # fmt: skip

    async def close(self) -> None:
        await self.desk.close()
        await self.store.close()

    def rows(self, act: str | None = None) -> list[tuple[str, str, str, int]]:
        with closing(sqlite3.connect(self.home.database)) as connection:
            return [(row.act, row.what, row.person, row.times) for row in audit.entries(connection, 0, act)]


def press(person: Person, action: Action, number: int) -> Press:
    return Press(f"press-{person.id}-{action}-{number}", THREAD, person, action, picture=number)


async def a_day(place: Place) -> None:
    """Two pictures and one refused; one deleted by its maker, one by a moderator; who may where is changed."""
    for at in range(3):
        await place.desk.receive(message(f"a {SECRET}, please", f"e{at}", ANNA, THREAD))
    await place.desk.press(press(BEN, Action.DELETE, 1))
    await place.desk.press(press(ANNA, Action.DELETE, 1))
    await place.desk.press(press(MODERATOR, Action.DELETE, 2))
    for person in (BEN, MODERATOR):
        call = CommandCall("c", THREAD, person, "access", {"rule": "deny", "channel": "C9"})
        await place.desk.command(replace(call, event=f"c-{person.id}"))
    closed = replace(THREAD, channel="closed")
    assert await place.desk.refusal(Whereabouts(closed), BEN) is not None


async def test_what_was_deleted_decided_and_refused_is_there_without_words(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.open()
    await a_day(place)
    await place.close()
    assert sorted(place.rows()) == sorted(
        [
            ("refusal", "QuotaUsedUp", ANNA.id, 1),
            ("refusal", "NotAllowed", BEN.id, 2),
            ("refusal", "access", BEN.id, 1),
            ("deletion", "picture", ANNA.id, 1),
            ("deletion", "picture", MODERATOR.id, 1),
            ("admin", "pictures deleted", MODERATOR.id, 1),
            ("admin", "access", MODERATOR.id, 1),
        ]
    )
    with closing(sqlite3.connect(place.home.database)) as connection:
        kept = json.dumps(connection.execute("SELECT * FROM audit").fetchall())
    assert not [word for word in (SECRET, ANNA.name, BEN.name, "Mo", "please") if f'"{word}' in kept or SECRET in kept]


async def test_a_host_reads_it_also_while_easel_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--home", str(tmp_path / "none")]) == 1
    place = Place(tmp_path)
    await place.open()
    await a_day(place)
    capsys.readouterr()
    assert main(["audit", "--home", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"NotAllowed ×2  {THREAD.channel_scope}  {BEN.id}" in told
    assert "spending" in told
    assert "pictures 2" in told
    assert main(["audit", "--home", str(tmp_path), "--json", "--act", "spending"]) == 0
    spent = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["act"] for row in spent} == {"spending"}
    assert sum(row.get("pictures", 0) for row in spent) == 2
    assert all(ANNA.id not in row["account"] for row in spent)
    assert main(["audit", "--home", str(tmp_path), "--act", "deletion"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    await place.close()


async def test_who_is_forgotten_is_nobody_in_it(tmp_path: Path) -> None:
    """What was done stays; a refusal in the same minute by two who were forgotten is one row."""
    place = Place(tmp_path)
    await place.open()
    await a_day(place)
    for person in (ANNA, BEN):
        call = CommandCall(f"f-{person.id}", THREAD, person, "forget", {"confirm": "yes"})
        await place.desk.command(call)
    with closing(sqlite3.connect(place.home.database)) as connection:
        kept = json.dumps(connection.execute("SELECT * FROM audit").fetchall())
    assert f'"{ANNA.id}"' not in kept
    assert f'"{BEN.id}"' not in kept
    found = place.rows()
    assert ("refusal", "NotAllowed", "", 2) in found
    assert ("deletion", "picture", "", 1) in found
    assert ("admin", "access", MODERATOR.id, 1) in found
    assert any(what == "forgotten: turns" for _, what, _, _ in found)
    assert all(person == "" for _, what, person, _ in found if what.startswith("forgotten"))
    await place.close()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is a row; what is old goes, and the oldest of what is too much."""
    monkeypatch.setattr(audit, "MOST_ROWS", 5)
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as connection:
        for statement in audit.SCHEMA:
            connection.execute(statement)
        now = 60.0 * 1_000_000
        for _ in range(1000):
            audit.add(connection, now, Act.REFUSAL, "NotAllowed", THREAD, ANNA)
        assert [row.times for row in audit.entries(connection, 0)] == [1000]
        for at in range(8):
            audit.add(connection, now + 60 * at, Act.REFUSAL, "access", THREAD, Person("\udcff" * 500, ""))
        assert audit.prune(connection, now + 60) == 4  # two of them because there are too many
        assert len(list(audit.entries(connection, 0))) == 5


async def test_housekeeping_forgets_what_is_old(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.open()
    await place.store.note(Act.ADMIN, "access", None, None)
    assert await place.store.forget_acts(time.time() - 3600) == 0
    assert await place.store.forget_acts(time.time() + 3600) == 1
    await place.close()


async def test_a_record_that_refuses_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = Place(tmp_path)
    await place.open()
    with closing(sqlite3.connect(place.home.database)) as connection:
        connection.execute("DROP TABLE audit")
    answer = await place.desk.press(press(BEN, Action.DELETE, 7))
    assert "There is no picture 7" in answer.text
    assert "is not in the audit record" in caplog.text
    await place.close()


@pytest.mark.parametrize("name", ["home", "what? 50%41#"])
def test_the_hosts_own_acts_are_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    home = tmp_path / name
    from bot.store.file import connect

    with Home(home).claim():
        connect(home / "easel.db").close()
    assert main(["backup", str(tmp_path / "b.tar"), "--home", str(home)]) == 0
    assert main(["restore", str(tmp_path / "b.tar"), "--home", str(tmp_path / "new")]) == 0
    with closing(sqlite3.connect(home / "easel.db")) as connection:
        found = [(row.act, row.what, row.place) for row in audit.entries(connection, 0)]
        assert [row.at.date() for row in audit.entries(connection, 0)] == [datetime.now(UTC).date()]
    assert found == [("admin", "backup", "-")]
    with closing(sqlite3.connect(tmp_path / "new" / "easel.db")) as connection:
        assert [row.what for row in audit.entries(connection, 0)] == ["restore"]
    capsys.readouterr()
    assert main(["audit", "--home", str(home)]) == 0
    assert "backup" in capsys.readouterr().out


async def test_who_is_not_let_in_on_the_page_is_in_it(tmp_path: Path) -> None:
    """By kind, and by nobody: an address is no business of a record that is kept for months."""
    site = Site(tmp_path, "the right one")
    await site.start()
    try:
        for given in (None, "the right one", "wrong one", "wrong two", "wrong three", "wrong four", "wrong five"):
            headers = {} if given is None else {"Authorization": aiohttp.encode_basic_auth("", given)}
            async with site.browser.get("/api/about", headers=headers):
                pass
        async with site.browser.post("/api/threads", headers={"Origin": "https://evil.example"}):
            pass
    finally:
        await site.stop()
    with closing(sqlite3.connect(tmp_path / "easel.db")) as connection:
        found = {(row.what, row.place, row.person): row.times for row in audit.entries(connection, 0)}
    assert found[("a wrong password", "web/-/web", "")] + found[("too many tries", "web/-/web", "")] == 5
    assert ("another site or name", "web/-/web", "") in found
    assert "127.0.0.1" not in str(found)


def test_the_hosts_invitations_are_in_it(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert main(["invite", "--role", "admin", "--home", home]) == 0  # before the first start, too
    assert main(["invite", "--role", "moderator", "--home", home]) == 0
    with closing(sqlite3.connect(tmp_path / "easel.db")) as connection:
        found = {(row.act, row.what) for row in audit.entries(connection, 0)}
    assert found == {("admin", "invitation as admin"), ("admin", "invitation as moderator")}
    assert (tmp_path / "easel.db").stat().st_mode & 0o077 == 0
