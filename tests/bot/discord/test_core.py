"""The chat with the real conversation core and database behind it: what people do, and what they then see."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.chats.discord.build import build_discord
from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue
from bot.marking.build import marks
from bot.settings import Settings
from bot.store.store import SqliteStore
from handlers.commands import COMMANDS
from handlers.desk import Desk
from handlers.limits import Limits
from handlers.quota_rules import read_rules
from imaging.marking.copies import enlarged_file
from tests.fakes import FakePictures, FolderFiles, Script, ScriptedModel, png
from tests.marking.reading import is_copy
from tests.slashes import ANSWERED, SAID

CONFIG = DiscordConfig(token="t", shard_count=1, edit_interval_s=0, retry_s=0)


@dataclass
class Studio:
    """One server in which Ann, Ben and the moderator Mo talk with the bot."""

    env: Any
    chat: DiscordChat
    desk: Desk
    store: SqliteStore
    model: ScriptedModel
    pictures: FakePictures
    guild: Any = None
    channel: Any = None
    people: dict[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> Any:
        return self.channel.threads[-1]

    async def say(self, who: str, text: str, *scripts: Script, **more: Any) -> discord.Message:
        """Somebody writes, in the thread once there is one; the bot's answer."""
        self.model.scripts.extend(scripts)
        where = self.channel.threads[-1] if self.channel.threads else self.channel
        mention = "" if self.channel.threads else f"{self.chat.client.user.mention} "  # type: ignore[union-attr]
        await self.people[who].send(where, mention + text, **more)
        return self.answer()

    def answer(self) -> discord.Message:
        message: discord.Message = self.thread.last_message
        return message

    async def done(self) -> discord.Message:
        """After a button: wait for the reply that it began."""
        await self.desk.settle()
        await self.env.settle()
        return self.answer()

    async def command(self, who: str, name: str, **options: Any) -> str:
        result = await self.people[who].slash(self.thread, name, **options)
        return "\n".join(m.content or words(m) for m in [result.response, *result.followups] if m is not None)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[tuple[SqliteStore, ScriptedModel, FakePictures, Desk, DiscordChat]]:
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    model, pictures, chats = ScriptedModel(), FakePictures(), {}  # type: ignore[var-annotated]
    marking = await marks(Settings(_env_file=None, home=tmp_path), tmp_path, store)
    limits = Limits(quotas=read_rules("20 pictures a day per person"))
    desk = Desk(store, model, pictures, chats, limits, marking=marking)
    chat = build_discord(CONFIG, desk, store, COMMANDS, InMemoryKeyValue(), marking)
    chats["discord"] = chat
    yield store, model, pictures, desk, chat
    await desk.close()
    await store.close()


@pytest.fixture
def simcord_bot(parts: Any) -> discord.Client:
    client: discord.Client = parts[4].client
    return client


@pytest.fixture
def studio(simcord_env: Any, parts: Any) -> Studio:
    store, model, pictures, desk, chat = parts
    made = Studio(simcord_env, chat, desk, store, model, pictures)
    made.guild = simcord_env.create_guild("Studio")
    made.channel = made.guild.create_text_channel("ideas")
    mods = made.guild.create_role("Mods", permissions=discord.Permissions(manage_messages=True))
    boss = made.guild.create_role("Boss", permissions=discord.Permissions(manage_guild=True))
    for name, roles in (("ann", []), ("ben", []), ("mo", [mods]), ("ada", [boss])):
        user = simcord_env.create_user(name, global_name=name.title())
        made.people[name] = made.guild.add_member(user, roles=roles)
    return made


@pytest.fixture
async def fox(studio: Studio) -> Studio:
    """A thread with picture 1, a red fox, and picture 2, an edit of it by Ben."""
    await studio.say("ann", "a fox", "Here: <image> a red fox </image>")
    await studio.say("ben", "bluer", '<edit prev_id="1" change="small"> a blue fox </edit>')
    return studio


def words(message: Any) -> str:
    """Of the components of a message, or of what only the asker sees."""
    told = (
        each.get("content", "") if isinstance(each, dict) else getattr(each, "content", "")
        for each in message.components
    )
    return " ".join(told)


def names(message: discord.Message) -> list[str]:
    return [attachment.filename.rpartition("-")[0] for attachment in message.attachments]


def directly(person: Any) -> list[discord.Message]:
    """What stands in the direct messages of somebody with the bot, oldest first."""
    return list(getattr(person, "user", person).dm_channel.history())


