"""Reports of pictures, what moderators decide on them, blocks, and what people see of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.store.store import SqliteStore
from handlers.blocking import BLOCKED
from handlers.desk import Desk, utc_now
from handlers.export.archive import collect
from handlers.marking import Unmarked
from handlers.model import (
    Action,
    Answer,
    CommandCall,
    NoticePart,
    Person,
    PictureState,
    Press,
    Reply,
    SlotState,
    ThreadKey,
    Vote,
    Whereabouts,
)
from handlers.moderation.cases import Reason
from handlers.presentation import Why
from handlers.reporting import A_DAY
from tests.fakes import ANNA, BEN, MODERATOR, THREAD, message, pictures
from tests.handlers.conftest import World
from tests.waiting import until

CARL, DORA = Person("carl", "Carl"), Person("dora", "Dora")
ADMIN = Person("root", "Root", admin=True)


def report(person: Person, picture: int = 1, event: str = "") -> Press:
    return Press(event or f"r-{person.id}-{picture}", THREAD, person, Action.REPORT, picture)


async def give(world: World, name: str, person: Person = MODERATOR, **arguments: str | int) -> Answer:
    return await world.desk.command(CommandCall(f"c-{name}-{arguments}", THREAD, person, name, arguments))


def desk(world: World, clock: Callable[[], datetime] = utc_now) -> Desk:
    """With a record of what is done."""
    store = world.store
    return Desk(store, world.model, world.pictures, {"web": world.chat}, world.limits, audit=store, clock=clock)


@pytest.fixture
async def fox(world: World) -> World:
    """Anna's pictures: 1, a red fox, and 2, an edit of it."""
    world.make_desk = partial(desk, world)
    world.desk = world.make_desk()
    await world.say("a fox", "<image> a red fox </image>")
    await world.say("blue", '<edit prev_id="1" change="small"> a blue fox </edit>')
    return world


async def hidden(world: World, picture: int = 1) -> World:
    for person in (BEN, CARL, DORA):
        await world.desk.press(report(person, picture))
    await world.desk.settle()
    return world


async def test_the_third_persons_report_hides_a_picture_from_everybody(fox: World) -> None:
    for person in (BEN, CARL):
        assert "moderators see" in (await fox.desk.press(report(person, 2))).text
        assert [p.number for p in await fox.store.gallery(THREAD)] == [1, 2]
    answer = await fox.desk.press(report(DORA, 2))
    assert answer.private
    assert "is hidden until a moderator" in answer.text
    await fox.desk.settle()
    assert [p.number for p in await fox.store.gallery(THREAD)] == [1]
    assert await fox.store.hidden(THREAD) == {2}
    session = await fox.store.session(THREAD)
    assert ([p.number for p in session.pictures], session.current) == ([1], 1)
    assert [p.number for p in await fox.store.made_by("web", THREAD.tenant, ANNA)] == [1]
    content, files = await collect(fox.store, Unmarked(fox.store), THREAD, most=9)
    assert ([p.number for p in content.pictures], set(files)) == ([1], {1})
    (row,) = await fox.store.threads("web", THREAD.tenant)
    assert row.pictures == 1
    sha = (await fox.store.picture(THREAD, 2)).sha256  # type: ignore[union-attr]
    assert await fox.store.picture_of(sha) is None, "no link gives it out"
    assert await fox.store.picture_bytes(sha), "it may be shown again"
    assert fox.chat.redrawn[-1][1] == {2: Why.HIDDEN}
    assert any(who == ANNA.id and "was reported and is hidden" in said for who, said in fox.chat.told)


async def test_nothing_is_made_of_a_hidden_picture(fox: World) -> None:
    await hidden(fox, 2)
    for action in (Action.VARY, Action.EDIT, Action.REFINE, Action.REDO, Action.SELECT, Action.RECIPE, Action.SHOW,
                   Action.COMPARE, Action.VOTE, Action.DELETE, Action.REPORT):  # fmt: skip
        answer = await fox.desk.press(Press(f"x-{action}", THREAD, ANNA, action, 2, text="a fox"))
        assert "hidden until a moderator" in answer.text, action
    await fox.store.vote(Vote(THREAD, CARL, 2, up=True))
    assert not await fox.store.votes(THREAD)
    before = len(await fox.store.gallery(THREAD))
    await fox.say("more like 2", "<variation> 2 </variation>", "I cannot.")
    assert len(await fox.store.gallery(THREAD)) == before
    assert all("a blue fox" not in str(line) for line in fox.model.requests[-1].pictures)


