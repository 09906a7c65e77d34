"""Slash commands from the table, completion, and sending them to Discord only when they changed."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord import app_commands

from handlers.access import Access
from handlers.commands import COMMANDS
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


async def test_a_command_that_opens_a_thread_with_more_arguments_is_a_message_there(world: World) -> None:
    await world.ann.slash(world.channel, "brainstorm", topic="a logo", ideas=4)
    [incoming] = world.handlers.received
    assert incoming.text == "/brainstorm topic:a logo ideas:4"
    assert incoming.thread.thread == str(world.thread().id)


async def test_without_its_words_such_a_command_opens_none(world: World) -> None:
    await world.ann.slash(world.channel, "brainstorm", minutes=5)
    [call] = world.handlers.called
    assert call.arguments == {"minutes": 5}
    assert not world.channel.threads


@pytest.mark.parametrize(("name", "given"), [("help", {}), ("cancel", {"picture": 3}), ("cancel", {})])
async def test_other_commands_answer_the_asker_only(world: World, name: str, given: dict[str, int]) -> None:
    result = await world.ann.slash(world.channel, name, **given)
    [call] = world.handlers.called
    assert (call.name, call.arguments, call.person.name) == (name, given, "Ann")
    assert result.ephemeral
    assert texts(result) == "Noted."


async def test_a_person_is_named_by_id(world: World) -> None:
    await world.ann.slash(world.channel, "credit", person=world.bea)
    assert world.handlers.called[0].arguments == {"person": str(world.bea.id)}


async def test_a_command_in_a_direct_message(world: World) -> None:
    user = world.env.create_user("dora")
    await user.slash("imagine", text="a boat")
    assert world.handlers.received[0].thread.tenant == "-"


async def test_files_of_an_answer_and_one_that_is_too_large(world: World) -> None:
    big = File("all.zip", "application/zip", b"0" * (26 * 2**20))  # the interaction says that it takes 25 MiB
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
    found = await member.autocomplete(channel, "paint", "colour", "colour-3")
    assert "colour-33" in [choice["value"] for choice in found]
    await member.slash(channel, "paint", colour="colour-33")
    assert world.handlers.called[0].arguments == {"colour": "colour-33"}
    assert world.handlers.called[0].person.admin


async def test_styles_are_completed_and_any_words_are_taken(world: World) -> None:
    thread = await world.begin()
    found = await world.ann.autocomplete(thread, "settings", "style", "pix")
    assert [choice["value"] for choice in found] == ["pixel-art"]
    await world.ann.slash(thread, "settings", style="like my grandmother's quilt")
    assert world.handlers.called[0].arguments == {"style": "like my grandmother's quilt"}


async def test_every_command_of_the_table_is_there_with_its_options(world: World) -> None:
    tree = world.chat.client.tree
    for spec in COMMANDS:
        row = tree.get_command(spec.name)
        assert isinstance(row, app_commands.Command)
        files = {"file"} if spec.takes_files else set()
        assert {parameter.name for parameter in row.parameters} == {option.name for option in spec.options} | files
        assert row.to_dict(tree)["contexts"] == ([0] if spec.admin_only else [0, 1, 2])


async def test_a_file_comes_along_with_a_command_that_takes_one(world: World) -> None:
    await world.ann.slash(world.channel, "verify", file=("fox.png", png(3)))
    [call] = world.handlers.called
    assert [(file.name, file.data) for file in call.files] == [("fox.png", png(3))]
    assert call.arguments == {}
    result = await world.ann.slash(world.channel, "verify", file=("notes.txt", b"words"))
    assert len(world.handlers.called) == 1
    assert "no picture" in texts(result)


async def test_access_names_channels_and_roles_by_id_and_is_for_admins(world: World) -> None:
    role = world.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
    cleo = world.guild.add_member(world.env.create_user("cleo"), roles=[role])
    world.handlers.access = Access(deny_channels=frozenset({str(world.channel.id)}))  # she must get out of it again
    await cleo.slash(world.channel, "access", rule="allow", channel=world.channel, role=role)
    [call] = world.handlers.called
    assert call.arguments == {"rule": "allow", "channel": str(world.channel.id), "role": str(role.id)}
    assert call.person.admin
    assert "/access" not in world.ann.available_commands(world.channel)


@pytest.mark.parametrize("name", ["gallery", "queue", "cancel", "export", "settings", "usage", "forget", "help"])
async def test_a_command_in_a_thread_is_about_its_session(world: World, name: str) -> None:
    thread = await world.begin()
    result = await world.ann.slash(thread, name)
    [call] = world.handlers.called
    assert call.thread == world.handlers.received[0].thread
    assert call.in_thread
    assert call.max_file_bytes == 25 * 2**20
    assert result.ephemeral


async def test_in_a_channel_there_is_no_session_and_in_direct_messages_there_is(world: World) -> None:
    await world.ann.slash(world.channel, "gallery")
    await world.env.create_user("dora").slash("gallery")
    assert [call.in_thread for call in world.handlers.called] == [False, True]


async def test_where_replies_are_the_session_a_command_means_the_latest(world: World) -> None:
    voice = world.guild.create_voice_channel("voice")
    await world.ann.send(voice, f"{world.me} a red fox")
    await world.ann.slash(voice, "gallery")
    assert world.handlers.called[0].thread == world.handlers.received[0].thread
    assert world.handlers.called[0].in_thread


async def test_a_picture_for_all_is_posted_for_all(world: World) -> None:
    thread = await world.begin()
    file = File("board.png", "image/png", png(1), "The board: #1 a fox")
    world.handlers.answer = Answer("The board of this thread.", (file,), private=False)
    await world.ann.slash(thread, "board")
    posted = thread.last_message
    assert posted.content == "-# **Ann** · The board of this thread."
    assert [(each.filename, each.description) for each in posted.attachments] == [("board.png", file.alt)]


async def test_what_concerns_all_is_said_to_all_with_who_did_it(world: World) -> None:
    thread = await world.begin()
    world.handlers.answer = Answer("From now on in this thread: size: wide.", private=False)
    await world.ann.slash(thread, "settings", size="wide")
    assert thread.last_message.content == "-# **Ann** · From now on in this thread: size: wide."
    world.env.inject_error("POST", f"/channels/{thread.id}/messages", status=403, code=50013)
    result = await world.ann.slash(thread, "settings", size="tall")
    assert "From now on" in texts(result)


async def test_an_answer_that_takes_longer_than_a_token_lives_comes_through_the_channel(world: World) -> None:
    world.handlers.command_takes_s = 16 * 60
    for private, where in ((True, "her"), (False, "all")):
        world.handlers.answer = Answer(f"For {where}.", private=private)
        await world.ann.slash(world.channel, "help")
        await world.env.advance_time(17 * 60)
    assert world.ann.user.dm_channel.last_message.content == "For her."
    assert "For all." in world.channel.last_message.content


async def test_help_says_what_is_missing_where_it_is_asked(world: World) -> None:
    no_files = discord.PermissionOverwrite(attach_files=False)
    channel = world.guild.create_text_channel("flat", overwrites={world.guild.default_role: no_files})
    assert "Here I lack: Attach Files" in texts(await world.ann.slash(channel, "help"))
    assert "lack" not in texts(await world.ann.slash(world.channel, "help"))


async def test_imagine_where_the_bot_may_not_write_is_answered_through_the_command(world: World) -> None:
    mute = discord.PermissionOverwrite(send_messages=False, create_public_threads=False)
    channel = world.guild.create_text_channel("quiet", overwrites={world.chat.client.user: mute})
    await world.ann.slash(channel, "imagine", text="a red fox")
    assert world.handlers.received[0].thread.thread == f"u{world.ann.id}"
    assert "Here you are." in str([message.components for message in channel.history()])


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


async def test_a_covered_file_of_an_answer_is_a_spoiler(world: World) -> None:
    files = (File("a.png", "image/png", png(1)), File("b.png", "image/png", png(2), spoiler=True))
    world.handlers.answer = Answer("Here.", files)
    result = await world.ann.slash(world.channel, "help")
    assert result.response is not None
    assert [file.filename for file in result.response.attachments] == ["a.png", "SPOILER_b.png"]
