"""Growing answers: pace, pictures, and everything that can happen to a message on the way."""

from __future__ import annotations

import gc
import io
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
from PIL import Image

from bot.chats.discord.config import DiscordConfig
from handlers.model import Action, NoticePart, Reply, Role, SlotState, TextPart, ThreadKey, Turn, TurnState
from handlers.ports import ChatUnavailable
from handlers.presentation import Why
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import picture, ready
from tests.fakes import png

QUICK = DiscordConfig(token="t", shard_count=1, edit_interval_s=0, retry_s=0)


class Growing:
    """An answer under way in a thread of its own."""

    def __init__(self, world: World, thread: Any) -> None:
        self.world = world
        self.thread = thread
        self.key = world.handlers.received[0].thread
        self.post = world.chat.open_reply("turn-1", self.key, None, None)

    def reply(self, *parts: Any, final: bool = False) -> Reply:
        return Reply("turn-1", self.key, parts, thinking=False, final=final)

    async def show(self, *parts: Any) -> None:
        self.post.show(self.reply(*parts))
        await self.world.chat._tasks.idle()

    async def finish(self, *parts: Any) -> str | None:
        return await self.post.finish(self.reply(*parts, final=True))

    def ready(self, number: int = 1, data: bytes | None = None) -> Any:
        return ready(number, self.world.store.add(self.key, number, "a red fox", data=data))

    def requests(self, method: str) -> int:
        return sum(
            1
            for entry in self.world.env.http_requests
            if entry.method == method and f"/channels/{self.thread.id}/messages" in entry.path
        )


@pytest.fixture
def config() -> DiscordConfig:
    return QUICK


@pytest.fixture
async def growing(world: World) -> Growing:
    world.handlers.parts = ()
    return Growing(world, await world.begin())


def noise(side: int) -> bytes:
    """A PNG of about three bytes a pixel."""
    out = io.BytesIO()
    data = random.Random(1).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), data).save(out, "PNG", compress_level=1)
    return out.getvalue()


def turn(id: str, thread: ThreadKey) -> Turn:
    return Turn(id, thread, 1, Role.ASSISTANT, None, "", datetime(2026, 1, 1, tzinfo=UTC), TurnState.OPEN)


def words(message: discord.Message) -> str:
    return " ".join(getattr(component, "content", "") for component in message.components)


async def test_one_message_grows_from_thinking_to_pictures(growing: Growing) -> None:
    growing.post.show(Reply("turn-1", growing.key))
    await growing.world.chat._tasks.idle()
    assert "thinking" in words(growing.thread.last_message)
    await growing.show(TextPart("A fox"), picture(1, position=1, eta_s=12))
    assert "1 picture before it, about 12 s" in words(growing.thread.last_message)
    rendering = picture(1, state=SlotState.RENDERING, step=3, total=8, preview=png(50))
    await growing.show(TextPart("A fox"), rendering)
    assert "step 3 of 8" in words(growing.thread.last_message)
    assert growing.thread.last_message.attachments[0].filename.startswith("preview-1-")
    reference = await growing.finish(TextPart("A fox"), growing.ready())
    [message] = growing.thread.history()
    assert reference == str(message.id)
    assert [file.filename.split("-")[:2] for file in message.attachments] == [["picture", "1"]]
    gallery = next(c for c in message.components if isinstance(c, discord.MediaGalleryComponent))
    assert gallery.items[0].description == "#1: a red fox (made with AI)"


async def test_many_snapshots_are_few_edits(growing: Growing) -> None:
    for count in range(200):
        growing.post.show(growing.reply(TextPart("word " * count)))
    await growing.finish(TextPart("done"))
    assert growing.requests("POST") + growing.requests("PATCH") <= 2
    assert words(growing.thread.last_message) == "done"


async def test_finishing_twice_posts_once(growing: Growing) -> None:
    await growing.finish(TextPart("done"), growing.ready())
    again = growing.world.chat.open_reply("turn-1", growing.key, None, None)
    await again.finish(growing.reply(TextPart("done"), growing.ready(), final=True))
    assert len(growing.thread.history()) == 1