async def test_one_report_a_person_and_picture_however_often_and_at_once_they_press(fox: World) -> None:
    answers = await asyncio.gather(*(fox.desk.press(report(BEN, event=f"e{n}")) for n in range(8)))
    assert sum("already" in answer.text for answer in answers) == 7
    (case,) = await fox.store.cases(THREAD.tenant_scope)
    assert (case.reports, case.state) == (1, PictureState.READY)


async def test_reports_at_once_hide_it_once(fox: World) -> None:
    people = [Person(f"p{n}", f"P{n}") for n in range(6)]
    await asyncio.gather(*(fox.desk.press(report(person)) for person in people))
    await fox.desk.settle()
    assert sum("is hidden" in said for _, said in fox.chat.told) == 1


async def test_a_moderators_report_hides_at_once_and_more_reports_change_nothing(fox: World) -> None:
    assert "/moderation report:1" in (await fox.desk.press(report(MODERATOR))).text
    assert await fox.store.hidden(THREAD) == {1}
    assert "hidden" in (await fox.desk.press(report(BEN))).text


async def test_the_maker_and_nobody_cannot_report(fox: World) -> None:
    assert "you can delete it" in (await fox.desk.press(report(ANNA))).text
    for picture, words in ((99, "no picture 99"), (None, "got lost")):
        answer = await fox.desk.press(Press(f"g-{picture}", THREAD, BEN, Action.REPORT, picture))
        assert words in answer.text
    await fox.desk.press(Press("d", THREAD, ANNA, Action.DELETE, 1))
    assert "was deleted" in (await fox.desk.press(report(BEN))).text
    assert not await fox.store.cases(THREAD.tenant_scope)


async def test_a_picture_that_is_deleted_meanwhile_is_no_case(fox: World) -> None:
    await fox.desk.press(report(BEN))
    await fox.desk.press(Press("d", THREAD, ANNA, Action.DELETE, 1))
    assert "No report waits" in (await give(fox, "moderation")).text
    assert "was deleted" in (await give(fox, "moderation", report=1, decide="show")).text
    assert "was deleted" in (await give(fox, "moderation", report=1)).text


async def test_reports_of_one_person_are_bounded_a_day(fox: World) -> None:
    picture = await fox.store.picture(THREAD, 1)
    assert picture is not None
    for number in range(10, 10 + A_DAY):
        await fox.store.add_picture(replace(picture, number=number), b"x%d" % number)
        assert "Thank you" in (await fox.desk.press(report(BEN, number))).text
    assert "today" in (await fox.desk.press(report(BEN, 1))).text


async def test_the_command_says_why(fox: World) -> None:
    assert "Thank you" in (await give(fox, "report", BEN, picture=1, why="hate")).text
    listed = (await give(fox, "moderation")).text
    assert "Report 1: picture 1, shown, 1 report (hate)" in listed
    assert "nowhere; /moderation log:here" in listed


# Decisions


async def test_moderators_see_it_and_show_it_again(fox: World) -> None:
    await hidden(fox)
    seen = await give(fox, "moderation", report=1)
    assert seen.private
    assert seen.files[0].spoiler
    assert seen.files[0].data
    assert "red fox" in seen.text
    assert "shown" in (await give(fox, "moderation", report=1, decide="show")).text
    await fox.desk.settle()
    assert [p.number for p in await fox.store.gallery(THREAD)] == [1, 2]
    assert fox.chat.redrawn[-1][1] == {}
    assert fox.chat.told[-1] == (ANNA.id, "A moderator has looked at picture 1: it is shown again.")
    (row,) = await fox.store.threads("web", THREAD.tenant)
    assert row.pictures == 2
    for n in range(5):  # it was decided: people alone hide it no more
        answer = await fox.desk.press(report(Person(f"new{n}", "New")))
        assert "let it stay" in answer.text
    assert not await fox.store.hidden(THREAD)
    assert "is hidden" in (await fox.desk.press(report(MODERATOR))).text
    assert await fox.store.hidden(THREAD) == {1}


