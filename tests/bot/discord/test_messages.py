"""Which messages become turns, in which session, and what they bring."""

from __future__ import annotations

import discord
import pytest
from simcord.builders import ChannelHandle

from bot.chats.discord.config import DiscordConfig
from handlers.access import Access, AgeRestricted
from handlers.model import TextPart
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import ready
from tests.fakes import png


async def test_a_mention_opens_a_thread_on_the_message_and_is_answered_there(world: World) -> None:
    thread = await world.begin("a red fox")
    [incoming] = world.handlers.received
    assert incoming.text == "a red fox"
    assert (incoming.person.name, incoming.person.id) == ("Ann", str(world.ann.id))
    assert str(incoming.thread) == f"discord/{world.guild.id}/{world.channel.id}/{thread.id}"
    assert thread.name == "a red fox"
    assert len(thread.history()) == 1
    assert thread.last_message.components[0].content == "Here you are."


async def test_every_message_in_its_own_thread_is_a_turn_of_the_same_session(world: World) -> None:
    thread = await world.begin()
    await world.bea.send(thread, "make it blue")
    first, second = world.handlers.received
    assert second.text == "make it blue"
    assert second.thread == first.thread
    assert second.person.name == "Bea"
    assert second.person.moderator
    assert not first.person.moderator


async def test_the_same_message_is_the_same_event(world: World) -> None:
    message = await world.ann.send(world.channel, f"{world.me} hi")
    assert world.handlers.received[0].event == f"discord:m{message.id}"


async def test_talk_among_people_is_left_alone(world: World) -> None:
    await world.ann.send(world.channel, "lunch?")
    bot = world.guild.add_member(world.env.create_user("otherbot", bot=True))
    await bot.send(world.channel, f"{world.me} hello")
    assert world.handlers.received == []


async def test_names_take_the_place_of_ids(world: World) -> None:
    await world.ann.send(world.channel, f"{world.me} draw {world.bea.mention} in {world.channel.mention}")
    assert world.handlers.received[0].text == "draw @Bea in #ideas"


async def test_a_direct_message_needs_no_mention_and_no_thread(world: World) -> None:
    user = world.env.create_user("dora")
    await user.send_dm("a boat")
    [incoming] = world.handlers.received
    assert incoming.thread.tenant == "-"
    assert incoming.thread.channel == incoming.thread.thread
    assert user.dm_channel.last_message.components[0].content == "Here you are."


async def test_a_picture_that_comes_along_is_handed_over(world: World) -> None:
    data = png(7)
    await world.ann.send(world.channel, f"{world.me} like this", attachments=[("cat.png", data)])
    [file] = world.handlers.received[0].attachments
    assert (file.name, file.data) == ("cat.png", data)


async def test_too_many_too_large_and_unreadable_files_are_told_and_the_rest_is_used(world: World) -> None:
    pictures = [(f"{n}.png", png(n)) for n in range(6)]
    await world.ann.send(world.channel, f"{world.me} these", attachments=[*pictures, ("x.exe", b"MZ")])
    [incoming] = world.handlers.received
    assert len(incoming.attachments) == 4
    unread, left = incoming.problems
    assert "x.exe is no picture that I can read" in unread
    assert left == "I take 4 pictures with a message; 4.png and 5.png were left out."


class TestSmallFilesOnly:
    @pytest.fixture
    def config(self) -> DiscordConfig:
        return DiscordConfig(token="t", shard_count=1, max_upload_bytes=20)

    async def test_a_file_that_is_too_large_is_not_fetched(self, world: World) -> None:
        await world.ann.send(world.channel, world.me, attachments=[("big.png", png(1))])
        [incoming] = world.handlers.received
        assert incoming.attachments == ()
        assert "big.png is larger than" in incoming.problems[0]


async def test_answering_a_picture_means_that_picture(world: World) -> None:
    thread = await world.begin()
    sha = world.store.add(world.handlers.received[0].thread, 3, "a red fox")
    world.handlers.parts = (ready(3, sha),)
    await world.ann.send(thread, "again")
    shown = thread.last_message
    world.handlers.parts = ()
    await world.bea.send(thread, "bluer", reply_to=shown)
    assert world.handlers.received[-1].replies_to == 3