async def test_a_restart_in_the_middle_goes_on_in_the_same_message(growing: Growing) -> None:
    await growing.show(TextPart("A fox, ha"))
    growing.world.store.open = [turn("turn-1", growing.key)]
    await growing.world.env.restart_bot(growing.world.chat_again().client)
    again = growing.world.chat.open_reply("turn-1", growing.key, None, None)
    await again.finish(growing.reply(TextPart("A fox, half and whole"), growing.ready(), final=True))
    [message] = growing.thread.history()
    assert words(message).startswith("A fox, half and whole")
    assert len(message.attachments) == 1


async def test_what_is_finished_is_not_remembered_after_the_next_start(growing: Growing) -> None:
    memory = growing.world.memory
    await growing.finish(TextPart("done"))
    assert [key for key, _ in await memory.items("post:")] == ["post:turn-1"]
    await growing.world.env.restart_bot(growing.world.chat_again().client)
    await growing.world.env.settle()
    assert await memory.items("post:") == []


async def test_a_send_whose_answer_was_lost_is_not_repeated(growing: Growing) -> None:
    await growing.show(TextPart("A fox"))
    await growing.world.memory.put("post:turn-1", None)
    again = growing.world.chat.open_reply("turn-1", growing.key, None, None)
    await again.finish(growing.reply(TextPart("A fox"), final=True))
    sent = [e.json for e in growing.world.env.http_requests if e.json and "nonce" in e.json]
    # Discord gives the first message back for the second; the simulation makes two.
    assert sent[-1]["nonce"] == sent[-2]["nonce"]
    assert sent[-1]["enforce_nonce"]


async def test_a_message_too_old_to_edit_is_continued_in_a_new_one(growing: Growing) -> None:
    await growing.show(TextPart("A fox"), picture(1))
    growing.world.env.inject_error("PATCH", "/channels/*/messages/*", status=400, code=30046)
    await growing.finish(TextPart("A fox"), growing.ready())
    [message] = growing.thread.history()
    assert len(message.attachments) == 1


async def test_a_message_that_somebody_deleted_comes_again_with_the_result(growing: Growing) -> None:
    await growing.show(TextPart("A fox"), picture(1))
    await growing.world.bea.delete(growing.thread.last_message)
    await growing.finish(TextPart("A fox"), growing.ready())
    [message] = growing.thread.history()
    assert len(message.attachments) == 1


async def test_an_archived_thread_is_opened_again(growing: Growing) -> None:
    await growing.show(TextPart("A fox"))
    growing.world.env.inject_error("PATCH", "/channels/*/messages/*", status=400, code=50083)
    await growing.finish(TextPart("A fox runs"))
    assert words(growing.thread.last_message) == "A fox runs"
    changed = [entry.path for entry in growing.world.env.http_requests if entry.method == "PATCH"]
    assert f"/channels/{growing.thread.id}" in changed


@pytest.mark.parametrize(("status", "code"), [(500, 0), (503, 0), (429, 20016), (429, 0)])
async def test_passing_troubles_are_waited_out(growing: Growing, status: int, code: int) -> None:
    growing.world.env.inject_error("POST", f"/channels/{growing.thread.id}/messages", status=status, code=code, times=2)
    await growing.finish(TextPart("done"))
    assert words(growing.thread.last_message) == "done"


@pytest.mark.parametrize("code", [10003, 50001, 10004, 160005])
async def test_a_place_that_is_gone_is_said_to_the_handlers(growing: Growing, code: int) -> None:
    await growing.show(TextPart("A fox"))
    growing.world.env.inject_error("*", "/channels/*/messages*", status=403, code=code, times=None)
    with pytest.raises(ChatUnavailable):
        await growing.finish(TextPart("A fox runs"))


async def test_without_attach_files_the_words_come_with_the_way_out(growing: Growing) -> None:
    await growing.show(TextPart("A fox"))
    growing.world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013)
    await growing.finish(TextPart("A fox"), growing.ready())
    message = growing.thread.last_message
    assert "Attach Files" in words(message)
    assert message.attachments == []