async def test_moderators_delete_it_for_good(fox: World) -> None:
    await hidden(fox)
    picture = await fox.store.picture(THREAD, 1)
    assert picture is not None
    assert "deleted" in (await give(fox, "moderation", report=1, decide="delete")).text
    await fox.desk.settle()
    assert picture.sha256 not in fox.files.names()
    assert fox.chat.redrawn[-1][1] == {1: Why.DELETED}
    assert (await fox.store.session(THREAD)).next_number == 3
    log = (await give(fox, "moderation", log="show")).text
    assert "reported pictures deleted, by u3" in log
    assert "picture, other ×3\n" in log + "\n", "who reported is nobody's business"


async def test_hidden_things_outlive_a_restart_and_still_wait_for_a_decision(fox: World) -> None:
    for person in (BEN, CARL):
        await fox.desk.press(report(person))
    await fox.restart()
    await fox.desk.press(report(DORA))
    await fox.restart()
    assert await fox.store.hidden(THREAD) == {1}
    assert "Report 1: picture 1, hidden, 3 reports" in (await give(fox, "moderation")).text
    await give(fox, "moderation", report=1, decide="show")
    assert not await fox.store.hidden(THREAD)


async def test_only_moderators_of_the_place_decide(fox: World) -> None:
    await hidden(fox)
    assert "Only moderators" in (await give(fox, "moderation", BEN)).text
    assert "Only moderators" in (await give(fox, "moderation", BEN, report=1, decide="show")).text
    elsewhere = ThreadKey("web", "other", "c", "t")
    for arguments in ({"report": 1}, {"report": 1, "decide": "delete"}):
        call = CommandCall("e", elsewhere, MODERATOR, "moderation", arguments)  # type: ignore[arg-type]
        assert "no report 1" in (await fox.desk.command(call)).text
    direct = ThreadKey("discord", "-", "1", "1")
    assert "nothing to moderate" in (await fox.desk.command(CommandCall("f", direct, ADMIN, "moderation"))).text
    assert await fox.store.hidden(THREAD) == {1}


@pytest.mark.parametrize("arguments", [{"decide": "show"}, {"report": 10**9}, {"report": 7, "decide": "delete"}])
async def test_garbage_is_a_sentence(fox: World, arguments: dict[str, str | int]) -> None:
    text = (await give(fox, "moderation", MODERATOR, **arguments)).text
    assert "report" in text
    assert "wrong" not in text


async def test_moderators_are_told_where_they_said_so(fox: World) -> None:
    await fox.desk.press(report(BEN, 2))
    await fox.desk.settle()
    assert not fox.chat.announced
    assert "told here" in (await give(fox, "moderation", log="here")).text
    await fox.restart()
    await fox.desk.press(report(CARL, 1))
    await fox.desk.settle()
    ((place, sentence),) = fox.chat.announced
    assert place == THREAD
    assert "Report 2: a picture was reported (other)" in sentence
    assert "/moderation report:2" in sentence
    fox.chat.gone = True
    await fox.desk.press(report(DORA, 1))  # nobody is told; the reports count
    await fox.desk.settle()
    fox.chat.gone = False
    await give(fox, "moderation", log="off")
    await fox.desk.press(report(BEN, 1))
    await fox.desk.settle()
    assert await fox.store.hidden(THREAD) == {1}
    assert len(fox.chat.announced) == 1


def shown(world: World) -> Reply:
    return world.chat.opened[-1].snapshots[-1]


async def growing(world: World) -> tuple[asyncio.Task[None], str]:
    """An answer whose first picture is there, and the job of its second."""
    world.pictures.held = True
    world.model.scripts.append("<image> a fox </image> and <image> a cat </image>")
    asking = asyncio.create_task(world.desk.receive(message("two")))
    await until(lambda: len(world.pictures.submissions) == 2)
    await world.pictures.complete(world.pictures.submissions[0])
    await world.chat.until(lambda: any(part.state is SlotState.READY for part in pictures(shown(world))))
    return asking, world.pictures.submissions[1]