async def test_people_in_one_thread_are_told_apart_to_the_model(fox: Studio) -> None:
    await fox.say("mo", "what did we do?", "You drew.")
    request = fox.model.requests[-1]
    assert [said.name for said in request.history if said.role == "user"] == ["Ann", "Ben"]
    assert request.user.name == "Mo"
    assert [line.author for line in request.pictures] == ["Ann", "Ben"]


async def test_a_reply_to_a_picture_means_that_picture(fox: Studio) -> None:
    first = next(message for message in fox.thread.history() if names(message) == ["picture-1"])
    await fox.say("ben", "with a hat", '<edit change="small"> a red fox with a hat </edit>', reply_to=first)
    assert "(about picture 1)" in fox.model.requests[-1].user.text
    picture = await fox.store.picture(next(iter(await fox.store.threads("discord", str(fox.guild.id)))).key, 3)
    assert picture is not None
    assert picture.parents == (1,)


async def test_an_attachment_becomes_a_numbered_picture(fox: Studio) -> None:
    await fox.say("ann", "as a sticker", "Yes. <image> a sticker </image>", attachments=[("cat.png", png(9))])
    assert "(brought picture 3)" in fox.model.requests[-1].user.text
    assert names(fox.answer()) == ["picture-4"]
    await fox.say("ann", "", attachments=[("dog.png", png(8)), ("x.exe", b"MZ")])
    assert "x.exe is no picture that I can read" in words(fox.answer())
    assert "Your picture is number 5 in this thread" in words(fox.answer())


@pytest.mark.parametrize(
    ("label", "caption"),
    [("Vary", "variation of #2"), ("Refine", "refine of #2"), ("Redo", "#2 again, with a new seed")],
)
async def test_a_button_draws_the_next_picture_into_the_thread(fox: Studio, label: str, caption: str) -> None:
    result = await fox.people["mo"].click(fox.answer(), label=label)
    assert result.followups[0].content == "Picture 3 is on its way."
    answer = await fox.done()
    assert names(answer) == ["picture-3"]
    assert caption in words(answer)


async def test_the_form_draws_what_it_says(fox: Studio) -> None:
    form = await fox.people["ann"].click(fox.answer(), label="Edit…")
    assert form.modal["components"][0]["component"]["value"] == "a blue fox"
    await fox.people["ann"].submit_modal(form, {"description": "a green fox", "change": "large"})
    answer = await fox.done()
    assert "a green fox · edit of #2" in words(answer)


async def test_the_menu_undoes_compares_tells_and_votes(fox: Studio) -> None:
    message = fox.answer()
    ann = fox.people["ann"]
    undone = await ann.select(message, ["undo:2"])
    assert "Back to picture 1" in undone.followups[0].content
    assert not undone.followups[0].ephemeral
    compared = await ann.select(message, ["compare:2"])
    assert [file.filename for file in compared.followups[0].attachments] == ["compare-1-2.png"]
    recipe = await ann.select(message, ["recipe:2"])
    assert "Seed:" in recipe.followups[0].content
    assert recipe.followups[0].ephemeral
    voted = await ann.select(message, ["vote:2"])
    assert "has 1 for" in voted.followups[0].content
    await fox.people["ben"].react(message, "👍")
    assert "👍 2" in await fox.command("mo", "gallery")


async def test_who_may_delete_is_looked_at_when_it_is_pressed(fox: Studio) -> None:
    message = fox.answer()
    refused = await fox.people["ann"].select(message, ["delete:2"])
    assert "Ben's; they or a moderator can delete it" in refused.followups[0].content
    await fox.people["mo"].select(message, ["delete:2"])
    await fox.env.settle()
    after = next(one for one in fox.thread.history() if one.id == message.id)
    assert "#2** was deleted" in words(after)
    assert after.attachments == []


async def test_buttons_work_on_after_a_restart_of_everything(fox: Studio) -> None:
    message = fox.answer()
    chat = build_discord(CONFIG, fox.desk, fox.store, COMMANDS, InMemoryKeyValue())
    fox.desk._answering._chats["discord"] = chat  # type: ignore[index]
    await fox.env.restart_bot(chat.client)
    await fox.people["ann"].click(message, label="Vary")
    assert names(await fox.done()) == ["picture-3"]