async def test_a_picture_that_the_servers_filter_refuses_leaves_the_words(growing: Growing) -> None:
    growing.world.env.inject_error("POST", f"/channels/{growing.thread.id}/messages", status=400, code=20009)
    await growing.finish(TextPart("A fox"), growing.ready())
    assert "content filter" in words(growing.thread.last_message)
    assert words(growing.thread.last_message).startswith("A fox")


async def test_a_picture_over_the_upload_limit_is_made_smaller(growing: Growing) -> None:
    data = noise(2200)
    assert len(data) > 10 * 1024 * 1024
    await growing.finish(growing.ready(data=data))
    [file] = growing.thread.last_message.attachments
    assert file.size <= 10 * 1024 * 1024
    assert file.filename.endswith((".webp", ".jpg"))


async def test_a_server_that_takes_less_than_it_says_gets_less(growing: Growing) -> None:
    path = f"/channels/{growing.thread.id}/messages"
    growing.world.env.inject_error("POST", path, status=413, code=40005, times=2)
    data = noise(512)
    await growing.finish(growing.ready(data=data))
    [file] = growing.thread.last_message.attachments
    assert file.size <= len(data) // 4
    growing.world.env.inject_error("POST", path, status=413, code=40005, times=6)
    other = growing.world.chat.open_reply("turn-2", growing.key, None, None)
    await other.finish(Reply("turn-2", growing.key, (growing.ready(2, noise(512)),), thinking=False, final=True))
    assert "too large for this server" in words(growing.thread.last_message)


@pytest.mark.parametrize(("interval", "uploads"), [(3600.0, 1), (0.0, 3)])
async def test_previews_are_uploaded_at_their_own_pace(growing: Growing, interval: float, uploads: int) -> None:
    config = replace(QUICK, preview_interval_s=interval)
    await growing.world.env.restart_bot(growing.world.chat_again(config).client)
    growing.post = growing.world.chat.open_reply("turn-1", growing.key, None, None)
    names = set()
    for step in (1, 2, 3):
        await growing.show(picture(1, state=SlotState.RENDERING, step=step, total=20, preview=png(step)))
        assert f"step {step} of 20" in words(growing.thread.last_message)
        names.add(growing.thread.last_message.attachments[0].filename)
    assert len(names) == uploads


async def test_failures_and_notices_stand_where_the_picture_would(growing: Growing) -> None:
    failed = picture(1, state=SlotState.FAILED, sentence="The engine is down; try again in a minute.")
    cancelled = picture(2, "a boat", state=SlotState.CANCELLED)
    await growing.finish(TextPart("One:"), failed, cancelled, NoticePart("2 more were left out."))
    text = words(growing.thread.last_message)
    assert "The engine is down" in text
    assert "a boat was cancelled" in text
    assert "2 more were left out." in text


async def test_a_picture_whose_file_is_lost_leaves_the_words(growing: Growing) -> None:
    part = growing.ready()
    growing.world.store.files.clear()
    await growing.finish(TextPart("A fox"), part)
    assert growing.thread.last_message.attachments == []
    assert "a red fox" in words(growing.thread.last_message)


async def test_tell_names_the_person_and_falls_back_to_a_direct_message(growing: Growing) -> None:
    person = growing.world.handlers.received[0].person
    await growing.world.chat.tell(growing.key, person, "That was too long.")
    assert words(growing.thread.last_message) == "-# **Ann**, That was too long."
    growing.world.env.inject_error("POST", f"/channels/{growing.thread.id}/messages", status=403, code=50001)
    await growing.world.chat.tell(growing.key, person, "That was too long.")
    user = growing.world.ann.user if hasattr(growing.world.ann, "user") else growing.world.ann._user
    assert user.dm_channel.last_message.content == "That was too long."


async def test_nothing_of_an_answer_stays_in_memory(growing: Growing) -> None:
    await growing.finish(TextPart("A fox"), growing.ready())
    views = growing.world.chat.client._connection._view_store
    assert not views._views
    assert not views._synced_message_views
    assert len(growing.world.chat._tasks) == 0