async def test_answering_somebodys_picture_with_a_mention_brings_that_picture(world: World) -> None:
    photo = await world.bea.send(world.channel, "my cat", attachments=[("cat.png", png(1))])
    await world.ann.send(world.channel, f"{world.me} as a sticker", reply_to=photo)
    assert [file.name for file in world.handlers.received[0].attachments] == ["cat.png"]


async def test_where_threads_are_impossible_a_chain_of_replies_is_the_session(world: World) -> None:
    voice = world.guild.create_voice_channel("voice")
    asked = await world.ann.send(voice, f"{world.me} a red fox")
    answer = voice.last_message
    assert answer.reference.message_id == asked.id
    await world.bea.send(voice, "bluer", reply_to=answer)
    first, second = world.handlers.received
    assert first.thread == second.thread
    assert second.text == "bluer"


async def test_without_the_permission_to_open_threads_it_answers_in_the_channel(world: World) -> None:
    no_threads = discord.PermissionOverwrite(create_public_threads=False)
    channel = world.guild.create_text_channel("flat", overwrites={world.guild.default_role: no_threads})
    asked = await world.ann.send(channel, f"{world.me} a red fox")
    assert channel.last_message.reference.message_id == asked.id


async def test_when_the_server_has_too_many_threads_it_answers_in_the_channel(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages/*/threads", status=400, code=160006)
    asked = await world.ann.send(world.channel, f"{world.me} a red fox")
    assert world.channel.last_message.reference.message_id == asked.id


async def test_a_thread_that_somebody_opened_meanwhile_is_used(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages/*/threads", status=400, code=160004)
    asked = await world.ann.send(world.channel, f"{world.me} a red fox")
    assert world.handlers.received[0].thread.thread == str(asked.id)


class TestWithoutMessageContent:
    @pytest.fixture
    def config(self) -> DiscordConfig:
        return DiscordConfig(token="t", shard_count=1, message_content=False)

    async def test_mentions_work_and_other_messages_are_answered_once_with_the_way_out(self, world: World) -> None:
        thread = await world.begin("a red fox")
        assert world.handlers.received[0].text == "a red fox"
        await world.ann.send(thread, "make it blue")
        await world.ann.send(thread, "or green")
        told = [message.content for message in thread.history() if "Message Content Intent" in message.content]
        assert len(told) == 1
        assert len(world.handlers.received) == 1
        await world.ann.send(thread, f"{world.me} make it blue")
        assert world.handlers.received[1].text == "make it blue"

    async def test_health_says_what_is_missing(self, world: World) -> None:
        assert any("Message Content Intent" in problem for problem in world.chat.health().problems)


async def test_a_place_that_is_not_allowed_gets_one_sentence_and_no_thread(world: World) -> None:
    world.handlers.access = Access(age_restricted=AgeRestricted.ONLY)
    await world.ann.send(world.channel, f"{world.me} a fox")
    assert world.handlers.received == []
    assert "age-restricted channels only" in world.channel.last_message.content
    assert world.channel.threads == []


async def test_a_category_stands_for_its_channels_and_their_threads(world: World) -> None:
    category = world.guild.create_category("Art")
    channel = world.guild.create_text_channel("drawings", category=category)
    world.handlers.access = Access(allow_channels=frozenset({str(category.id)}))
    await world.ann.send(channel, f"{world.me} a fox")
    await world.ann.send(channel.threads[-1], "bluer")
    result = await world.ann.slash(channel.threads[-1], "help")
    assert result.response.content == "Noted."
    assert len(world.handlers.received) == 2
    await world.ann.send(world.channel, f"{world.me} a fox")
    assert len(world.handlers.received) == 2


async def test_lists_of_channels_do_not_mean_direct_messages(world: World) -> None:
    world.handlers.access = Access(allow_channels=frozenset({"1"}))
    await world.env.create_user("dora").send_dm("a boat")
    assert len(world.handlers.received) == 1


async def test_what_the_reader_sees_of_a_long_answer_is_all_of_it(world: World) -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "word " * 60 for n in range(30))
    world.handlers.parts = (TextPart(text),)
    thread = await world.begin()
    shown = [message.components[0].content for message in thread.history()]
    assert len(shown) > 1
    assert "".join("".join(shown).split()) == "".join(text.split())


