"""The command table and its answers."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from handlers.commands import COMMANDS
from handlers.export.parts import Exported, export_files
from handlers.model import NOWHERE, CommandCall, Person, SlotState, ThreadKey
from imaging.model import Recipe
from tests.fakes import ANNA, BEN, THREAD, message, pictures, words
from tests.handlers.conftest import World

ADMIN = Person("u9", "Ada", admin=True)
SERVER = ThreadKey("web", "s1", "home", "t1")


async def give(
    world: World, name: str, person: Person = ANNA, thread: ThreadKey = THREAD, **arguments: str | int
) -> str:
    answer = await world.desk.command(CommandCall(f"c-{name}-{arguments}", thread, person, name, dict(arguments)))
    return answer.text


def test_every_row_fits_the_platforms() -> None:
    for spec in COMMANDS:
        assert re.fullmatch(r"[a-z]{1,32}", spec.name)
        assert len(spec.summary) <= 100
        for option in spec.options:
            assert re.fullmatch(r"[a-z]{1,32}", option.name)
            assert len(option.summary) <= 100
            assert all(type(choice) is str for choice in option.choices)  # discord.py takes no members of enums


@pytest.mark.parametrize(
    ("person", "thread", "admin"),
    [(ADMIN, SERVER, True), (ANNA, SERVER, False), (ADMIN, ThreadKey("terminal", NOWHERE, "local", "t"), False)],
)
async def test_help_lists_every_command_that_is_not_refused(
    world: World, person: Person, thread: ThreadKey, admin: bool
) -> None:
    text = await give(world, "help", person, thread)
    assert {spec.name for spec in COMMANDS if f"/{spec.name}" in text} == {
        spec.name for spec in COMMANDS if admin or not spec.admin_only
    }
    refused = await give(world, "access", person, thread)
    assert refused.startswith("I work in every channel") == admin
    assert "no command" in await give(world, "nonsense")


async def test_imagine_is_a_message(world: World) -> None:
    world.model.scripts.append("<image> a fox </image>")
    await give(world, "imagine", text="a fox")
    await world.desk.settle()
    assert pictures(world.chat.last)[0].state is SlotState.READY


async def test_gallery_and_queue_tell_what_there_is(world: World) -> None:
    assert "no pictures" in await give(world, "gallery")
    assert "Nothing" in await give(world, "queue")
    await world.say("a fox", "<image> a fox </image>")
    assert "#1 a fox · Anna · " in await give(world, "gallery")
    world.pictures.held = True
    world.model.scripts.append("<image> a cat </image>")
    answering = asyncio.create_task(world.desk.receive(message("a cat")))
    await world.chat.until(
        lambda: any(part.step for post in world.chat.opened for part in pictures(post.snapshots[-1]))
    )
    assert "Picture 2 is being made (step 1 of 4): a cat" in await give(world, "queue")
    assert "somebody else's" in await give(world, "cancel", BEN)
    assert "Cancelled: 2" in await give(world, "cancel", picture=2)
    await answering


async def test_beside_the_threads_a_command_about_one_says_where_it_belongs(world: World) -> None:
    await world.say("a fox", "Well.")
    for name in ("queue", "cancel", "export"):
        answer = await world.desk.command(CommandCall(name, THREAD, ANNA, name, in_thread=False))
        assert answer.text == f"/{name} is about one thread: give it there. The latest here: “a fox”."
    chosen = CommandCall("s", THREAD, ADMIN, "settings", {"size": "wide"}, in_thread=False)
    assert "in this channel: size: wide" in (await world.desk.command(chosen)).text


async def test_settings_hold_for_the_thread_or_by_admins_for_the_channel(world: World) -> None:
    other = ThreadKey("web", "-", "home", "t2")
    await give(world, "settings", size="wide")
    assert "admin" in await give(world, "settings", scope="channel", size="tall")
    await give(world, "settings", ADMIN, scope="channel", size="tall", language="German")
    assert "size: wide" in await give(world, "settings")
    assert "size: tall" in await give(world, "settings", thread=other)
    hall = ThreadKey("web", "-", "hall", "t3")
    assert "admin" in await give(world, "settings", scope="everywhere", style="comic")
    assert "everywhere here: style: comic" in await give(world, "settings", ADMIN, scope="everywhere", style="comic")
    assert "style: comic" in await give(world, "settings", thread=hall)
    assert "size: default" in await give(world, "settings", thread=hall)
    await give(world, "settings", thread=hall, style="logo")
    assert "style: logo" in await give(world, "settings", thread=hall)
    assert "A scope is" in await give(world, "settings", ADMIN, scope="world", style="comic")
    assert "A size is" in await give(world, "settings", size="huge")
    await world.say("a fox", "<image> a fox </image>")
    assert (await world.store.picture(THREAD, 1)).width == 96  # type: ignore[union-attr]
    assert world.model.requests[-1].language == "German"
    await give(world, "settings", size="default")
    assert "size: tall" in await give(world, "settings")


async def test_a_quota_counts_only_what_was_made_and_says_when_it_renews(world: World) -> None:
    world.tune("2 pictures a day per person")
    world.pictures.fail_words["cat"] = "No."
    await world.say("a", "<image> a cat </image>")
    await world.say("b", "<image count='2'> a fox </image>".replace("'", '"'))
    assert "You: 0 of 2 pictures a day left; more in" in await give(world, "usage")
    reply = await world.say("c", "Well <image> a fox </image> then")
    assert not pictures(reply)
    assert "used your 2 pictures of today" in words(reply)
    assert "00:00 UTC" in words(reply)
    reply = await world.say("d", "<image> a fox </image>", person=BEN)
    assert pictures(reply)[0].state is SlotState.READY


async def test_exports_lie_in_memory_one_after_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = most = 0

    async def counted(*args: Any, **options: Any) -> Exported:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            return await export_files(*args, **options)
        finally:
            inside -= 1

    monkeypatch.setattr("handlers.export.command.export_files", counted)
    await world.say("a fox", "Here <image> a red fox </image>")
    calls = [CommandCall(f"c{at}", THREAD, who, "export") for at in range(5) for who in (ANNA, BEN)]
    answers = await asyncio.gather(*map(world.desk.command, calls))
    assert all(answer.files for answer in answers)
    assert most == 1


async def test_an_export_has_pictures_recipes_transcript_and_a_page_of_its_own(world: World) -> None:
    await world.say("a <b>fox</b>", "Here <image> a red fox </image>")
    await world.say("blue", '<edit prev_id="1"> a blue fox </edit>')
    answer = await world.desk.command(CommandCall("c", THREAD, ANNA, "export"))
    archive = zipfile.ZipFile(io.BytesIO(answer.files[0].data))
    assert set(archive.namelist()) == {
        *("pictures/1.png", "pictures/2.png", "recipes/1.json", "recipes/2.json"),
        *("transcript.md", "index.html"),
    }
    recipe = Recipe.from_json(json.loads(archive.read("recipes/2.json")))
    assert recipe.description == "a blue fox"
    page = archive.read("index.html").decode()
    assert page.count("data:image/png;base64,") == 2
    assert "http:" not in page
    assert "https:" not in page
    assert "<b>fox" not in page
    assert page.count("<ul") == page.count("</ul>") == 2
    assert page.count("<li>") == page.count("</li>") == 2
    assert "[Picture 2: a blue fox]" in archive.read("transcript.md").decode()


async def test_forget_deletes_one_persons_data_and_leaves_the_thread_whole(world: World) -> None:
    await world.say("a secret fox", "A secret <image> a secret fox </image>")
    await world.say("more", '<edit prev_id="1" change="small"> a secret fox at night </edit>', person=BEN)
    await world.say("bens own", "Fine <image> a cat </image>", person=BEN)
    assert "confirm" in await give(world, "forget")
    assert len(world.files.names()) == 3
    assert "and 1 picture." in await give(world, "forget", confirm="yes")
    session = await world.store.session(THREAD)
    assert [picture.number for picture in session.pictures] == [2, 3]
    assert len(world.files.names()) == 2
    turns = await world.store.turns(THREAD)
    assert [turn.text for turn in turns[:2]] == ["(deleted)"] * 2
    assert "Anna" not in repr(turns)
    child = await world.store.picture(THREAD, 2)
    assert child is not None
    assert child.recipe is not None
    assert child.recipe.source is None
    world.model.scripts.append("<image> a dog </image>")
    await world.desk.receive(message("next", person=BEN))
    assert pictures(world.chat.last)[0].number == 4
    await world.restart()
    assert not await world.store.open_turns()


async def test_retention_deletes_what_is_older(world: World) -> None:
    await world.say("a fox", "<image> a fox </image>")
    assert (await world.desk.prune(timedelta(days=1))).pictures == 0
    gone = await world.desk.prune(timedelta(seconds=-1))
    assert (gone.turns, gone.pictures) == (2, 1)
    assert not world.files.names()
    reply = await world.say("a cat", "<image> a cat </image>")
    assert pictures(reply)[0].number == 2