async def test_an_answer_that_still_grows_stops_showing_it(world: World) -> None:
    asking, second = await growing(world)
    await world.desk.press(report(MODERATOR))
    await world.chat.until(lambda: not any(part.number == 1 for part in pictures(shown(world))))
    said = [part.sentence for part in shown(world).parts if isinstance(part, NoticePart)]
    assert said == ["Picture #1 was reported and is hidden."]
    await world.pictures.complete(second)
    await asking
    await world.desk.settle()
    assert [part.number for part in pictures(world.chat.last)] == [2]
    await give(world, "moderation", report=1, decide="show")
    await world.desk.settle()
    assert world.chat.redrawn[-1][1] == {}, "the stored answer still knows where it stood"


async def test_a_restart_in_the_middle_of_an_answer_does_not_show_it_again(world: World) -> None:
    asking, second = await growing(world)
    picture = await world.store.picture(THREAD, 1)
    assert picture is not None
    await world.store.report(picture, MODERATOR, Reason.OTHER, enough=3, agreed=True)
    await world.dies(asking)
    await world.pictures.complete(second)
    await world.desk.resume(world.chat)
    await world.chat.until(lambda: bool(world.chat.replies))
    assert [part.number for part in pictures(world.chat.last)] == [2]


# Blocks


async def test_a_blocked_person_gets_nothing_and_one_sentence_a_day(fox: World) -> None:
    await fox.say("a cat", "<image> a cat </image>", person=BEN)
    assert "Ben is blocked" in (await give(fox, "moderation", block="Ben")).text
    await fox.desk.settle()
    asked, made = len(fox.model.requests), len(await fox.store.gallery(THREAD))
    for n in range(3):
        await fox.desk.receive(message("a dog", f"b{n}", BEN, THREAD))
    assert [said for who, said in fox.chat.told if who == BEN.id] == [BLOCKED]
    assert (await fox.desk.press(Press("v", THREAD, BEN, Action.VARY, 1))).text == ""
    assert (await give(fox, "gallery", BEN)).text == ""
    assert (await fox.desk.press(report(BEN))).text == ""
    await fox.desk.vote(Vote(THREAD, BEN, 1, up=True))
    where = Whereabouts(THREAD)
    assert await fox.desk.refusal(where, BEN) == ""
    assert await fox.desk.refusal(replace(where, untold=True), BEN) == BLOCKED
    assert await fox.desk.refusal(where, ANNA) is None
    assert (len(fox.model.requests), len(await fox.store.gallery(THREAD))) == (asked, made)
    assert not await fox.store.votes(THREAD)
    assert not await fox.store.cases(THREAD.tenant_scope)


async def test_a_block_holds_in_its_place_alone_and_after_a_restart_and_is_told_again_the_next_day(fox: World) -> None:
    now = [utc_now()]
    fox.make_desk = partial(desk, fox, lambda: now[0])
    await fox.store.block(THREAD, BEN, MODERATOR)
    await fox.restart()
    await fox.desk.receive(message("a dog", "1", BEN, THREAD))
    await fox.desk.receive(message("a dog", "1", BEN, THREAD))
    now[0] += timedelta(hours=23)
    await fox.desk.receive(message("a dog", "2", BEN, THREAD))
    assert len(fox.chat.told) == 1
    now[0] += timedelta(hours=2)
    await fox.desk.receive(message("a dog", "3", BEN, THREAD))
    assert len(fox.chat.told) == 2
    other = ThreadKey("web", "other", "c", "t")
    assert await fox.desk.refusal(Whereabouts(other), BEN) is None


async def test_a_lifted_block_is_over(fox: World) -> None:
    await fox.say("hello", "Hi.", person=BEN)
    await give(fox, "moderation", block="Ben")
    assert "Blocked since" in (await give(fox, "moderation")).text
    assert "blocked already" in (await give(fox, "moderation", block="BEN")).text
    assert "not blocked any more" in (await give(fox, "moderation", lift="ben")).text
    assert "Nobody like that" in (await give(fox, "moderation", lift="ben")).text
    await fox.say("a cat", "<image> a cat </image>", person=BEN)
    assert len(await fox.store.gallery(THREAD)) == 3
    log = (await give(fox, "moderation", log="show")).text
    assert "person blocked, by u3" in log
    assert "block lifted, by u3" in log


