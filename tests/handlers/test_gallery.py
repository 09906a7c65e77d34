"""The gallery: what is found, who sees what, and pages that hang together."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store import rows
from handlers.errors import UserError
from handlers.model import Action, Answer, CommandCall, GalleryPage, Person, Press, ThreadKey, Vote
from handlers.moderation.cases import Reason, Ruling
from handlers.round import Phase, RoundPart
from handlers.search import ALL, MOST, Search, at, read, without_place
from tests.fakes import ANNA, BEN, MODERATOR, THREAD, FakeChat
from tests.handlers.conftest import World

OTHER = replace(THREAD, thread="other")
PRIVATE = replace(THREAD, thread="private")


class Seeing(FakeChat):
    """Everybody sees these threads, and no other."""

    open: Collection[ThreadKey] | None = None

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> Collection[ThreadKey] | None:
        return self.open


async def look(
    world: World, search: str = "", person: Person = ANNA, thread: ThreadKey = THREAD, most: int = 10
) -> Answer:
    arguments: dict[str, str | int] = {"search": search} if search else {}
    return await world.desk.command(CommandCall(f"g{search}", thread, person, "gallery", arguments, pictures=most))


async def found(world: World, search: str = "", person: Person = ANNA, thread: ThreadKey = THREAD) -> list[str]:
    page = (await look(world, search, person, thread)).gallery
    assert page is not None
    return [hung.picture.description for hung in page.hung]


async def seeing(world: World, *open_: ThreadKey) -> None:
    world.chat = Seeing()
    world.chat.open = open_ or None
    await world.restart()


async def test_everything_is_found_by_words_people_threads_styles_votes_and_dates(world: World) -> None:
    await seeing(world)
    await world.say("Bakery logos", "<image> a Crème brûlée, 日落的猫 🦊 </image>")
    await world.say("Night", '<image style="pixel art"> a red fox at night </image>', person=BEN, thread=OTHER)
    await world.store.rename(THREAD, "ÜBUNG bakery")
    await world.desk.vote(Vote(OTHER, ANNA, 1, True))
    both = ["a red fox at night", "a Crème brûlée, 日落的猫 🦊"]
    assert await found(world) == both
    cream, fox = [both[1]], [both[0]]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for search, expected in {
        "creme": cream, "CRÈME BRUL": cream, "猫": cream, "日落": cream, "猫日": [], "🦊": cream, "fox": fox,
        "fo": [], "red night": fox, "red creme": [], '"red fox"': fox, '"fox red"': [], "by:ben": fox,
        "by:@Anna": cream, "by:me": cream, "by:nobody": [], "votes:>0": fox, "votes:0": cream, "votes:1": fox,
        "votes:>1": [], 'style:"pixel art"': fox, "style:pixel": fox, "in:übung": cream, "in:here": cream,
        "in:NIGHT": fox, "in:nowhere": [], f"since:{today}": both, "until:2020": [], "since:2090-12": [],
        f"fox by:ben votes:1 since:{today[:4]} until:{today[:7]} in:night": fox, "!!! ...": both,
    }.items():  # fmt: skip
        assert await found(world, search) == expected, search


async def test_each_thread_is_shown_to_those_who_may_look_into_it(world: World) -> None:
    for thread in (THREAD, OTHER, PRIVATE):
        await world.say(f"in {thread.thread}", f"<image> {thread.thread} fox </image>", thread=thread)
    # A chat that does not know who sees what shows a thread within itself.
    assert await found(world, thread=OTHER) == ["other fox"]
    await seeing(world, OTHER)
    here = f"{THREAD.thread} fox"
    for search in ("", "fox", "in:in", "fox by:anna", "by:me votes:0"):
        assert await found(world, search) == ["other fox", here], search
    for search in ("private", "in:private", '"private fox"', "in:here in:private", "in:here private"):
        assert not [name for name in await found(world, search) if "private" in name], search
    assert await found(world, "in:here", thread=PRIVATE) == ["private fox"]
    assert await found(world, thread=replace(THREAD, tenant="else")) == []
    assert await found(world, thread=replace(THREAD, chat="slack")) == []


async def test_what_is_deleted_hidden_forgotten_or_a_blocked_persons_hangs_there_no_more(world: World) -> None:
    await seeing(world)
    await world.say("two", '<image count="2"> a fox </image>')
    await world.say("one", "<image> a cat </image>", person=BEN)
    await world.desk.press(Press("d", THREAD, ANNA, Action.DELETE, 1))
    assert await found(world) == ["a cat", "a fox"]
    picture = await world.store.picture(THREAD, 2)
    assert picture is not None
    reported = await world.store.report(picture, BEN, Reason.OTHER, enough=1, agreed=False)
    assert reported is not None
    assert await found(world, "fox") == []
    assert await world.store.rule(reported.case, Ruling.SHOW, MODERATOR)
    assert await found(world, "fox") == ["a fox"]
    assert await found(world) == ["a cat", "a fox"]
    await world.store.block(THREAD, BEN, MODERATOR)
    assert await found(world) == ["a fox"]
    await world.store.lift(THREAD, BEN)
    await world.desk.command(CommandCall("f", THREAD, ANNA, "forget", {"confirm": "yes"}))
    for search in ("", "fox", "by:anna", "in:here"):
        assert "a fox" not in await found(world, search, BEN), search
    assert await found(world, "by:ben", BEN) == ["a cat"]


async def test_what_people_brought_is_shown_in_its_thread_only(world: World) -> None:
    from handlers.model import Attachment
    from tests.fakes import message, png

    await seeing(world)
    world.model.scripts.append("Nice.")
    await world.desk.receive(replace(message("look"), attachments=(Attachment("me.png", png(7, 64, 64)),)))
    assert await found(world) == []
    assert len(await found(world, "in:here")) == 1


async def numbers(world: World, search: str | None, most: int = 5) -> tuple[list[int], GalleryPage]:
    assert search is not None
    page = (await look(world, search, most=most)).gallery
    assert page is not None
    return [hung.picture.number for hung in page.hung], page


async def test_pages_hang_together_both_ways_while_pictures_come_and_go(world: World) -> None:
    await seeing(world)
    for at_ in range(3):
        await world.say(f"foxes {at_}", '<image count="4"> a fox </image>')
    all_, _ = await numbers(world, "fox", most=50)
    assert sorted(all_) == list(range(1, 13))
    shown, first = await numbers(world, "fox")
    assert (shown, first.newer, first.search) == (all_[:5], None, "fox")
    await world.say("more", '<image count="2"> a fox </image>')
    await world.store.delete_picture(THREAD, all_[6])
    await world.restart()
    left = [*all_[5:6], *all_[7:]]
    shown, second = await numbers(world, first.older)
    assert shown == left[:5]
    shown, third = await numbers(world, second.older)
    assert (shown, third.older) == (left[5:], None)
    shown, back = await numbers(world, third.newer)
    assert back == second
    shown, again = await numbers(world, second.newer)
    assert shown == all_[:5]
    shown, newest = await numbers(world, again.newer)
    assert (sorted(shown), newest.newer) == ([13, 14], None)
    assert (await numbers(world, newest.older))[0] == all_[:5]
    assert (await numbers(world, "fox newer:999999"))[0] == []
    assert (await numbers(world, "fox older:1"))[0] == []


async def test_words_say_the_same_where_no_pictures_are_shown(world: World) -> None:
    assert (await look(world)).text == "There are no pictures yet that you can see here."
    assert "fits that search. Search by words" in (await look(world, "fox")).text
    await world.say("two", '<image count="2"> a fox </image>')
    lines = (await look(world, most=1)).text.splitlines()
    assert re.fullmatch(r"#[12] a fox · Anna · \d{4}-\d\d-\d\d · “two”", lines[0])
    assert re.fullmatch(r"Older ›: /gallery older:\d+", lines[1])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Search()),
        ("votes:>=2", Search(least=2)),
        ("votes:<=2", Search(most=2)),
        ("votes:<2", Search(most=1)),
        ("votes:=2", Search(least=2, most=2)),
        ("ratio:16 http://x 16:9", Search(words=("ratio:16", "http://x", "16:9"))),
        ("BY:anna in:Here", Search(by=("anna",), title=("here",))),
        ("since:2024-02", Search(since=datetime(2024, 2, 1, tzinfo=UTC))),
        ("until:2024-02", Search(until=datetime(2024, 3, 1, tzinfo=UTC))),
        ("until:2024", Search(until=datetime(2025, 1, 1, tzinfo=UTC))),
        ("older:7 newer:8", Search(newer=8)),
    ],
)  # fmt: skip
def test_a_search_is_read(text: str, wanted: Search) -> None:
    assert read(text) == wanted
    assert wanted.most <= ALL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("votes:many", "votes:>2"),
        ("votes:>", "votes:>2"),
        ("since:yesterday", "2026-11-01"),
        ("until:2026-13-01", "2026-11-01"),
        ("since:9999-12-31 until:9999", "2026-11-01"),
        ("since:٢٠٢٦", "2026-11-01"),
        ("older:x", "begin again"),
        ("x" * (MOST + 1), f"up to {MOST}"),
    ],
)
async def test_what_has_no_meaning_is_told_how_to_write(world: World, text: str, says: str) -> None:
    assert says in (await look(world, text)).text


PARTS = st.sampled_from(
    ["fox", "by:", "by:anna", 'by:"', '"', "votes:>", "votes:9", "style:*", "in:here", "since:2026", "until:1-1-1",
     "older:1", "newer:99999999999", "AND", "OR", "NEAR(", "description :", "*", "^", "-", "\0",
     "\ud800", "猫", "🦊", "'"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=90), st.lists(PARTS, max_size=9).map(" ".join), st.lists(PARTS).map("".join)))
def test_no_search_breaks_the_reader(text: str) -> None:
    plain = without_place(text)
    assert without_place(plain) == plain
    try:
        search = read(text)
    except UserError:
        return
    assert read(at(text, "older:5")) == replace(read(plain), older=5)
    assert search.least >= 0


async def test_no_search_breaks_the_store(world: World) -> None:
    await seeing(world)
    await world.say("a fox", "<image> a fox \" ' * AND </image>")
    texts: list[str] = []

    @given(st.one_of(st.text(max_size=70), st.lists(PARTS, max_size=9).map(" ".join)))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    for text in texts:
        answer = await look(world, text)
        assert answer.gallery is not None or "." in answer.text, text
        assert "went wrong" not in answer.text, text
        assert "database" not in answer.text, text


async def test_nobody_is_named_whose_thread_had_an_anonymous_brainstorm(world: World) -> None:
    await seeing(world)
    await world.say("a fox", "<image> a fox </image>")
    assert "Anna" in (await look(world)).text
    turn = (await world.store.turns(THREAD))[-1]
    part = RoundPart("b1", 1, "mascots", Phase.OPEN, anonymous=True)
    parts = rows.dumps([rows.part_to_json(one) for one in (*turn.parts, part)])
    with closing(sqlite3.connect(world.home / "easel.db", isolation_level=None)) as db:
        db.execute("UPDATE turns SET parts = ? WHERE id = ?", (parts, turn.id))
    await world.restart()
    for search in ("", "fox", "in:here", "by:me"):
        answer = await look(world, search)
        assert "a fox" in answer.text
        assert "Anna" not in answer.text + str(answer.gallery), search
    assert await found(world, "by:anna") == []