async def test_what_was_said_during_an_outage_is_answered_afterwards(world: World) -> None:
    thread = await world.begin()
    await world.memory.put("seen", "1000")
    missed = world.env.backend.create_message(thread.id, world.ann.id, "make it blue")
    world.handlers.received.clear()
    await world.env.restart_bot(world.chat_again().client)
    await world.env.settle()
    assert f"discord:m{missed.id}" in [incoming.event for incoming in world.handlers.received]


async def test_a_growing_answer_leaves_nothing_for_the_garbage_collector(growing: Growing) -> None:
    def circles() -> int:
        return sum(isinstance(each, discord.ui.LayoutView | discord.ui.Item) for each in gc.get_objects())

    gc.collect()
    before = circles()
    gc.disable()
    try:
        for words in ("A", "A red", "A red fox"):
            await growing.show(TextPart(words))
        await growing.finish(TextPart("A red fox."), growing.ready())
        assert growing.requests("PATCH") == 3
        assert circles() == before
    finally:
        gc.enable()


def pictures_of(growing: Growing) -> list[str]:
    """The numbers of the pictures that the thread shows, in order."""
    return [file.filename.split("-")[1] for message in growing.thread.history() for file in message.attachments]


def looks(message: discord.Message) -> list[str]:
    return [type(component).__name__.removesuffix("Component") for component in message.components]


async def test_an_answer_that_grows_to_many_pictures_loses_and_doubles_none_across_restarts(growing: Growing) -> None:
    parts: list[Any] = [TextPart("Three foxes")]
    for number in (1, 2, 3):
        await growing.show(*parts, picture(number, state=SlotState.RENDERING, step=1, total=2, preview=png(number)))
        parts.append(growing.ready(number))
        await growing.show(*parts)
        assert pictures_of(growing) == [str(n) for n in range(1, number + 1)]
        growing.world.store.open = [turn("turn-1", growing.key)]
        await growing.world.env.restart_bot(growing.world.chat_again(QUICK).client)
        growing.post = growing.world.chat.open_reply("turn-1", growing.key, None, None)
    await growing.finish(*parts)
    assert pictures_of(growing) == ["1", "2", "3"]
    [message] = growing.thread.history()
    assert looks(message) == ["TextDisplay", "TextDisplay", "MediaGallery", "TextDisplay", "ActionRow"]


async def test_words_between_many_pictures_stay_where_they_stood(growing: Growing) -> None:
    parts = [part for number in (1, 2, 3) for part in (TextPart(f"Idea {number}:"), growing.ready(number))]
    await growing.finish(*parts)
    [message] = growing.thread.history()
    assert looks(message) == ["TextDisplay", "TextDisplay", "MediaGallery"] * 3 + ["TextDisplay", "ActionRow"]
    assert pictures_of(growing) == ["1", "2", "3"]


async def test_of_many_pictures_on_their_way_each_can_be_cancelled_in_one_row(growing: Growing) -> None:
    waiting = [picture(number, position=number) for number in range(2, 9)]
    await growing.show(growing.ready(1), *waiting)
    rows = [row for row in growing.thread.last_message.components if isinstance(row, discord.ActionRow)]
    assert len(rows) == 3, "cancel, pick, stop"
    menu: Any = rows[0].children[0]
    await growing.world.ann.select(growing.thread.last_message, ["cancel:5"], custom_id=menu.custom_id)
    [press] = growing.world.handlers.pressed
    assert (press.action, press.picture, press.slot) == (Action.CANCEL, 5, None)


async def test_when_only_two_of_three_pictures_are_left_each_has_its_buttons_again(growing: Growing) -> None:
    parts = [growing.ready(number) for number in (1, 2, 3)]
    reference = await growing.finish(*parts)
    post = growing.world.chat.open_reply("turn-1", growing.key, None, reference)
    await post.redraw(growing.reply(*parts, final=True), {2: Why.DELETED})
    [message] = growing.thread.history()
    assert pictures_of(growing) == ["1", "3"]
    assert "#2** was deleted" in words(message)
    assert sum(isinstance(row, discord.ActionRow) for row in message.components) == 3