async def test_where_no_answer_can_be_posted_the_person_is_told_once_and_no_thread_is_left(world: World) -> None:
    mute = discord.PermissionOverwrite(send_messages=False, send_messages_in_threads=False)
    channel = world.guild.create_text_channel("quiet", overwrites={world.chat.client.user: mute})
    await world.ann.send(channel, f"{world.me} a red fox")
    await world.ann.send(channel, f"{world.me} a red fox!")
    assert world.handlers.received == []
    assert channel.threads == []
    told = [message.content for message in direct(world)]
    assert told == [f"I cannot answer in <#{channel.id}>: I lack Send Messages there. A server admin can grant it."]


async def test_a_thread_in_which_the_bot_could_not_write_is_not_opened(world: World) -> None:
    mute = discord.PermissionOverwrite(send_messages_in_threads=False)
    channel = world.guild.create_text_channel("flat", overwrites={world.chat.client.user: mute})
    asked = await world.ann.send(channel, f"{world.me} a red fox")
    assert channel.threads == []
    assert channel.last_message.reference.message_id == asked.id


async def test_a_reply_that_may_not_see_what_it_answers_is_a_message_of_its_own(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=400, code=160002)
    voice = world.guild.create_voice_channel("voice")
    await world.ann.send(voice, f"{world.me} a red fox")
    assert voice.last_message.reference is None
    assert voice.last_message.components[0].content == "Here you are."


@pytest.mark.parametrize(("status", "code"), [(503, 0), (500, 0), (429, 0)])
async def test_a_thread_that_cannot_be_opened_just_now_is_opened_a_little_later(
    world: World, status: int, code: int
) -> None:
    path = "/channels/*/messages/*/threads"
    world.env.inject_error("POST", path, status=status, code=code, times=2)
    await world.ann.send(world.channel, f"{world.me} a red fox")
    await world.env.advance_time(10)
    assert len(world.handlers.received) == 1
    assert len(world.channel.threads) == 1


async def test_a_message_that_is_deleted_before_it_is_taken_up_is_let_go(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages/*/threads", status=404, code=10008)
    await world.ann.send(world.channel, f"{world.me} a red fox")
    assert world.handlers.received == []


async def test_in_other_peoples_threads_only_a_mention_counts(world: World) -> None:
    forum = world.guild.create_forum_channel("gallery")
    post = world.env.backend.create_thread(forum.id, "my art", world.ann.id)
    await world.env.settle()
    thread = ChannelHandle(world.env, world.guild, post)
    await world.ann.send(thread, "what a day")
    await world.ann.send(thread, f"{world.me} a red fox")
    [incoming] = world.handlers.received
    assert (incoming.thread.channel, incoming.thread.thread) == (str(forum.id), str(thread.id))
    assert incoming.title == "my art"


async def test_a_late_message_that_is_refused_is_not_refused_again(world: World) -> None:
    await world.ann.send(await world.begin(), "make it blue")
    world.handlers.access = Access(deny_channels=frozenset({str(world.channel.id)}))
    await world.memory.put("seen", "1000")
    before = len(world.thread().history())
    await world.env.restart_bot(world.chat_again().client)
    await world.env.settle()
    assert len(world.thread().history()) == before
    assert len(world.handlers.received) == 2


async def test_direct_messages_of_an_outage_are_answered_afterwards(world: World) -> None:
    user = world.env.create_user("dora")
    await user.send_dm("a boat")
    world.store.known.append(world.handlers.received[0].thread)
    await world.memory.put("seen", "1000")
    missed = world.env.backend.create_message(user.dm_channel.id, user.id, "bluer")
    await world.env.restart_bot(world.chat_again().client)
    await world.env.settle()
    assert f"discord:m{missed.id}" in [incoming.event for incoming in world.handlers.received]


def direct(world: World) -> list[discord.Message]:
    """What Ann has in her direct messages."""
    return list(world.ann.user.dm_channel.history())
