"""The store on real files: what survives, what refuses, and what it costs."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.store.migrations import MIGRATIONS, first_tables, reports
from bot.store.store import SqliteStore, restore
from handlers.errors import StoreError
from handlers.model import (
    NoticePart,
    PendingJob,
    Person,
    Picture,
    PicturePart,
    PictureState,
    Role,
    SelectPart,
    SlotState,
    TextPart,
    ThreadKey,
    Turn,
    TurnState,
    Upload,
    account_of_address,
)
from handlers.moderation.cases import Reason, Ruling
from handlers.ports import Claim
from handlers.quota_rules import Amounts, Sharers, share_key
from imaging.disk import database_sentence
from imaging.model import Control, ImageRequest, Operation, Owner, Recipe, Technique
from imaging.sqlite import transaction
from tests.fakes import ANNA, BEN, THREAD, FolderFiles, message, png

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RECIPE = Recipe(
    engine="fake",
    model="fake-1",
    operation=Operation.IMAGE,
    description="a fox",
    prompt="a fox",
    negative_prompt="",
    seed=3,
    width=64,
    height=64,
    num_inference_steps=4,
    guidance_scale=4.0,
    sampler="euler",
    control=Control(Technique.IP_ADAPTER, 0.5, "why", {"scale": 0.6}),
)


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    return FolderFiles(tmp_path / "pictures")


@pytest.fixture
async def store(tmp_path: Path, files: FolderFiles) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "easel.db", files, busy_s=0.05)
    yield opened
    await opened.close()


def picture(number: int, thread: ThreadKey = THREAD, **changes: object) -> Picture:
    made = Picture(
        thread=thread,
        number=number,
        operation=Operation.IMAGE,
        parents=(),
        description=f"fox {number}",
        recipe=replace(RECIPE, seed=number),
        sha256="",
        media_type="image/png",
        width=64,
        height=64,
        person=ANNA,
        created=NOW,
        turn="a1",
        device_seconds=0.5,
        metrics={"change": 0.25},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def number(store: SqliteStore, thread: ThreadKey = THREAD) -> int:
    return await store.reserve_numbers(thread, 1)


async def test_an_event_is_new_once(store: SqliteStore, files: FolderFiles, tmp_path: Path) -> None:
    assert await store.claim("e") is Claim.NEW
    assert await store.claim("e") is Claim.RUNNING
    other = await SqliteStore.open(tmp_path / "easel.db", files)
    assert await other.claim("e") is Claim.AGAIN
    await other.finish("e")
    assert await other.claim("e") is Claim.FINISHED
    await other.close()


async def test_a_message_is_accepted_whole_and_once(store: SqliteStore) -> None:
    upload = Upload("me.png", png(1), "image/png", 16, 16)
    first = await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[upload])
    again = await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[upload])
    assert first.claim is Claim.NEW
    assert (again.turn, again.asked) == (first.turn, first.asked)
    assert [turn.index for turn in await store.turns(THREAD)] == [1, 2]
    assert [shown.number for shown in (await store.session(THREAD)).pictures] == [1]
    assert [turn.id for turn in await store.open_turns()] == ["a1"]
    assert first.turn is not None
    await store.finish_turn(replace(first.turn, state=TurnState.DONE))
    assert not await store.open_turns()
    done = await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[])
    assert (done.claim, done.turn) == (Claim.FINISHED, None)


async def test_a_refused_upload_leaves_nothing_of_the_message(store: SqliteStore, files: FolderFiles) -> None:
    files.full = OSError(errno.ENOSPC, "No space left on device")
    upload = Upload("me.png", png(1), "image/png", 16, 16)
    with pytest.raises(StoreError, match="disk is full"):
        await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[upload])
    assert not await store.turns(THREAD)
    assert await store.claim("e") is Claim.NEW


async def test_a_turn_comes_back_as_it_was_saved(store: SqliteStore) -> None:
    accepted = await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[])
    assert accepted.turn is not None
    job = PendingJob(ImageRequest("a1-0", replace(RECIPE, source=RECIPE), Owner("t", "p", "th")), 1, needs=4)
    turn = replace(
        accepted.turn,
        text="<image> x </image>",
        parts=(
            TextPart("שלום 🦊\u200b"),
            PicturePart("a1-0", 1, Operation.IMAGE, "a fox", (2,), SlotState.READY, sha256="ab", sentence="remark"),
            SelectPart(2, "a cat"),
            NoticePart("left out"),
        ),
        jobs=(job,),
        written=True,
        post="ref",
    )
    await store.save_assistant_turn(replace(turn, written=False))
    assert await store.turn("a1") == replace(turn, written=False)
    await store.save_assistant_turn(turn)
    assert await store.turn("a1") == turn
    assert list(await store.open_turns()) == [turn]
    assert await store.turn("nothing") is None


async def test_a_closed_turn_stays_closed(store: SqliteStore) -> None:
    accepted = await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[])
    assert accepted.turn is not None
    await store.finish_turn(replace(accepted.turn, state=TurnState.DONE, text="one"))
    await store.save_assistant_turn(replace(accepted.turn, text="two"))
    stored = await store.turn("a1")
    assert stored is not None
    assert (stored.text, stored.state) == ("one", TurnState.DONE)


async def test_a_picture_comes_back_and_adding_it_again_changes_nothing(store: SqliteStore, files: FolderFiles) -> None:
    taken = await number(store)
    first = await store.add_picture(picture(taken), png(1))
    again = await store.add_picture(picture(taken, description="other"), png(2))
    assert again == first == await store.picture(THREAD, taken)
    assert files.names() == {first.sha256}
    assert await store.picture_bytes(first.sha256) == png(1)


async def test_the_newest_picture_is_current_until_another_is_selected(store: SqliteStore) -> None:
    for at in range(3):
        await store.add_picture(picture(await number(store)), png(at))
    assert (await store.session(THREAD)).current == 3
    late = await number(store)
    await store.select(THREAD, 1)
    await store.add_picture(picture(late), png(8))
    assert (await store.session(THREAD)).current == 1
    await store.add_picture(picture(await number(store)), png(9))
    assert (await store.session(THREAD)).current == 5
    await store.select(THREAD, 2)
    await store.delete_picture(THREAD, 2)
    assert (await store.session(THREAD)).current == 5


async def test_numbers_are_unique_under_concurrency(store: SqliteStore) -> None:
    taken = await asyncio.gather(*(store.reserve_numbers(THREAD, 2) for _ in range(50)))
    assert sorted(taken) == list(range(1, 101, 2))


async def test_deleting_keeps_the_number_and_a_file_that_another_picture_needs(
    store: SqliteStore, files: FolderFiles
) -> None:
    for _ in range(2):
        await store.add_picture(picture(await number(store)), png(1))
    await store.delete_picture(THREAD, 1)
    await store.delete_picture(THREAD, 1)
    assert len(files.names()) == 1
    gone = await store.picture(THREAD, 1)
    assert gone is not None
    assert gone.state is PictureState.DELETED
    assert [shown.number for shown in await store.gallery(THREAD)] == [2]
    await store.delete_picture(THREAD, 2)
    assert not files.names()
    assert await number(store) == 3
    assert [row.pictures for row in await store.threads("web", "-")] == [0]


async def test_threads_are_listed_newest_first_with_their_title(store: SqliteStore) -> None:
    for at in range(3):
        thread = ThreadKey("web", "-", "home", f"t{at}")
        await store.accept(message(f"idea {at}", thread=thread), asked=f"u{at}", turn=f"a{at}", uploads=[])
    listed = await store.threads("web", "-", limit=2)
    assert [(row.title, row.turns) for row in listed] == [("idea 2", 2), ("idea 1", 2)]
    assert not await store.threads("slack", "-")


async def test_usage_counts_what_was_rendered_for_a_person(store: SqliteStore) -> None:
    other = ThreadKey("web", "-", "home", "t2")
    await store.add_picture(picture(await number(store)), png(1))
    await store.add_picture(picture(await number(store, other), other), png(2))
    await store.add_picture(picture(await number(store), person=BEN), png(3))
    await store.add_picture(picture(await number(store), operation=Operation.UPLOAD), png(4))
    anna, day = share_key(Sharers.PERSON, THREAD, ANNA), NOW - timedelta(days=1)
    sizes = [len(png(at)) for at in range(5)]
    assert await store.spent(Sharers.PERSON, anna, day) == Amounts(2, 1.0, bytes=sizes[1] + sizes[2] + sizes[4])
    assert await store.spent(Sharers.CHANNEL, THREAD.channel_scope, day) == Amounts(3, 1.5, bytes=sum(sizes[1:]))
    assert await store.spent(Sharers.WORKSPACE, THREAD.tenant_scope, day) == Amounts(3, 1.5, bytes=sum(sizes[1:]))
    assert await store.spent(Sharers.ALL, "", day) == Amounts(3, 1.5, bytes=sum(sizes[1:]))
    assert await store.spent(Sharers.PERSON, anna, NOW + timedelta(seconds=1)) == Amounts()
    [first, *_] = await store.spendings(Sharers.PERSON, anna, day)
    assert first == (NOW, Amounts(1, 0.5, bytes=sizes[1]))
    await store.delete_picture(THREAD, 1)
    assert (await store.spent(Sharers.PERSON, anna, day)).pictures == 2


async def test_what_a_person_has_had_made_is_found_over_all_threads_of_a_workspace(store: SqliteStore) -> None:
    other, abroad = ThreadKey("web", "-", "hall", "t2"), ThreadKey("web", "elsewhere", "home", "t1")
    wanted: list[tuple[ThreadKey, dict[str, object]]] = [
        (THREAD, {}), (other, {}), (abroad, {}), (THREAD, {"person": BEN}), (THREAD, {"operation": Operation.UPLOAD}),
    ]  # fmt: skip
    for at, (thread, changes) in enumerate(wanted):
        made = replace(picture(await number(store, thread), thread, **changes), created=NOW + timedelta(minutes=at))
        await store.add_picture(made, png(at))
    found = await store.made_by("web", "-", ANNA)
    assert [(shown.thread, shown.number) for shown in found] == [(other, 1), (THREAD, 1)]
    assert len(await store.made_by("web", "-", ANNA, limit=1)) == 1
    await store.delete_picture(other, 1)
    assert [shown.thread for shown in await store.made_by("web", "-", ANNA)] == [THREAD]


async def test_a_backup_while_running_can_be_restored(store: SqliteStore, tmp_path: Path, files: FolderFiles) -> None:
    await store.accept(message("hi", "e"), asked="u1", turn="a1", uploads=[])
    await store.backup(tmp_path / "backups" / "easel.db")
    await store.accept(message("more", "e2"), asked="u2", turn="a2", uploads=[])
    await asyncio.to_thread(restore, tmp_path / "backups" / "easel.db", tmp_path / "restored.db")
    again = await SqliteStore.open(tmp_path / "restored.db", files)
    assert [turn.id for turn in await again.turns(THREAD)] == ["u1", "a1"]
    assert await again.check() == "ok"
    await again.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(content)
    with pytest.raises(StoreError, match="choose another"):
        restore(bad, tmp_path / "easel.db")


async def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, files: FolderFiles) -> None:
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        await SqliteStore.open(tmp_path / "bad.db", files)


async def test_an_older_database_is_brought_up_to_date(tmp_path: Path, files: FolderFiles) -> None:
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    first_tables(Database(connection))
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    opened = await SqliteStore.open(tmp_path / "old.db", files)
    await opened.accept(message("hi"), asked="u1", turn="a1", uploads=[])
    assert (await opened.session(THREAD)).next_number == 1
    await opened.close()


async def test_pictures_of_an_older_home_can_be_reported(tmp_path: Path, files: FolderFiles) -> None:
    """Up to `covered_pictures` nothing was known of reports; what was stored then is counted, hidden and shown."""
    old = await SqliteStore.open(tmp_path / "old.db", files)
    stored = await old.add_picture(picture(await old.reserve_numbers(THREAD, 1)), b"bytes")
    await old.close()
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    for name in ("hidden", "deleted", "pruned", "votes_insert", "votes_delete"):
        connection.execute(f"DROP TRIGGER gallery_{name}")
    for name in ("cases", "reports", "blocks", "gallery", "gallery_words", "rounds", "ideas", "dots", "boards"):
        connection.execute(f"DROP TABLE {name}")
    connection.execute("DROP INDEX pictures_hidden")
    connection.execute("ALTER TABLE threads DROP COLUMN deleted")
    connection.execute("DROP TABLE shares")
    before = MIGRATIONS.index(reports)
    connection.execute(f"PRAGMA user_version = {before}")
    connection.close()
    opened = await SqliteStore.open(tmp_path / "old.db", files)
    reported = await opened.report(stored, Person("b", "Ben"), Reason.OTHER, enough=1, agreed=False)
    assert reported is not None
    assert reported.hidden
    assert not await opened.gallery(THREAD)
    await opened.backup(tmp_path / "copy.db")
    await opened.close()
    copy = await SqliteStore.open(tmp_path / "copy.db", files)
    assert await copy.hidden(THREAD) == {1}
    (case,) = await copy.cases(THREAD.tenant_scope)
    assert await copy.rule(case, Ruling.SHOW, Person("m", "Mo"))
    assert [one.number for one in await copy.gallery(THREAD)] == [1]
    await copy.close()


async def test_what_was_spent_before_accounts_counts_on(tmp_path: Path, files: FolderFiles) -> None:
    old = Database(sqlite3.connect(tmp_path / "old.db", isolation_level=None))
    for step in MIGRATIONS[:5]:
        step(old)
    old.execute("PRAGMA user_version = 5")
    for tenant, person in (("discord/7", "discord/7/42"), ("discord/8", "discord/8/42"), ("discord/8", "")):
        values = (NOW.timestamp(), person, f"{tenant}/c", tenant, 0.5, 0.25)
        old.execute("INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)", values)
    old.conn.close()
    opened = await SqliteStore.open(tmp_path / "old.db", files)
    somewhere = ThreadKey("discord", "9", "c", "t")
    key = share_key(Sharers.PERSON, somewhere, Person("42", "Cleo"))
    assert await opened.spent(Sharers.PERSON, key, NOW) == Amounts(2, 1.0, 0.5)
    assert await opened.spent(Sharers.WORKSPACE, "discord/8", NOW) == Amounts(2, 1.0, 0.5)
    await opened.close()


async def test_a_person_counts_once_over_all_tenants_and_also_when_forgotten(store: SqliteStore) -> None:
    for at, tenant in enumerate(("7", "8", "-")):
        thread = ThreadKey("discord", tenant, "c", "t")
        await store.add_picture(replace(picture(await number(store, thread), thread)), png(at))
    await store.forget("discord", "7", ANNA)
    key = share_key(Sharers.PERSON, ThreadKey("discord", "9", "c", "t"), ANNA)
    assert (await store.spent(Sharers.PERSON, key, NOW)).pictures == 3
    assert not (await store.spent(Sharers.PERSON, share_key(Sharers.PERSON, THREAD, ANNA), NOW)).pictures


async def test_what_was_read_of_a_transaction_that_was_undone_is_not_remembered(store: SqliteStore) -> None:
    taken = await number(store)

    def half() -> None:
        store._tables.pictures.add(picture(taken, description="never stored"), 1)
        assert store._tables.sessions.read(THREAD).pictures[0].description == "never stored"
        raise sqlite3.OperationalError("database or disk is full")

    def whole() -> None:
        with transaction(store._db.conn):
            half()

    for run in (store._run, store._alone):
        with pytest.raises(StoreError):
            await run(whole)
        await store.add_picture(picture(taken), png(1))
        assert [one.description for one in (await store.session(THREAD)).pictures] == [f"fox {taken}"]
        taken = await number(store)
        await store.prune(NOW + timedelta(days=1))


async def test_where_the_chosen_picture_is_gone_the_newest_is_meant(store: SqliteStore) -> None:
    old, new = await store.reserve_numbers(THREAD, 2), 2
    await store.add_picture(picture(old), png(1))
    await store.add_picture(picture(new, created=NOW + timedelta(days=1)), png(2))
    await store.select(THREAD, old)
    assert (await store.session(THREAD)).current == old
    await store.prune(NOW + timedelta(hours=1))
    assert (await store.session(THREAD)).current == new


async def test_an_account_is_kept_with_a_turn_for_the_next_start(store: SqliteStore) -> None:
    guest = replace(ANNA, account=account_of_address("203.0.113.9", b"secret"))
    await store.accept(message("hi", person=guest), asked="u1", turn="a1", uploads=[])
    [left] = await store.open_turns()
    assert left.person == guest


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:aaaa::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unknown", "unknown", True),
    ],
)
def test_an_address_is_one_account_and_not_told(one: str, other: str, same: bool) -> None:
    first, second = (account_of_address(text, b"secret") for text in (one, other))
    assert (first == second) is same
    assert one not in first
    assert first != account_of_address(one, b"another secret")


async def test_a_newer_database_is_left_alone(tmp_path: Path, files: FolderFiles) -> None:
    connection = sqlite3.connect(tmp_path / "new.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        await SqliteStore.open(tmp_path / "new.db", files)


async def test_a_read_only_database_is_one_sentence(store: SqliteStore) -> None:
    await store._alone(lambda: store._db.conn.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreError, match="read-only"):
        await store.claim("e")
    await store._alone(lambda: store._db.conn.execute("PRAGMA query_only = OFF"))
    assert await store.claim("e") is Claim.NEW


async def test_a_full_database_is_one_sentence_and_nothing_is_left_half_done(store: SqliteStore) -> None:
    await store.claim("before")
    pages = await store._alone(lambda: store._db.conn.execute("PRAGMA page_count").fetchone()[0])
    await store._alone(lambda: store._db.conn.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreError, match="disk is full"):
        await store.accept(message("x" * 100_000, "e"), asked="u1", turn="a1", uploads=[])
    await store._alone(lambda: store._db.conn.execute("PRAGMA max_page_count = 1000000"))
    assert await store.claim("e") is Claim.NEW
    assert not await store.turns(THREAD)


def test_every_refusal_has_a_sentence() -> None:
    errors: list[OSError | sqlite3.Error] = [
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EROFS, "x"),
        FileNotFoundError(2, "x"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("malformed"),
    ]
    sentences = {database_sentence(error) for error in errors}
    assert len(sentences) == len(errors)


async def test_the_hot_queries_use_indexes(store: SqliteStore) -> None:
    queries = (
        "SELECT number FROM pictures INDEXED BY pictures_ready "
        "WHERE thread = 'x' AND state = 'ready' ORDER BY number DESC LIMIT 24",
        "SELECT * FROM turns WHERE thread = 'x' ORDER BY idx DESC LIMIT 24",
        "SELECT * FROM turns WHERE state = 'open' ORDER BY created, idx",
        "SELECT * FROM pictures WHERE thread = 'x' AND state = 'ready' ORDER BY number DESC LIMIT 24",
        "SELECT 1 FROM pictures WHERE sha256 = 'x' AND state = 'ready' LIMIT 1",
        "SELECT count(*) FROM pictures WHERE person_id = 'x' AND created >= 1",
        "SELECT p.*, t.channel FROM pictures p JOIN threads t ON t.key = p.thread "
        "WHERE p.person_id = 'x' AND p.state = 'ready' ORDER BY p.created DESC LIMIT 6",
        "UPDATE events SET finished = 1 WHERE turn = 'x'",
        "SELECT v.number, sum(v.up), sum(1 - v.up) FROM votes v JOIN pictures p "
        "ON p.thread = v.thread AND p.number = v.number WHERE v.thread = 'x' AND p.state = 'ready' GROUP BY v.number",
        "DELETE FROM votes WHERE person_id = 'x'",
        "SELECT * FROM threads WHERE chat = 'x' AND tenant = 'y' ORDER BY updated DESC LIMIT 3",
    )
    for query in queries:
        plan = await store._alone(lambda q=query: store._db.conn.execute(f"EXPLAIN QUERY PLAN {q}").fetchall())  # type: ignore[misc]
        details = " ".join(row[3] for row in plan)
        assert "SCAN" not in details or "USING INDEX" in details, (query, details)
        assert "TEMP B-TREE" not in details or "open" in query, (query, details)


def test_a_turn_without_a_person_is_stored(tmp_path: Path) -> None:
    async def scenario() -> Turn | None:
        opened = await SqliteStore.open(tmp_path / "db", FolderFiles(tmp_path / "p"))
        try:
            await opened.begin(Turn("a1", THREAD, 0, Role.ASSISTANT, None, "", NOW, TurnState.OPEN), "e")
            return await opened.turn("a1")
        finally:
            await opened.close()

    turn = asyncio.run(scenario())
    assert turn is not None
    assert turn.person is None
