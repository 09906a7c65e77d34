"""What a person may take beside pictures: messages, calls of the language model, bytes, answers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from handlers.errors import LanguageModelError
from handlers.model import Action, Attachment, CommandCall, Incoming, Person, Press, ThreadKey
from tests.fakes import ANNA, BEN, THREAD, png, words
from tests.handlers.conftest import World
from tests.waiting import until

FOX = "<image> a fox </image>"
ELSEWHERE = [ThreadKey("web", tenant, channel, "t") for tenant, channel in (("s1", "c"), ("s2", "c"), ("-", "dm"))]


async def usage(world: World, person: Person = ANNA) -> str:
    return (await world.desk.command(CommandCall("u", THREAD, person, "usage"))).text


# Messages


async def test_one_message_too_many_is_refused_once_and_costs_no_call(world: World) -> None:
    world.tune("2 messages in 1 min per person")
    for at in range(2):
        await world.say(f"hi {at}", "Hello.")
    for at in range(5):
        await world.desk.receive(Incoming(f"x{at}", THREAD, ANNA, "and again"))
    [(person, told)] = world.chat.told
    assert person == ANNA.id
    assert told.startswith("You have used your 2 messages of 1 min; there are new ones in ")
    assert len(world.model.requests) == 2
    await world.say("and I?", "You too.", person=BEN)
    assert "0 of 2 messages in 1 min left" in await usage(world)


async def test_a_message_that_comes_again_is_counted_once_and_never_refused(world: World) -> None:
    world.tune("1 messages in 1 min per person")
    await world.say("hi", "Hello.", event="e1")
    await world.restart()
    for _ in range(3):
        await world.desk.receive(Incoming("e1", THREAD, ANNA, "hi"))
    assert world.chat.told == []
    assert "0 of 1 message in 1 min left" in await usage(world)


@pytest.mark.parametrize("text", ["", "x" * 9000])
async def test_messages_that_are_turned_away_count_too(world: World, text: str) -> None:
    world.tune("2 messages in 1 min per person")
    for at in range(8):
        await world.desk.receive(Incoming(f"e{at}", THREAD, ANNA, text))
    assert len(world.chat.told) == 3  # each of two for what it is, then once for their number


async def test_a_refused_message_is_over_when_it_comes_again(world: World) -> None:
    world.tune("0 messages a day per person")
    await world.desk.receive(Incoming("e1", THREAD, ANNA, "hi"))
    world.tune()
    await world.desk.receive(Incoming("e1", THREAD, ANNA, "hi"))
    assert not world.model.requests


PRESSES: list[tuple[Action, bool]] = [
    (Action.VARY, True),
    (Action.VARIATIONS, True),
    (Action.EDIT, True),
    (Action.REFINE, True),
    (Action.REDO, True),
    (Action.COMPARE, True),
    (Action.SHOW, True),
    (Action.PICK, False),
    (Action.SELECT, False),
    (Action.RECIPE, False),
    (Action.UNDO, False),
    (Action.VOTE, False),
    (Action.CANCEL, False),
    (Action.STOP, False),
    (Action.DELETE, False),
    (Action.REPORT, False),
    (Action.DOT, False),
    (Action.OPEN, False),
    (Action.CLOSE, False),
    (Action.NEXT, True),
    (Action.FINISH, True),
    (Action.STATE, False),
    (Action.LEAD, True),
    (Action.SETTINGS, False),
]


def test_each_button_is_in_the_table() -> None:
    assert {action for action, _ in PRESSES} == set(Action)


@pytest.mark.parametrize(("action", "counts"), PRESSES)
async def test_buttons_that_take_work_count_as_messages_and_what_ends_work_never_does(
    world: World, action: Action, counts: bool
) -> None:
    world.tune("1 messages in 1 min per person")
    await world.say("a fox", FOX)
    answer = await world.desk.press(Press("p1", THREAD, ANNA, action, picture=1, text="a blue fox"))
    await world.desk.settle()
    assert ("You have used your 1 message of 1 min" in answer.text) is counts


async def test_an_export_counts_as_a_message(world: World) -> None:
    world.tune("1 messages in 1 min per person")
    await world.say("a fox", FOX)
    assert "You have used" in (await world.desk.command(CommandCall("c1", THREAD, ANNA, "export"))).text
    assert "a fox" in (await world.desk.command(CommandCall("c2", THREAD, ANNA, "gallery"))).text


# Calls of the language model


@pytest.mark.parametrize(
    ("scripts", "calls", "settings"),
    [
        (["Hello."], 1, {}),
        (["<variation> 9 </variation>", FOX], 2, {}),  # a repair
        ([FOX, "a red fox in deep snow"], 2, {"refinement": "always"}),  # a description written out
        ([[LanguageModelError("It is down.")]], 0, {}),
        ([["Well, ", LanguageModelError("It broke.")]], 1, {}),
    ],
)
async def test_every_call_counts_once_and_one_that_never_began_does_not(
    world: World, scripts: list[str], calls: int, settings: dict[str, str]
) -> None:
    world.tune("9 calls a day per person")
    await world.store.choose(str(THREAD), settings)
    await world.say("something", *scripts)
    assert f"{9 - calls} of 9 calls of the language model a day left" in await usage(world)


async def test_without_calls_left_the_answer_says_when_there_are_more(world: World) -> None:
    world.tune("1 calls a day in all")
    await world.say("hi", "Hello.")
    told = words(await world.say("and again", "never said", person=BEN))
    assert told.startswith("All people together have used their 1 call of the language model of today; there are new")
    assert len(world.model.requests) == 1


async def test_a_repair_without_calls_left_leaves_the_sentence_at_its_place(world: World) -> None:
    world.tune("1 calls a day per person")
    told = words(await world.say("another", "Yes. <variation> 9 </variation>", "never said"))
    assert "Yes." in told
    assert "9" in told
    assert len(world.model.requests) == 1


async def test_what_calls_cost_counts_as_money(world: World) -> None:
    world.tune("0.10 USD a day per person", call_price=0.04)
    for at in range(2):
        await world.say(f"hi {at}", "Hello.")
    assert "You have 0.02 of 0.10 USD a day left, and this needs more" in words(await world.say("hi 2", "no"))


async def test_a_description_is_written_out_in_the_answers_own_room(world: World) -> None:
    world.tune(answers_at_once=1, answers_per_person=1)
    await world.store.choose(str(THREAD), {"refinement": "always"})
    async with asyncio.timeout(10):
        await world.say("a fox", FOX, "a red fox in deep snow")
    assert [*world.pictures.requests.values()][-1].recipe.prompt.startswith("a red fox in deep snow")


async def test_a_person_has_so_many_answers_at_once_over_all_tenants(world: World) -> None:
    world.tune(answers_at_once=3, answers_per_person=2)
    go = asyncio.Event()
    world.model.scripts.extend([go, "Hello."] for _ in range(4))
    messages = [Incoming(f"a{at}", key, ANNA, "hi") for at, key in enumerate(ELSEWHERE)]
    mine = [asyncio.create_task(world.desk.receive(incoming)) for incoming in messages]
    await until(lambda: len(world.model.requests) == 2)
    other = asyncio.create_task(world.desk.receive(Incoming("b", THREAD, BEN, "hi")))
    await until(lambda: len(world.model.requests) == 3)
    assert world.desk.services.at_once.waiting == 1
    go.set()
    await asyncio.gather(*mine, other)
    assert len(world.model.requests) == 4


async def test_an_answer_that_waits_for_its_turn_can_be_stopped(world: World) -> None:
    world.tune(answers_at_once=1)
    go = asyncio.Event()
    world.model.scripts.extend([[go, "Hello."]])
    first = asyncio.create_task(world.desk.receive(Incoming("a", ELSEWHERE[0], BEN, "hi")))
    await until(lambda: len(world.model.requests) == 1)
    second = asyncio.create_task(world.desk.receive(Incoming("b", THREAD, ANNA, "hi")))
    await until(lambda: world.desk.services.at_once.waiting == 1)
    await world.desk.receive(Incoming("c", THREAD, ANNA, "stop"))
    await second
    assert "Stopped by Anna." in words(world.chat.last)
    go.set()
    await first
    assert world.desk.services.at_once.inside == 0


# Bytes


async def test_uploads_beyond_the_quota_are_left_out_and_the_words_answered(world: World) -> None:
    small = png(1)
    world.tune("0.01 MB a day per person")
    big = png_of_noise()
    incoming = Incoming("e1", THREAD, ANNA, "what is this?", (Attachment("noise.png", big), Attachment("s.png", small)))
    world.model.scripts.append("I cannot see it.")
    await world.desk.receive(incoming)
    told = words(world.chat.last)
    assert "At most 0 MB of files a day are allowed" in told
    assert "I cannot see it." in told
    assert not await world.store.gallery(THREAD)


def png_of_noise() -> bytes:
    import io
    import random

    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGB", (96, 96), random.Random(7).randbytes(96 * 96 * 3)).save(out, "PNG")
    return out.getvalue()


async def test_pictures_and_uploads_count_with_their_bytes(world: World) -> None:
    world.tune("1 MB a day per person")
    await world.desk.receive(Incoming("e1", THREAD, ANNA, "", (Attachment("s.png", png(1)),)))
    await world.say("a fox", FOX)
    spent = world.desk.services.quota
    stored = [len(await world.store.picture_bytes(one.sha256)) for one in await world.store.gallery(THREAD)]
    assert len(stored) == 2
    assert (await spent.today(THREAD, ANNA)).bytes == sum(stored)


# Over tenants


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("2 pictures a day per person", "You have used your 2 pictures"),
        ("2 messages a day per person", "You have used your 2 messages"),
        ("2 calls a day per person", "You have used your 2 calls"),
        ("2 pictures a day in all", "All people together have used their 2 pictures"),
    ],
)
async def test_a_person_counts_once_over_servers_and_direct_messages(world: World, rule: str, told: str) -> None:
    world.tune(rule)
    said: list[str] = []
    for at, key in enumerate(ELSEWHERE):
        await world.say(f"a fox {at}", FOX, thread=key)
        said = [words(world.chat.last), *(sentence for _, sentence in world.chat.told)]
    assert any(told in one for one in said)
    assert len(world.pictures.requests) == 2


async def test_guests_of_one_address_are_one_person(world: World) -> None:
    world.tune("2 pictures a day per person")
    for at in range(4):
        guest = Person(f"cookie{at}", f"Guest {at}", account="address-1")
        await world.say(f"a fox {at}", FOX, person=guest)
    assert len(world.pictures.requests) == 2
    await world.say("a fox", FOX, person=replace(ANNA, account="address-2"))
    assert len(world.pictures.requests) == 3


async def test_forgetting_gives_no_quota_back(world: World) -> None:
    world.tune("1 pictures a day per person")
    await world.say("a fox", FOX)
    await world.desk.command(CommandCall("f", THREAD, ANNA, "forget", {"confirm": "yes"}))
    await world.say("a fox again", FOX)
    assert len(world.pictures.requests) == 1


# At the same time


async def _press(world: World, at: int) -> None:
    await world.desk.press(Press(f"p{at}", THREAD, ANNA, Action.VARY, picture=1))


async def _say(world: World, at: int) -> None:
    await world.desk.receive(Incoming(f"s{at}", replace(THREAD, thread=f"t{at}"), ANNA, "a fox"))


@pytest.mark.parametrize("act", [_press, _say])
async def test_what_is_asked_at_the_same_moment_passes_no_limit(
    world: World, act: Callable[[World, int], Awaitable[None]]
) -> None:
    world.tune("3 pictures a day per person")
    world.model.scripts.extend([FOX] * 20)
    await world.say("a fox", event="first")
    await asyncio.gather(*(act(world, at) for at in range(12)))
    await world.desk.settle()
    assert len(world.pictures.requests) == 3