async def test_who_moderates_is_never_kept_out(fox: World) -> None:
    """Nobody can block those above them, and a moderator who was blocked before is none below."""
    for person in (ADMIN, MODERATOR):
        await fox.store.block(THREAD, person, BEN)
        assert await fox.desk.refusal(Whereabouts(THREAD), person) is None
    assert "cannot block yourself" in (await give(fox, "moderation", block=MODERATOR.id)).text


async def test_the_maker_of_a_report_is_blocked_with_it_and_what_is_made_for_them_stops(fox: World) -> None:
    await fox.desk.press(report(BEN))
    fox.pictures.held = True
    asking = asyncio.create_task(fox.say("a cat", "<image> a cat </image>"))
    await until(lambda: len(fox.pictures.submissions) == 3)
    text = (await give(fox, "moderation", report=1, decide="block")).text
    assert "picture 1 is hidden" in text
    assert "Anna is blocked" in text
    await fox.desk.settle()
    await asking
    assert fox.pictures.cancelled
    assert await fox.desk.refusal(Whereabouts(THREAD), ANNA) == BLOCKED


async def test_a_guest_who_comes_with_another_name_is_blocked_by_their_account(fox: World) -> None:
    guest = Person("guest1", "Guest", account="address-1")
    await fox.say("a cat", "<image> a cat </image>", person=guest)
    await give(fox, "moderation", block="guest1")
    assert await fox.desk.refusal(Whereabouts(THREAD), Person("guest2", "Guest", account="address-1")) == BLOCKED
    assert await fox.desk.refusal(Whereabouts(THREAD), Person("guest3", "Guest", account="address-2")) is None


# Forgetting


async def test_forgetting_takes_words_and_pictures_and_leaves_pseudonyms(fox: World) -> None:
    """A blocked person can still have everything deleted; the block and the report hold on without their name."""
    await hidden(fox)
    await fox.store.block(THREAD, ANNA, MODERATOR)
    sha = (await fox.store.picture(THREAD, 1)).sha256  # type: ignore[union-attr]
    await fox.desk.receive(message("/forget yes", "f", ANNA, THREAD))
    assert "Deleted" in fox.chat.answers[-1][1].text
    await give(fox, "forget", BEN, confirm="yes")
    assert sha not in fox.files.names()
    assert not await fox.store.hidden(THREAD)
    await fox.stop()
    data = (fox.home / "easel.db").read_bytes()
    await fox.start()
    assert b"Anna" not in data
    assert b"a red fox" not in data
    assert sha.encode() in data, "which file it was is kept with the report"
    assert await fox.desk.refusal(Whereabouts(THREAD), ANNA) == BLOCKED
    assert "somebody who had their data deleted" in (await give(fox, "moderation")).text
    assert "not blocked any more" in (await give(fox, "moderation", lift=ANNA.id)).text


async def test_decided_reports_are_forgotten_in_time_and_open_ones_wait(fox: World) -> None:
    await fox.desk.press(report(BEN, 1))
    await fox.desk.press(report(BEN, 2))
    await give(fox, "moderation", report=1, decide="show")
    store: SqliteStore = fox.store
    assert await store.forget_cases(utc_now().timestamp() - 60) == 0
    assert await store.forget_cases(utc_now().timestamp() + 60) == 1
    assert [case.id for case in await store.cases(THREAD.tenant_scope)] == [2]
    assert await store.prune(utc_now()) is not None
    assert await store.forget_cases(utc_now().timestamp() + 60) == 1


async def test_what_is_hidden_is_pruned_with_its_file(fox: World) -> None:
    await hidden(fox)
    sha = (await fox.store.picture(THREAD, 1)).sha256  # type: ignore[union-attr]
    await fox.store.prune(utc_now())
    assert sha not in fox.files.names()