async def test_settings_of_thread_channel_and_server(fox: Studio) -> None:
    assert "Only an admin" in await fox.command("ann", "settings", scope="everywhere", size="tall")
    await fox.command("ada", "settings", scope="everywhere", size="tall")
    assert "everywhere here: size: tall" in fox.answer().content
    await fox.command("ann", "settings", style="pixel-art")
    shown = await fox.command("ben", "settings")
    assert "size: tall" in shown
    assert "style: pixel-art" in shown
    await fox.say("ann", "a cat", "<image> a cat </image>")
    recipe = fox.pictures.requests[next(reversed(fox.pictures.requests))].recipe
    assert (recipe.width, recipe.height, recipe.style) == (64, 96, "pixel-art")


async def test_an_admin_shuts_a_channel_and_opens_it_again(fox: Studio) -> None:
    assert "deny" in await fox.command("ada", "access", rule="deny", channel=fox.channel)
    before = len(fox.thread.history())
    await fox.people["ann"].send(fox.thread, "another")
    assert "not switched on" in fox.answer().content
    assert "not switched on" in await fox.command("ann", "gallery")
    await fox.command("ada", "access", rule="default", channel=fox.channel)
    await fox.say("ann", "another", "Fine.")
    assert words(fox.answer()).startswith("Fine.")
    assert len(fox.thread.history()) == before + 4


async def test_pictures_arrive_marked_and_are_known_again(fox: Studio) -> None:
    [file] = fox.answer().attachments
    data = fox.env.backend.cdn.get(file.url)
    files: Any = fox.store._files
    [stored] = [kept for kept in files.names() if is_copy(data, enlarged_file(files.get(kept)))]
    assert stored
    assert (file.description or "").endswith("(made with AI)")
    assert (await fox.command("ann", "verify", file=("fox.png", data))).startswith("Made with AI, by this Easel")
    assert (await fox.command("ann", "verify", picture=1)).startswith("Made with AI, by this Easel")
    assert "proves nothing" in await fox.command("ann", "verify", file=("mine.png", png(3, 64, 64)))


async def test_an_export_is_a_file_and_forgetting_takes_ones_own_away(fox: Studio) -> None:
    result = await fox.people["ann"].slash(fox.thread, "export")
    [file] = (result.response or result.followups[0]).attachments
    data = fox.env.backend.cdn.get(file.url)
    assert "pictures/2.png" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert "To do it" in await fox.command("ann", "forget")
    assert "1 picture" in await fox.command("ann", "forget", confirm="yes")
    assert "1" not in [line.split(":")[0] for line in (await fox.command("ben", "gallery")).splitlines()]


async def test_a_thread_can_be_had_as_a_pdf(fox: Studio) -> None:
    result = await fox.people["ann"].slash(fox.thread, "export", format="pdf", each="4")
    [file] = (result.response or result.followups[0]).attachments
    assert file.filename.endswith(".pdf")
    assert fox.env.backend.cdn.get(file.url).startswith(b"%PDF")
    assert "Only a PDF" in await fox.command("ann", "export", format="slides", each="4")


async def test_the_end_of_a_quota_says_when_it_renews(fox: Studio) -> None:
    assert "19 of 20 pictures a day left" in await fox.command("ann", "usage")
    for _ in range(5):
        await fox.say("ann", "four", '<image count="4"> a cat </image>')
    assert "there are new ones in" in words(fox.answer())


async def test_what_is_refused_is_one_sentence_in_the_thread(fox: Studio) -> None:
    await fox.people["ann"].send(fox.thread, "word " * 399)
    fox.model.scripts.append("Fine.")
    await fox.env.settle()
    await fox.say("ann", "hello", "Good day.")
    await fox.people["ann"].send(fox.thread, "​")
    assert "Your message is empty" in words(fox.answer())


@pytest.mark.parametrize("direct", [False, True])
async def test_typed_commands_are_answered_and_no_model_is_asked(studio: Studio, direct: bool) -> None:
    ann: Any = studio.env.create_user("dora") if direct else studio.people["ann"]
    if not direct:
        await studio.say("ann", "hello", "Good day.")
    asked = len(studio.model.requests)
    for text, answer in ANSWERED:
        before = len(directly(ann))
        await (ann.send_dm(text) if direct else ann.send(studio.thread, text))
        seen = " ".join(m.content + words(m) for m in directly(ann)[before:])
        seen += "" if direct else words(studio.answer())
        assert answer in seen, text
    assert len(studio.model.requests) == asked
    for text, meant in SAID:
        studio.model.scripts.append("Well.")
        await (ann.send_dm(text) if direct else ann.send(studio.thread, text))
        assert studio.model.requests[-1].user.text == meant


