"""Slash commands from the table, completion, and sending them to Discord only when they changed."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.access import Access
from handlers.model import Answer, File
from tests.bot.discord.conftest import World
from tests.fakes import png


def texts(result: Any) -> str:
    """All words of an answer."""
    return " ".join(m.content for m in [result.response, *result.followups] if m is not None)


async def test_imagine_shows_the_words_and_answers_in_a_thread_on_them(world: World) -> None:
    result = await world.ann.slash(world.channel, "imagine", text="a red fox")
    [incoming] = world.handlers.received
    assert incoming.text == "a red fox"
    assert incoming.event.startswith("discord:i")
    assert world.channel.history()[0].content == "**Ann:** a red fox"
    assert not result.ephemeral
    assert world.thread().last_message.components[0].content == "Here you are."
    assert incoming.thread.thread == str(world.thread().id)


async def test_imagine_in_a_thread_goes_on_there(world: World) -> None:
    thread = await world.begin()
    await world.bea.slash(thread, "imagine", text="a blue fox")
    first, second = world.handlers.received
    assert first.thread == second.thread
    assert len(world.channel.threads) == 1


async def test_a_command_that_opens_a_thread_with_more_arguments_is_called_there(world: World) -> None:
    await world.ann.slash(world.channel, "brainstorm", topic="a logo", ideas=4)
    [call] = world.handlers.called
    assert call.arguments == {"topic": "a logo", "ideas": 4}
    assert call.thread.thread == str(world.thread().id)


@pytest.mark.parametrize(("name", "given"), [("help", {}), ("cancel", {"picture": 3}), ("cancel", {})])
async def test_other_commands_answer_the_asker_only(world: World, name: str, given: dict[str, int]) -> None:
    result = await world.ann.slash(world.channel, name, **given)
    [call] = world.handlers.called
    assert (call.name, call.arguments, call.person.name) == (name, given, "Ann")
    assert result.ephemeral
    assert texts(result) == "Noted."


async def test_a_person_is_named_by_id(world: World) -> None:
    await world.ann.slash(world.channel, "usage", person=world.bea)
    assert world.handlers.called[0].arguments == {"person": str(world.bea.id)}


async def test_a_command_in_a_direct_message(world: World) -> None:
    user = world.env.create_user("dora")
    await user.slash("imagine", text="a boat")
    assert world.handlers.received[0].thread.tenant == "-"


async def test_files_of_an_answer_and_one_that_is_too_large(world: World) -> None:
    big = File("all.zip", "application/zip", b"0" * (11 * 1024 * 1024))
    world.handlers.answer = Answer("Here.", (File("sheet.png", "image/png", png(1), "all pictures"), big))
    result = await world.ann.slash(world.channel, "help")
    assert result.response is not None
    assert [file.filename for file in result.response.attachments] == ["sheet.png"]
    assert "all.zip is too large for this server" in texts(result)


async def test_picture_numbers_are_completed_with_their_descriptions(world: World) -> None:
    thread = await world.begin()
    key = world.handlers.received[0].thread
    for number, description in enumerate(["a red fox", "a blue fox", "a boat"], start=1):
        world.store.add(key, number, description)
    found = await world.ann.autocomplete(thread, "cancel", "picture", "")
    assert [choice["name"] for choice in found] == ["#3 a boat", "#2 a blue fox", "#1 a red fox"]
    assert found[0]["value"] == 3
    assert [c["value"] for c in await world.ann.autocomplete(thread, "cancel", "picture", "2")] == [2]
    world.store.broken = True
    assert await world.ann.autocomplete(thread, "cancel", "picture", "") == []


async def test_long_lists_of_choices_are_completed(world: World) -> None:
    owner = world.guild.add_member(world.guild.owner) if world.guild.owner.id not in world.guild.member_ids() else None
    assert owner is None
    boss = world.env.create_user("boss")
    guild = world.env.create_guild("Hers", owner=boss)
    channel = guild.create_text_channel("general")
    member = guild.add_member(boss)
    found = await member.autocomplete(channel, "settings", "style", "style-3")
    assert "style-33" in [choice["value"] for choice in found]
    await member.slash(channel, "settings", style="style-33", size="wide")
    assert world.handlers.called[0].arguments == {"style": "style-33", "size": "wide"}
    assert world.handlers.called[0].person.admin


async def test_commands_are_sent_only_when_they_changed(world: World) -> None:
    def sent() -> int:
        return sum(1 for entry in world.env.http_requests if entry.method == "PUT" and "/commands" in entry.path)

    assert sent() == 1
    await world.env.restart_bot(world.chat_again().client)
    assert sent() == 1
    await world.memory.put("commands", "of an older version")
    await world.env.restart_bot(world.chat_again().client)
    assert sent() == 2


async def test_who_may_not_is_told_privately(world: World) -> None:
    world.handlers.access = Access(allow_roles=frozenset({"1"}))
    result = await world.ann.slash(world.channel, "imagine", text="a fox")
    assert result.ephemeral
    assert result.response is not None
    assert "Your roles" in result.response.content
    assert world.handlers.received == []


async def test_resume_is_asked_for_once(world: World) -> None:
    assert world.handlers.resumed == 1


async def test_health_names_permissions_that_are_missing_and_the_invite(world: World) -> None:
    health = world.chat.health()
    assert "scope=bot+applications.commands" in health.invite
    assert "permissions=" in health.invite
