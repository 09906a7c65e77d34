"""What is refused, covered or let through on its way: messages, descriptions, uploads, pictures and previews."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from handlers.desk import Desk
from handlers.errors import Declined
from handlers.model import (
    Action,
    Attachment,
    CommandCall,
    Person,
    PicturePart,
    Press,
    SlotState,
    ThreadKey,
    TurnState,
    Whereabouts,
)
from handlers.moderation.model import Category, Finding, Kind, Level, Subject, Weight
from handlers.moderation.policy import Borderline, Policy
from handlers.moderation.words import WordRules
from handlers.observer import NoObserver
from handlers.ports import ModeratorUnavailable
from handlers.quota_rules import Sharers, share_key
from handlers.screen import House, Previews, Screen
from imaging.model import Done, FailureKind
from tests.fakes import ABILITIES, ANNA, BEN, THREAD, message, pictures, png, rendered, words
from tests.handlers.conftest import World

ADMIN = Person("u9", "Ada", admin=True)
COVERED = "a bikini"
GORE = "a bloody massacre"


class Eyes:
    """A moderator that finds what a table of words says, and in pictures what they are set to."""

    def __init__(self, name: str = "eyes") -> None:
        self.name = name
        self.seen: list[Subject] = []
        self.words = {
            "massacre": (Category.VIOLENCE, Weight.CLEAR),
            "bikini": (Category.SEXUAL, Weight.BORDERLINE),
            "nude": (Category.SEXUAL, Weight.CLEAR),
        }
        self.pictures: dict[Kind, tuple[Category, Weight]] = {}
        self.down = ""
        self.waits: Callable[[Subject], Awaitable[object]] | None = None

    async def look(self, subject: Subject) -> Sequence[Finding]:
        self.seen.append(subject)
        if self.waits is not None:
            await self.waits(subject)
        if self.down:
            raise ModeratorUnavailable(self.down)
        found = [what for word, what in self.words.items() if word in subject.text and subject.picture is None]
        if subject.picture is not None and subject.kind in self.pictures:
            found.append(self.pictures[subject.kind])
        if "pupil" in subject.text and any(category is Category.SEXUAL for category, _ in found):
            found.append((Category.MINORS, Weight.CLEAR))
        return [Finding(category, weight, self.name, "as told") for category, weight in found]

    def kinds(self) -> list[Kind]:
        return [subject.kind for subject in self.seen]


class Counts(NoObserver):
    def __init__(self) -> None:
        self.judged_: list[tuple[str, str, str]] = []
        self.failed: list[str] = []

    def judged(self, chat: str, kind: str, category: str, verdict: str) -> None:
        self.judged_.append((kind, category, verdict))

    def moderator_failed(self, name: str) -> None:
        self.failed.append(name)


@pytest.fixture
def eyes() -> Eyes:
    return Eyes()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def moderated(world: World, eyes: Eyes, counts: Counts) -> World:
    guard(world, eyes, counts=counts)
    return world


def guard(world: World, *eyes: Eyes, house: House | None = None, counts: Counts | None = None) -> None:
    """Give the world a desk with these moderators; so has every later one of it."""
    observer = counts or Counts()

    def desk() -> Desk:
        screen = Screen(eyes, house, world.store, observer)
        chats = {world.chat.name: world.chat}
        return Desk(world.store, world.model, world.pictures, chats, world.limits, screen=screen, observer=observer)

    world.make_desk = desk
    world.desk = desk()


def guard_by_words(world: World) -> None:
    def desk() -> Desk:
        chats = {world.chat.name: world.chat}
        screen = Screen((WordRules.load(),), store=world.store)
        return Desk(world.store, world.model, world.pictures, chats, world.limits, screen=screen)

    world.make_desk = desk
    world.desk = desk()


async def spent(world: World) -> int:
    at = world.desk.services.quota
    return (await at.today(THREAD, ANNA)).pictures


def only(world: World) -> PicturePart:
    (part,) = pictures(world.chat.last)
    return part


# Words


async def test_a_message_that_is_refused_reaches_no_model_and_is_told_calmly(moderated: World, counts: Counts) -> None:
    reply = await moderated.say(GORE)
    assert moderated.model.requests == []
    assert words(reply) == "I do not draw cruelty and gore here; please ask for something else."
    assert counts.judged_ == [("message", "violence", "refuse")]
    turn = await moderated.store.turn(reply.turn)
    assert turn is not None
    assert turn.state is TurnState.DECLINED
    await moderated.say("a boat", "<image> a boat </image>")
    assert GORE not in repr(moderated.model.requests[-1])


async def test_a_description_that_a_model_writes_is_refused_at_its_place(moderated: World) -> None:
    reply = await moderated.say("two, please", f"One <image> {GORE} </image> two <image> a boat </image>")
    (part,) = pictures(reply)
    assert part.description == "a boat"
    assert part.state is SlotState.READY
    assert "I do not draw cruelty and gore here" in words(reply)
    assert [request.recipe.description for request in moderated.pictures.requests.values()] == ["a boat"]
    assert await spent(moderated) == 1


@pytest.mark.parametrize(
    ("chosen", "tag", "written_out"),
    [
        ({"style": GORE}, "<image> a boat </image>", ()),
        ({}, f'<image style="{GORE}"> a boat </image>', ()),
        ({"refinement": "always"}, "<image> a boat </image>", (GORE,)),
    ],
    ids=["the thread's style", "the tag's style", "written out"],
)
async def test_whatever_words_are_drawn_are_looked_at(
    moderated: World, chosen: dict[str, str], tag: str, written_out: tuple[str, ...]
) -> None:
    await moderated.store.choose(str(THREAD), chosen)
    reply = await moderated.say("a boat", tag, *written_out)
    assert pictures(reply) == []
    assert "I do not draw" in words(reply)
    assert not moderated.pictures.requests


async def test_what_shall_not_be_in_a_picture_and_the_hosts_own_words_are_no_request(
    moderated: World, eyes: Eyes
) -> None:
    moderated.pictures.abilities = replace(ABILITIES, prompt_prefix="massacre_safe", negative_prompt="nude")
    reply = await moderated.say("a boat", f'<image negative="{GORE}"> a boat </image>')
    assert only(moderated).state is SlotState.READY, words(reply)
    assert f"a boat, without {GORE}" in [subject.text for subject in eyes.seen]


@pytest.mark.parametrize(
    ("negative", "covered"),
    [("clothes", True), ("blur, nude, clothes", True), ("blur, nude", False), ("pupil", False), ("fog", False)],
)
async def test_what_is_asked_for_by_leaving_something_out_is_seen(
    moderated: World, eyes: Eyes, negative: str, covered: bool
) -> None:
    eyes.words["without clothes"] = (Category.SEXUAL, Weight.BORDERLINE)
    eyes.words["nude"] = (Category.SEXUAL, Weight.CLEAR)
    await moderated.say("a dancer", f'<image negative="{negative}"> a dancer </image>')
    assert only(moderated).spoiler == covered
    assert only(moderated).state is SlotState.READY
    eyes.words["without clothes"] = (Category.SEXUAL, Weight.CLEAR)  # the host has become stricter since
    answer = await moderated.desk.press(Press("p1", THREAD, ANNA, Action.REDO, 1))
    await moderated.desk.settle()
    assert answer.text.startswith("I do not draw" if covered else "Picture 2 is on its way")


@pytest.mark.parametrize("action", [Action.EDIT, Action.VARY, Action.REFINE, Action.REDO])
async def test_buttons_go_through_the_same_door(moderated: World, eyes: Eyes, action: Action) -> None:
    await moderated.say("a boat", "<image> a boat </image>")
    eyes.words["boat"] = (Category.HATE, Weight.CLEAR)  # the host has become stricter since
    answer = await moderated.desk.press(Press("p1", THREAD, ANNA, action, 1, text="a bigger boat"))
    await moderated.desk.settle()
    assert answer.text.startswith("I do not draw hatred of people here")
    assert len(moderated.pictures.requests) == 1
    assert await spent(moderated) == 1


async def test_a_style_is_looked_at_before_it_is_set(moderated: World) -> None:
    call = CommandCall("c1", THREAD, ANNA, "settings", {"style": GORE})
    assert (await moderated.desk.command(call)).text.startswith("I do not draw")
    assert await moderated.store.chosen(str(THREAD)) == {}


async def test_who_a_scene_is_about_may_stand_in_the_message_alone(moderated: World, eyes: Eyes) -> None:
    """Neither the message nor the description would be refused for it by itself."""
    reply = await moderated.say("my pupil on holiday", f"<image> {COVERED} </image>")
    assert pictures(reply) == []
    assert words(reply) == "I do not draw anything sexual with minors here; please ask for something else."


async def test_who_a_scene_is_about_may_stand_in_earlier_messages_of_anybody(moderated: World) -> None:
    await moderated.say("my pupil is on holiday", "How nice!", person=BEN)
    await moderated.say("at the beach", "I see.")
    reply = await moderated.say("go on", f"<image> {COVERED} </image>")
    assert "anything sexual with minors" in words(reply)
    reply = await moderated.say("now with a bikini", event="e-bikini")
    assert "anything sexual with minors" in words(reply)
    for at in range(4):
        await moderated.say(f"a boat {at}", "Yes.")
    await moderated.say("a lifeguard", f"<image> {COVERED} </image>")
    assert only(moderated).spoiler


async def test_whom_an_edit_shows_its_parents_words_may_say(moderated: World, eyes: Eyes) -> None:
    await moderated.say("school", "<image> a pupil with a kite </image>")
    edit = Press("p1", THREAD, ANNA, Action.EDIT, 1, text="the same in a bikini")
    answer = await moderated.desk.press(edit)
    assert "anything sexual with minors" in answer.text
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.BORDERLINE)
    await moderated.desk.press(replace(edit, event="p2", text="the same at the beach"))
    await moderated.desk.settle()
    assert "anything sexual with minors" in (only(moderated).sentence or "")


async def test_whom_a_picture_shows_is_remembered_over_any_number_of_edits(moderated: World, eyes: Eyes) -> None:
    await moderated.say("school", "<image> a pupil with a kite </image>")
    for at in range(1, 6):
        await moderated.say(f"bluer, {at} times", f'<edit prev_id="{at}"> somebody with {at} kites </edit>')
    edit = Press("p1", THREAD, ANNA, Action.EDIT, 6, text="somebody in a bikini")
    assert "anything sexual with minors" in (await moderated.desk.press(edit)).text
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.BORDERLINE)
    await moderated.say("at the beach", '<edit prev_id="6"> somebody at the beach </edit>')
    assert "anything sexual with minors" in (only(moderated).sentence or "")


OFF = House(Policy(Level.OFF))


@pytest.mark.parametrize("house", [House(), OFF], ids=["standard", "off"])
@pytest.mark.parametrize("tags", [
    f'<edit prev_id="1"> {COVERED} </edit>',
    f'<edit prev_id="1"> a person </edit><edit prev_id="2"> {COVERED} </edit>',
], ids=["at once", "in steps"])  # fmt: skip
async def test_nobodys_photo_becomes_something_sexual(world: World, eyes: Eyes, house: House, tags: str) -> None:
    guard(world, eyes, house=house)
    await bring(world, Attachment("holiday.png", png(3)))
    reply = await world.say("go on", tags)
    assert "I do not draw real people like that here" in words(reply)
    assert all(part.description == "a person" for part in pictures(reply))
    edit = Press("p1", THREAD, ANNA, Action.EDIT, 1, text=COVERED)
    assert "I do not draw real people like that here" in (await world.desk.press(edit)).text


async def test_what_is_asked_to_be_done_to_a_photo_counts_however_a_model_writes_it(world: World, eyes: Eyes) -> None:
    guard(world, eyes)
    await bring(world, Attachment("holiday.png", png(3)))
    reply = await world.say(f"put her in {COVERED}", '<edit prev_id="1"> a person by the sea </edit>')
    assert "I do not draw real people like that here" in words(reply)
    await world.say(f"a statue in {COVERED}", "<image> a statue by the sea </image>")
    assert only(world).state is SlotState.READY


async def test_nobody_is_undressed_by_the_bundled_word_rules(world: World) -> None:
    guard_by_words(world)
    await bring(world, Attachment("holiday.png", png(3)))
    reply = await world.say("put her in a bikini", '<edit prev_id="1"> a person by the sea </edit>')
    assert "I do not draw real people like that here" in words(reply)
    edit = Press("p1", THREAD, ANNA, Action.EDIT, 1, text="a person in underwear")
    assert "I do not draw real people like that here" in (await world.desk.press(edit)).text
    await world.say("a mascot in a bikini", "<image> a cartoon frog in a bikini </image>")
    assert (only(world).state, only(world).spoiler) == (SlotState.READY, False)


async def test_what_is_drawn_from_a_photo_is_judged_as_one(world: World, eyes: Eyes) -> None:
    """A photo from the beach is borderline itself; what is beyond doubt is refused at every level."""
    guard(world, eyes, house=OFF)
    await bring(world, Attachment("holiday.png", png(3)))
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.BORDERLINE)
    await world.say("bluer", '<edit prev_id="1"> a blue sky </edit>')
    assert only(world).state is SlotState.READY
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.CLEAR)
    await world.say("bluer still", '<edit prev_id="1"> a bluer sky </edit>')
    assert "The picture seems to show real people like that" in (only(world).sentence or "")
    await world.say("a statue", "<image> a statue </image>")
    assert only(world).state is SlotState.READY  # drawn from words alone, at level off


async def test_a_real_person_is_kept_out_of_cruel_scenes_at_every_level(world: World, eyes: Eyes) -> None:
    guard(world, eyes, house=OFF)
    eyes.words["Emma"] = (Category.REAL_PEOPLE, Weight.BORDERLINE)
    await world.say("a portrait", "<image> Emma with a kite </image><image> a dragon </image>")
    for number, text in ((1, "I do not draw real people like that here"), (2, "is on its way")):
        edit = Press(f"p{number}", THREAD, ANNA, Action.EDIT, number, text=GORE)
        assert text in (await world.desk.press(edit)).text
    await world.desk.settle()


async def test_what_is_made_of_a_picture_that_turned_out_to_be_covered_is_covered(world: World, eyes: Eyes) -> None:
    """Both were asked for before anybody had seen the first."""
    guard(world, eyes)
    eyes.pictures[Kind.PICTURE] = (Category.VIOLENCE, Weight.BORDERLINE)

    async def only_the_first(subject: Subject) -> None:
        if eyes.kinds().count(Kind.PICTURE) == 2:
            eyes.pictures.clear()

    eyes.waits = only_the_first
    await world.say("a boat", '<image id="1"> a boat </image><refine prev_id="1"/>')
    assert [part.spoiler for part in pictures(world.chat.last)] == [True, True]


async def test_a_borderline_description_is_drawn_covered_and_so_is_what_is_made_of_it(moderated: World) -> None:
    await moderated.say("beach", f"<image> {COVERED} </image>")
    assert only(moderated).spoiler
    await moderated.restart()
    await moderated.say("bluer", '<edit prev_id="1"> something blue </edit>')
    assert only(moderated).spoiler
    assert [picture.spoiler for picture in await moderated.store.gallery(THREAD)] == [True, True]
    answer = await moderated.desk.press(Press("p1", THREAD, ANNA, Action.COMPARE, 2))
    assert [file.spoiler for file in answer.files] == [True]


async def test_what_models_and_endpoints_refuse_by_themselves_is_told_to_the_host_too(
    moderated: World, counts: Counts
) -> None:
    await moderated.say("something", [Declined("The provider refused this.")])
    moderated.pictures.fail_words["boat"] = "The endpoint refuses that."
    moderated.pictures.fail_kind = FailureKind.MODERATED
    await moderated.say("a boat", "<image> a boat </image>")
    moderated.pictures.fail_kind = FailureKind.REFUSED
    await moderated.say("a boat again", "<image> a boat </image>")
    assert counts.judged_ == [("message", "its own", "refuse"), ("description", "its own", "refuse")]


# Uploads


async def bring(world: World, *files: Attachment) -> None:
    world.model.scripts.append("Thank you.")
    await world.desk.receive(replace(message("look", f"e{len(files)}"), attachments=files))


async def test_an_upload_is_looked_at_before_it_is_stored(moderated: World, eyes: Eyes) -> None:
    eyes.pictures[Kind.UPLOAD] = (Category.SEXUAL, Weight.CLEAR)
    await bring(moderated, Attachment("me.png", png(3)))
    assert "me.png: I do not take pictures of sexual scenes here, so it was not kept." in words(moderated.chat.last)
    assert moderated.files.names() == set()
    assert await moderated.store.gallery(THREAD) == []
    to = moderated.chat.opened[-1].to
    assert to is not None
    assert to.attachments == ()  # nor does whoever posts the answer hold it


async def test_borderline_and_covered_uploads_are_kept_covered(moderated: World, eyes: Eyes) -> None:
    await bring(moderated, Attachment("a.png", png(3), covered=True), Attachment("b.png", png(4)))
    eyes.pictures[Kind.UPLOAD] = (Category.SEXUAL, Weight.BORDERLINE)
    await bring(moderated, Attachment("c.png", png(5)))
    assert [picture.spoiler for picture in await moderated.store.gallery(THREAD)] == [True, False, True]


# Pictures


async def test_a_refused_picture_leaves_a_sentence_and_nothing_else(moderated: World, eyes: Eyes) -> None:
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.CLEAR)
    await moderated.say("a boat", "<image> a boat </image>")
    part = only(moderated)
    assert part.state is SlotState.FAILED
    assert part.sentence is not None
    assert part.sentence.startswith("The picture seems to show sexual scenes, so it was not kept")
    assert part.sha256 is None
    assert moderated.pictures.discarded == [part.slot]
    assert moderated.files.names() == set()
    assert await moderated.store.gallery(THREAD) == []
    assert await spent(moderated) == 0
    assert not any(
        snapshot.sha256 for post in moderated.chat.opened for one in post.snapshots for snapshot in pictures(one)
    )


async def test_what_is_built_on_a_refused_picture_is_not_made(moderated: World, eyes: Eyes) -> None:
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.CLEAR)
    tags = '<image id="1"> a boat </image><refine prev_id="1"/>'
    await moderated.say("a boat", tags)
    first, second = pictures(moderated.chat.last)
    assert (first.state, second.state) == (SlotState.FAILED, SlotState.FAILED)
    assert "which was not made" in (second.sentence or "")


async def test_a_real_person_or_a_child_is_known_from_the_words_of_a_picture(moderated: World, eyes: Eyes) -> None:
    """The picture alone would come covered; with whom it shows it is refused."""
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.BORDERLINE)
    await moderated.say("school", "<image> a pupil at the beach </image>")
    assert "anything sexual with minors" in (only(moderated).sentence or "")
    await moderated.say("beach", "<image> a lifeguard at the beach </image>")
    assert only(moderated).state is SlotState.READY
    assert only(moderated).spoiler


async def test_jobs_of_an_earlier_program_are_held_to_the_rules_of_today(world: World, eyes: Eyes) -> None:
    guard(world, eyes)
    world.pictures.held = True
    world.model.scripts.append("Here: <image> a boat </image>")
    task = asyncio.create_task(world.desk.receive(message("a boat")))
    await world.pictures.submitted(1)
    await world.dies(task)
    eyes.words["boat"] = (Category.HATE, Weight.CLEAR)
    await world.pictures.complete_all()
    await world.desk.resume(world.chat)
    part = only(world)
    assert part.state is SlotState.FAILED
    assert world.pictures.discarded == [part.slot]
    assert world.files.names() == set()


async def test_a_restart_between_drawing_and_looking_shows_nothing_unseen(world: World, eyes: Eyes) -> None:
    guard(world, eyes)
    looking, go = asyncio.Event(), asyncio.Event()

    async def wait(subject: Subject) -> None:
        if subject.kind is Kind.PICTURE:
            looking.set()
            await go.wait()

    eyes.waits = wait
    world.model.scripts.append("Here: <image> a boat </image>")
    task = asyncio.create_task(world.desk.receive(message("a boat")))
    await asyncio.wait_for(looking.wait(), 10)
    snapshots = [part for post in world.chat.opened for one in post.snapshots for part in pictures(one)]
    assert all(part.state is not SlotState.READY and part.sha256 is None for part in snapshots)
    await world.dies(task)
    eyes.waits = None
    eyes.pictures[Kind.PICTURE] = (Category.VIOLENCE, Weight.CLEAR)
    await world.desk.resume(world.chat)
    part = only(world)
    assert part.state is SlotState.FAILED
    assert world.pictures.discarded == [part.slot]
    assert len(world.pictures.requests) == 1
    assert await spent(world) == 0


async def test_a_picture_that_is_being_looked_at_can_be_cancelled_and_is_gone_then(world: World, eyes: Eyes) -> None:
    guard(world, eyes)
    looking = asyncio.Event()

    async def wait(subject: Subject) -> None:
        if subject.kind is Kind.PICTURE:
            looking.set()
            await asyncio.Event().wait()

    eyes.waits = wait
    world.model.scripts.append("<image> a boat </image>")
    task = asyncio.create_task(world.desk.receive(message("a boat")))
    await asyncio.wait_for(looking.wait(), 10)
    await world.desk.command(CommandCall("c1", THREAD, ANNA, "cancel"))
    await asyncio.wait_for(task, 10)
    assert only(world).state is SlotState.CANCELLED
    assert world.pictures.discarded == [only(world).slot]
    assert world.files.names() == set()


@pytest.mark.parametrize(
    ("previews", "found", "shown"),
    [
        (Previews.SHOWN, None, [b"preview"]),
        (Previews.NONE, None, []),
        (Previews.CLEARED, None, [b"preview"]),
        (Previews.CLEARED, (Category.SEXUAL, Weight.CLEAR), []),
    ],
)
async def test_previews_are_shown_as_the_host_wants(
    world: World, eyes: Eyes, previews: Previews, found: tuple[Category, Weight] | None, shown: list[bytes]
) -> None:
    guard(world, eyes, house=House(previews=previews))
    if found is not None:
        eyes.pictures[Kind.PREVIEW] = found
    world.pictures.held = True
    world.model.scripts.append("<image> a boat </image>")
    task = asyncio.create_task(world.desk.receive(message("a boat")))
    await world.pictures.submitted(1)
    (id,) = world.pictures.requests
    await world.chat.until(lambda: any(part.step for part in pictures(world.chat.opened[-1].snapshots[-1])))
    await world.pictures.complete(id, Done(rendered(world.pictures.requests[id].recipe)))
    await asyncio.wait_for(task, 10)
    parts = [part for one in world.chat.opened[-1].snapshots for part in pictures(one)]
    assert sorted({part.preview for part in parts if part.preview is not None}) == shown
    assert (Kind.PREVIEW in eyes.kinds()) is (previews is Previews.CLEARED)
    assert only(world).state is SlotState.READY


# Who decides


async def test_several_moderators_are_asked_and_the_strictest_wins(world: World) -> None:
    mild, strict = Eyes("mild"), Eyes("strict")
    mild.words = {"boat": (Category.VIOLENCE, Weight.BORDERLINE)}
    strict.words = {"boat": (Category.HATE, Weight.CLEAR)}
    for order in ((mild, strict), (strict, mild)):
        guard(world, *order)
        reply = await world.say("now", "<image> a boat </image>", event=f"e{order[0].name}")
        assert words(reply) == "I do not draw hatred of people here; please ask for something else."


@pytest.mark.parametrize("broken", [ModeratorUnavailable("down"), RuntimeError("a bug")], ids=["down", "broken"])
async def test_one_that_fails_is_closed_or_open_as_the_host_sets(world: World, broken: Exception) -> None:
    counts, well, ill = Counts(), Eyes("well"), Eyes("ill")

    async def fails(subject: Subject) -> None:
        raise broken

    ill.waits = fails
    guard(world, well, ill, house=House(closed=True), counts=counts)
    reply = await world.say("a boat")
    assert words(reply) == "What you ask for cannot be checked just now; please try again in a few minutes."
    assert counts.failed == ["ill"]
    (problem,) = await world.desk.services.screen.problems()
    assert "ill" in problem
    assert "nothing is drawn" in problem

    guard(world, well, ill, house=House(closed=False), counts=counts)
    await world.say("a boat", "<image> a boat </image>", event="e2")
    assert only(world).state is SlotState.READY
    reply = await world.say(GORE, event="e3")
    assert "I do not draw cruelty" in words(reply)
    (problem,) = await world.desk.services.screen.problems()
    assert "the others decide" in problem
    ill.waits = None
    assert await world.desk.services.screen.problems() == []


async def test_a_finished_picture_that_cannot_be_judged_is_not_kept_where_it_is_closed(world: World) -> None:
    eyes = Eyes()

    async def fails(subject: Subject) -> None:
        if subject.kind is Kind.PICTURE:
            raise ModeratorUnavailable("down")

    eyes.waits = fails
    guard(world, eyes)
    await world.say("a boat", "<image> a boat </image>")
    assert only(world).state is SlotState.FAILED
    assert world.pictures.discarded == [only(world).slot]


# Where

DISCORD = ThreadKey("web", "77", "c1", "t1")


async def settings(world: World, by: Person = ADMIN, **arguments: str) -> str:
    call = CommandCall(f"c-{arguments}", DISCORD, by, "settings", dict(arguments))
    return (await world.desk.command(call)).text


async def level(world: World, thread: ThreadKey = DISCORD) -> Level:
    return (await world.desk.services.screen.policy(thread)).level


async def test_admins_make_a_channel_or_everything_stricter(moderated: World) -> None:
    assert "From now on in this channel" in await settings(moderated, moderation="strict", scope="channel")
    assert "moderation: strict" in await settings(moderated)
    reply = await moderated.say("beach", f"<image> {COVERED} </image>", thread=DISCORD)
    assert "I do not draw sexual scenes here" in words(reply)
    assert await level(moderated, replace(DISCORD, channel="c2")) is Level.STANDARD
    await settings(moderated, moderation="strict", scope="everywhere")
    assert await level(moderated, replace(DISCORD, channel="c2")) is Level.STRICT
    assert await level(moderated, replace(DISCORD, tenant="78")) is Level.STANDARD
    await settings(moderated, moderation="default", scope="channel")
    assert await level(moderated) is Level.STRICT


@pytest.mark.parametrize(
    ("arguments", "by", "told"),
    [
        ({"moderation": "strict", "scope": "channel"}, ANNA, "Only an admin"),
        ({"moderation": "strict"}, ADMIN, "say the scope too"),
        ({"moderation": "strict", "scope": "thread"}, ADMIN, "say the scope too"),
        ({"moderation": "off", "scope": "channel"}, ADMIN, "nothing looser than standard"),
        ({"moderation": "off", "scope": "everywhere"}, ADMIN, "nothing looser than standard"),
        ({"moderation": "loud", "scope": "channel"}, ADMIN, "Moderation is off, standard, strict or default"),
    ],
)
async def test_nobody_makes_it_looser_than_the_host(
    moderated: World, arguments: dict[str, str], by: Person, told: str
) -> None:
    assert told in await settings(moderated, by, **arguments)
    assert await level(moderated) is Level.STANDARD


async def test_an_age_restricted_channel_may_be_looser_also_after_a_restart(world: World, eyes: Eyes) -> None:
    guard(world, eyes, house=House(age_restricted=Level.OFF))
    await world.desk.refusal(Whereabouts(DISCORD, age_restricted=True), ANNA)
    await world.restart()
    assert await level(world) is Level.OFF
    assert await level(world, replace(DISCORD, thread="t2")) is Level.OFF
    assert await level(world, replace(DISCORD, channel="c2")) is Level.STANDARD
    await world.say(GORE, f"<image> {GORE} </image>", thread=DISCORD)
    assert only(world).state is SlotState.READY
    reply = await world.say("pupil", "<image> a nude pupil </image>", thread=DISCORD)
    assert "anything sexual with minors" in words(reply)
    assert "From now on" in await settings(world, moderation="standard", scope="channel")
    assert await level(world) is Level.STANDARD
    assert "nothing looser than standard" in await settings(world, moderation="off", scope="everywhere")
    await settings(world, moderation="default", scope="channel")
    await world.desk.refusal(Whereabouts(DISCORD), ANNA)  # it is for everybody again
    await world.restart()
    assert await level(world) is Level.STANDARD


async def test_a_host_refuses_the_borderline(world: World, eyes: Eyes) -> None:
    guard(world, eyes, house=House(Policy(borderline=Borderline.REFUSE)))
    reply = await world.say("beach", f"<image> {COVERED} </image>")
    assert "I do not draw sexual scenes here" in words(reply)


async def test_the_host_reads_what_was_decided_and_never_the_words(
    moderated: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await moderated.say(GORE)
    lines = [record.getMessage() for record in caplog.records if "moderation" in record.getMessage()]
    assert lines == [f"moderation in {THREAD}: message, refuse for violence by eyes: as told"]
    assert GORE not in caplog.text


async def test_a_refusal_leaves_no_share_of_the_quota_held(moderated: World, eyes: Eyes) -> None:
    moderated.limits = replace(moderated.limits)
    eyes.pictures[Kind.PICTURE] = (Category.SEXUAL, Weight.CLEAR)
    await moderated.say("a boat", "<image> a boat </image><image> two boats </image>")
    quota = moderated.desk.services.quota
    assert not any(quota._under_way.values())
    key = share_key(Sharers.PERSON, THREAD, ANNA)
    assert (await moderated.store.spent(Sharers.PERSON, key, quota._clock().replace(year=2000))).pictures == 0


async def test_a_covered_picture_is_handed_to_who_asks_and_covered_in_exports(moderated: World) -> None:
    await moderated.say("beach", f"<image> {COVERED} </image>")
    answer = await moderated.desk.press(Press("p1", THREAD, ANNA, Action.SHOW, 1))
    (file,) = answer.files
    assert answer.private
    assert file.spoiler
    assert file.data == await moderated.desk.services.marking.copy(only(moderated).sha256 or "", posted=True)
    exported = await moderated.desk.command(CommandCall("c1", THREAD, ANNA, "export"))
    with zipfile.ZipFile(io.BytesIO(exported.files[0].data)) as archive:
        page = archive.read("index.html").decode()
    assert "<details><summary>#1 may be sensitive</summary><img" in page