async def test_a_typed_command_opens_no_thread_and_files_come_directly(fox: Studio) -> None:
    ann, me = fox.people["ann"], fox.chat.client.user.mention  # type: ignore[union-attr]
    await ann.send(fox.channel, f"{me} /export")
    assert len(fox.channel.threads) == 1
    assert "/export is about one thread: give it there." in directly(ann)[-1].content
    await ann.send(fox.thread, "/export")
    [file] = directly(ann)[-1].attachments
    assert "pictures/2.png" in zipfile.ZipFile(io.BytesIO(fox.env.backend.cdn.get(file.url))).namelist()
    assert "I sent it to you as a direct message" in words(fox.answer())
    fox.model.scripts.append("A cat, then.")
    await ann.send(fox.channel, f"{me} /imagine a cat")
    assert (len(fox.channel.threads), fox.thread.name) == (2, "a cat")


async def test_reports_hide_a_picture_in_the_thread_and_moderators_decide(fox: Studio) -> None:
    message = fox.answer()
    assert names(message) == ["picture-2"]  # Ben's
    assert "told here" in await fox.command("mo", "moderation", log="here")
    result = await fox.people["ann"].select(message, ["report:2"])
    assert result.followups[0].content == "Thank you: the moderators see that picture 2 was reported."
    assert result.followups[0].ephemeral
    await fox.done()
    assert "Report 1: a picture was reported (other)." in words(fox.answer())
    result = await fox.people["ben"].select(message, ["report:2"])
    assert "is yours" in result.followups[0].content
    assert "Only moderators" in await fox.command("ben", "moderation", report=1, decide="show")
    result = await fox.people["mo"].select(message, ["report:2"])
    await fox.done()
    hidden = next(one for one in fox.thread.history() if one.id == message.id)
    assert names(hidden) == []
    assert "#2** was reported and is hidden" in words(hidden)
    assert not any(getattr(component, "children", ()) for component in hidden.components), "no button is left"
    assert any("**Ben**, Picture 2 was reported and is hidden" in words(one) for one in fox.thread.history())
    looked = await fox.people["mo"].slash(fox.thread, "moderation", report=1)
    (given,) = [one for one in (looked.response, *looked.followups) if one is not None and one.attachments]
    assert given.ephemeral
    assert given.attachments[0].is_spoiler()
    assert "picture 2 is shown" in await fox.command("mo", "moderation", report=1, decide="show")
    await fox.done()
    assert names(next(one for one in fox.thread.history() if one.id == message.id)) == ["picture-2"]


async def test_a_blocked_member_gets_nothing_by_any_way_until_it_is_lifted(fox: Studio) -> None:
    message = fox.answer()
    ben = fox.people["ben"]
    assert "is blocked" in await fox.command("mo", "moderation", block=ben)
    asked, before = len(fox.model.requests), len(fox.thread.history())
    await ben.send(fox.thread, "a dog")
    await ben.send(fox.thread, "a cat")
    after = fox.thread.history()
    assert len(after) == before + 3, "two messages of his, and one sentence to him"
    assert any("have blocked you here" in one.content for one in after)
    result = await ben.click(message, label="Vary")
    assert "have blocked you here" in result.followups[0].content
    assert result.followups[0].ephemeral
    await ben.react(message, "👍")
    await fox.done()
    assert len(fox.model.requests) == asked
    assert not await fox.store.votes(next(iter(await fox.store.threads("discord", str(fox.guild.id)))).key)
    assert "have blocked you here" in await fox.command("ben", "gallery")
    assert "To do it, give the command again" in await fox.command("ben", "forget")
    assert "Blocked since" in await fox.command("ada", "moderation")
    assert "not blocked any more" in await fox.command("ada", "moderation", lift=ben)
    await fox.say("ben", "a dog", "A dog: <image> a dog </image>")
    assert names(fox.answer()) == ["picture-3"]


async def test_a_moderator_cannot_keep_an_admin_out(fox: Studio) -> None:
    await fox.command("mo", "moderation", block=fox.people["ada"])
    await fox.say("ada", "a dog", "A dog: <image> a dog </image>")
    assert names(fox.answer()) == ["picture-3"]
