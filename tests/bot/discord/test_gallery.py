"""The gallery on Discord: pages of pictures that outlive restarts, and who sees what was made where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import discord
import pytest

from handlers.english import gallery_words
from handlers.model import Answer, GalleryPage, Hung, Person, Picture, ThreadKey
from imaging.model import Operation
from tests.bot.discord.conftest import World
from tests.fakes import png


def hung(world: World, key: ThreadKey, number: int, side: int = 16, **changes: Any) -> Hung:
    data = png(number, side, side)
    sha = world.store.add(key, number, f"a fox, the {number}th", data=data)
    picture = Picture(
        key, number, Operation.IMAGE, (), f"a fox, the {number}th", None, sha, "image/png", side, side,
        Person("1", "Ann"), datetime(2026, 1, 1, tzinfo=UTC), "t",
    )  # fmt: skip
    return Hung(replace(picture, **changes), place=100 + number, votes=2, title="Foxes & *friends*", post="77")


def answer(*pictures: Hung, newer: str | None = None, older: str | None = None) -> Answer:
    page = GalleryPage("fox", pictures, newer=newer, older=older)
    return Answer(gallery_words(page), gallery=page)


def here(world: World) -> ThreadKey:
    return ThreadKey("discord", str(world.guild.id), str(world.channel.id), str(world.channel.id))


async def test_a_page_shows_its_pictures_to_the_asker_and_turns_after_a_restart(world: World) -> None:
    key = here(world)
    world.handlers.answer = answer(
        *(hung(world, key, n, 16 if n % 2 else 640) for n in (3, 2, 1)), older="fox older:101"
    )
    result = await world.ann.slash(world.channel, "gallery", search="fox")
    assert world.handlers.called[-1].arguments == {"search": "fox"}
    assert result.ephemeral
    shown = result.response
    assert shown is not None
    words, gallery, row = shown.components
    assert f"1. [#3](https://discord.com/channels/{key.tenant}/{key.channel}/77)" in words["content"]
    assert r"Foxes & \*friends\*" in words["content"]
    assert len(gallery["items"]) == len(shown.attachments) == 3
    assert gallery["items"][0]["description"] == "#3: a fox, the 3th (made with AI)"
    assert [button["label"] for button in row["components"]] == ["Older ›"]
    world.handlers.answer = answer(hung(world, key, 1), newer="fox newer:101")
    await world.env.restart_bot(world.chat_again().client)
    await world.ann.click(shown, label="Older ›")
    assert world.handlers.called[-1].name == "gallery"
    assert world.handlers.called[-1].arguments == {"search": "fox older:101"}
    assert shown.components[2]["components"][0]["label"] == "‹ Newer"
    assert len(shown.attachments) == 1


async def test_a_picture_that_is_gone_leaves_the_others(world: World) -> None:
    there, gone, large = (hung(world, here(world), n, side) for n, side in ((1, 16), (2, 16), (3, 640)))
    for one in (gone, large):
        del world.store.files[one.picture.sha256]
    world.handlers.answer = answer(there, gone, large)
    shown = (await world.ann.slash(world.channel, "gallery")).response
    assert shown is not None
    assert len(shown.components[1]["items"]) == 1


async def test_nothing_found_is_a_sentence(world: World) -> None:
    world.handlers.answer = answer()
    shown = (await world.ann.slash(world.channel, "gallery", search="xyzzy")).response
    assert shown is not None
    assert "No picture that you can see here" in shown.components[0]["content"]


async def test_a_search_too_long_for_a_button_has_none(world: World) -> None:
    world.handlers.answer = answer(hung(world, here(world), 1), older="x" * 200)
    shown = (await world.ann.slash(world.channel, "gallery")).response
    assert shown is not None
    assert len(shown.components) == 2
    assert f"Older ›: /gallery {'x' * 200}" in shown.components[0]["content"]


@pytest.fixture
def closed(world: World) -> Any:
    hidden = discord.PermissionOverwrite(view_channel=False)
    return world.guild.create_text_channel("board", overwrites={world.guild.roles["@everyone"]: hidden})


async def test_people_see_what_was_made_in_channels_and_threads_that_are_open_to_them(
    world: World, closed: Any
) -> None:
    thread = await world.begin()
    key = here(world)
    public, chain = replace(key, thread=str(thread.id)), replace(key, thread="r99")
    secret = replace(key, channel=str(closed.id), thread=str(closed.id))
    within = replace(secret, thread="r98")
    deleted = replace(key, thread="123456789")
    await world.memory.put("thread:555", "shut")
    private = replace(key, thread="555")
    elsewhere = replace(key, channel="424242", thread="424242")
    all_ = [public, chain, secret, within, deleted, private, elsewhere, key]
    ann = Person(str(world.ann.id), "Ann")
    assert set(await world.chat.seen(ann, key, all_)) == {public, chain, key}
    assert await world.chat.seen(Person("999999", "nobody"), key, all_) == []
    assert await world.chat.seen(Person("web-7", "no id"), key, all_) == []
    assert await world.chat.seen(ann, replace(key, tenant="-"), all_) == []


async def test_what_was_made_in_an_age_restricted_channel_is_shown_there_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here(world)
    late = world.guild.create_text_channel("late")
    grown = replace(key, channel=str(late.id), thread=str(late.id))
    monkeypatch.setattr(discord.TextChannel, "is_nsfw", lambda channel: channel.id == late.id)
    ann = Person(str(world.ann.id), "Ann")
    assert await world.chat.seen(ann, key, [key, grown]) == [key]
    assert await world.chat.seen(ann, grown, [key, grown]) == [key, grown]


async def test_a_private_thread_is_nobody_elses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord is asked once a thread; what it does not tell is not shown."""
    key = here(world)
    types = {77: discord.ChannelType.private_thread, 78: discord.ChannelType.public_thread}
    asked: list[int] = []

    async def fetch(guild: discord.Guild, id: int) -> Any:
        asked.append(id)
        if id not in types:
            raise discord.HTTPException(cast("Any", _Response()), "down")
        return type("Thread", (), {"type": types[id]})

    monkeypatch.setattr(discord.Guild, "fetch_channel", fetch)
    threads = [replace(key, thread=str(id)) for id in (77, 78, 79)]
    ann = Person(str(world.ann.id), "Ann")
    for _ in range(2):
        assert [found.thread for found in await world.chat.seen(ann, key, threads)] == ["78"]
    assert sorted(asked) == [77, 78, 79, 79]


class _Response:
    status, reason = 503, "Service Unavailable"
