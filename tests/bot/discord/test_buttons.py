"""Buttons, menus, forms and context menus: right away, after a restart, and under load."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.chats.discord.ids import ButtonId
from handlers.access import Access
from handlers.model import Action, Answer, File, SlotState, TextPart
from handlers.presentation import Why
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import picture, ready
from tests.fakes import png


async def shown(world: World, *numbers: int, parents: tuple[int, ...] = (), description: str = "a red fox") -> Any:
    """A thread in which an answer with these pictures stands; its message."""
    world.handlers.parts = ()
    thread = await world.begin()
    key = world.handlers.received[0].thread
    parts = tuple(
        ready(n, world.store.add(key, n, description, turn="turn-x"), description, parents=parents) for n in numbers
    )
    await world.handlers.reply("turn-x", key, parts)
    return thread.last_message


@pytest.mark.parametrize(
    ("label", "action"),
    [("Vary", Action.VARY), ("Refine", Action.REFINE), ("Redo", Action.REDO), ("Select", Action.SELECT)],
)
async def test_a_button_is_acknowledged_and_handed_over(world: World, label: str, action: Action) -> None:
    message = await shown(world, 3)
    result = await world.ann.click(message, label=label)
    [press] = world.handlers.pressed
    assert result.acknowledged
    assert (press.action, press.picture, press.person.name) == (action, 3, "Ann")
    assert press.thread == world.handlers.received[0].thread
    assert [followup.content for followup in result.followups] == ["Noted."]
    assert result.followups[0].ephemeral


@pytest.mark.parametrize("action", [Action.VOTE, Action.RECIPE, Action.UNDO, Action.COMPARE, Action.DELETE])
async def test_the_menu_has_the_rest(world: World, action: Action) -> None:
    message = await shown(world, 3, parents=(1,))
    await world.ann.select(message, [f"{action}:3"])
    [press] = world.handlers.pressed
    assert (press.action, press.picture) == (action, 3)


async def test_two_pictures_side_by_side_each_have_their_buttons(world: World) -> None:
    message = await shown(world, 3, 4)
    assert len(message.attachments) == 2
    await world.ann.click(message, custom_id=_id(message, "vary", 3))
    await world.ann.select(message, ["refine:4"], custom_id=menu_with(message, "refine:4"))
    assert [(press.action, press.picture) for press in world.handlers.pressed] == [
        (Action.VARY, 3),
        (Action.REFINE, 4),
    ]


def rows(message: Any) -> list[Any]:
    return [row for row in message.components if isinstance(row, discord.ActionRow)]


@pytest.mark.parametrize("many", [3, 5])
async def test_many_pictures_are_one_gallery_with_one_row_to_pick(world: World, many: int) -> None:
    message = await shown(world, *range(1, many + 1))
    [gallery] = [one for one in message.components if isinstance(one, discord.MediaGalleryComponent)]
    assert [item.media.url for item in gallery.items] == [file.url for file in message.attachments]
    [row] = rows(message)
    assert [button.label for button in row.children] == [f"#{number}" for number in range(1, many + 1)]


async def test_who_picks_a_picture_alone_is_shown_it_with_all_that_can_be_done(world: World) -> None:
    message = await shown(world, 1, 2, 3)
    part = ready(2, world.store.add(world.handlers.received[0].thread, 2, "a red fox"), parents=(1,))
    world.handlers.answer = Answer("Picture 2: a red fox", picture=part)
    await world.env.restart_bot(world.chat_again().client)
    result = await world.ann.click(message, label="#2")
    [press] = world.handlers.pressed
    assert (press.action, press.picture, press.thread) == (Action.PICK, 2, world.handlers.received[0].thread)
    [card] = result.followups
    assert card.ephemeral
    text, gallery, _, menu = card.components
    assert "**#2** a red fox" in text["content"]
    assert [item["media"]["url"] for item in gallery["items"]] == [message.attachments[1].url]
    world.handlers.answer = Answer("Noted.")
    await world.ann.click(card, label="Vary")
    await world.ann.select(card, ["undo:2"], custom_id=menu["components"][0]["custom_id"])
    form = await world.ann.click(card, label="Edit…")
    await world.ann.submit_modal(form, {"description": "a blue fox"})
    assert [(press.action, press.picture) for press in world.handlers.pressed[1:]] == [
        (Action.VARY, 2), (Action.UNDO, 2), (Action.EDIT, 2),
    ]  # fmt: skip


async def test_more_pictures_than_a_row_holds_are_picked_from_a_menu(world: World) -> None:
    message = await shown(world, *range(1, 13))
    galleries = [one for one in message.components if isinstance(one, discord.MediaGalleryComponent)]
    assert [len(gallery.items) for gallery in galleries] == [10, 2]
    [row] = rows(message)
    await world.ann.select(message, ["pick:12"], custom_id=row.children[0].custom_id)
    [press] = world.handlers.pressed
    assert (press.action, press.picture) == (Action.PICK, 12)


ALL = (
    Action.SELECT,
    Action.REFINE,
    Action.REDO,
    Action.UNDO,
    Action.VOTE,
    Action.RECIPE,
    Action.COMPARE,
    Action.DELETE,
)


@pytest.mark.parametrize("action", ALL)
async def test_two_pictures_side_by_side_can_do_what_one_alone_can(world: World, action: Action) -> None:
    message = await shown(world, 4, 5, parents=(1,))
    value = f"{action}:5"
    await world.bea.select(message, [value], custom_id=menu_with(message, value))
    [press] = world.handlers.pressed
    assert (press.action, press.picture) == (action, 5)


async def test_posts_from_before_there_was_a_row_to_pick_still_work(world: World) -> None:
    await shown(world, 1, 2, 3)
    key = world.handlers.received[0].thread
    option = {"label": "Undo #3", "value": "undo:3"}
    more = {"type": 3, "custom_id": f"e1:more:{key.channel}:{key.thread}:1:1", "options": [option]}
    vary = {"type": 2, "style": 2, "label": "#3", "custom_id": f"e1:vary:{key.channel}:{key.thread}:3:"}
    old = [{"type": 1, "components": [vary]}, {"type": 1, "components": [more]}]
    bot: Any = world.chat.client.user
    world.env.backend.create_message(world.thread().id, bot.id, "", components=old, flags=1 << 15)
    await world.env.settle()
    message = world.thread().last_message
    await world.ann.click(message, label="#3")
    await world.ann.select(message, ["undo:3"], custom_id=more["custom_id"])
    assert [(press.action, press.picture) for press in world.handlers.pressed] == [(Action.VARY, 3), (Action.UNDO, 3)]


async def test_a_placeholder_can_be_cancelled_by_its_slot(world: World) -> None:
    world.handlers.parts = ()
    thread = await world.begin()
    post = world.chat.open_reply("turn-y", world.handlers.received[0].thread, None, None)
    from handlers.model import Reply

    post.show(Reply("turn-y", world.handlers.received[0].thread, (picture(5, position=2, eta_s=40.0),), thinking=False))
    await world.env.settle()
    message = thread.last_message
    assert "2 pictures before it, about 40 s" in message.components[0].content
    await world.ann.click(message, label="Cancel #5")
    await world.ann.click(message, label="Stop")
    cancel, stop = world.handlers.pressed
    assert (cancel.action, cancel.picture, cancel.slot) == (Action.CANCEL, 5, "slot-5")
    assert (stop.action, stop.slot) == (Action.STOP, "turn-y")


async def test_buttons_work_after_a_restart(world: World) -> None:
    message = await shown(world, 3)
    await world.env.restart_bot(world.chat_again().client)
    await world.ann.click(message, label="Vary")
    assert world.handlers.pressed[0].picture == 3


async def test_buttons_work_after_a_year(world: World) -> None:
    message = await shown(world, 3)
    later = world.env.now().timestamp() + 366 * 86400
    world.env._move_clock(world.env._virtual_time + later - world.env.now().timestamp())
    await world.ann.click(message, label="Refine")
    assert world.handlers.pressed[0].action is Action.REFINE


async def test_edit_opens_a_form_with_the_whole_description(world: World) -> None:
    description = "a red fox " * 150
    message = await shown(world, 3, description=description)
    form = await world.ann.click(message, label="Edit…")
    assert form.modal is not None
    text = form.modal["components"][0]["component"]
    assert text["value"] == description
    await world.ann.submit_modal(form, {"description": "a blue fox", "change": "small"})
    [press] = world.handlers.pressed
    assert (press.action, press.picture, press.text, press.change) == (Action.EDIT, 3, "a blue fox", "small")


async def test_a_form_that_was_open_during_a_restart_still_works(world: World) -> None:
    message = await shown(world, 3)
    form = await world.ann.click(message, label="Edit…")
    await world.env.restart_bot(world.chat_again().client)
    await world.ann.submit_modal(form, {"description": "a blue fox", "change": "large"})
    assert world.handlers.pressed[0].change == "large"


async def test_a_reference_in_the_form_makes_it_a_message_with_that_picture(world: World) -> None:
    message = await shown(world, 3)
    form = await world.ann.click(message, label="Edit…")
    await world.ann.submit_modal(form, {"description": "like this", "reference": ("ref.png", png(9))})
    incoming = world.handlers.received[-1]
    assert incoming.attachments[0].data == png(9)
    assert incoming.replies_to == 3
    assert "like this" in incoming.text


async def test_how_far_goes_along_where_the_form_becomes_a_message(world: World) -> None:
    message = await shown(world, 3)
    form = await world.ann.click(message, label="Edit…")
    await world.ann.submit_modal(
        form, {"description": "like this", "change": "small", "reference": ("ref.png", png(9))}
    )
    assert "keep the layout" in world.handlers.received[-1].text


async def test_who_may_not_gets_no_form_and_whoever_lost_it_meanwhile_no_edit(world: World) -> None:
    message = await shown(world, 3)
    form = await world.ann.click(message, label="Edit…")
    world.handlers.access = Access(allow_roles=frozenset({"1"}))
    refused = await world.ann.click(message, label="Edit…")
    assert refused.modal is None
    assert "Your roles" in refused.response.content
    await world.ann.submit_modal(form, {"description": "a blue fox", "change": "small"})
    menu = await world.ann.context_menu(world.thread(), "Edit this picture", message)
    assert menu.modal is None
    assert world.handlers.pressed == []


@pytest.mark.parametrize(
    ("person", "moderator", "admin"), [("ann", False, False), ("bea", True, False), ("boss", True, True)]
)
async def test_what_somebody_may_is_read_at_the_click(world: World, person: str, moderator: bool, admin: bool) -> None:
    message = await shown(world, 3)
    rights = discord.Permissions(manage_guild=True)
    world.boss = world.guild.add_member(
        world.env.create_user("boss"), roles=[world.guild.create_role("Boss", permissions=rights)]
    )
    await getattr(world, person).click(message, label="Vary")
    presser = world.handlers.pressed[0].person
    assert (presser.moderator, presser.admin) == (moderator, admin)


async def test_rules_that_take_too_long_to_read_are_said_in_time(world: World) -> None:
    message = await shown(world, 3)
    world.handlers.refusal_late = True
    result = await world.ann.click(message, label="Edit…")
    assert "very busy" in result.response.content


async def test_a_slow_database_does_not_cost_the_form(world: World) -> None:
    message = await shown(world, 3)
    world.store.broken = True
    form = await world.ann.click(message, label="Edit…")
    assert form.modal is not None
    assert form.modal["components"][0]["component"]["value"] == "a red fox"


async def test_an_answer_with_a_file_goes_to_the_asker_only(world: World) -> None:
    message = await shown(world, 3)
    world.handlers.answer = Answer("seed 7", (File("recipe.json", "application/json", b"{}"),))
    result = await world.ann.select(message, ["recipe:3"])
    assert result.followups[0].ephemeral
    assert [file.filename for file in result.followups[0].attachments] == ["recipe.json"]


async def test_a_long_answer_comes_in_several_pieces(world: World) -> None:
    message = await shown(world, 3)
    world.handlers.answer = Answer("word " * 900)
    result = await world.ann.click(message, label="Vary")
    assert len(result.followups) == 3


async def test_a_very_long_answer_comes_as_a_file(world: World) -> None:
    message = await shown(world, 3)
    world.handlers.answer = Answer("word " * 9000, (File("a.json", "application/json", b"{}"),))
    result = await world.ann.click(message, label="Vary")
    [followup] = result.followups
    assert [file.filename for file in followup.attachments] == ["answer.txt", "a.json"]


@pytest.mark.parametrize(("why", "words"), [(Why.DELETED, "was deleted"), (Why.HIDDEN, "was reported and is hidden")])
async def test_a_picture_that_is_gone_leaves_its_message_and_may_come_back(world: World, why: Why, words: str) -> None:
    await shown(world, 3, 4)
    turn = world.handlers.store.turns_["turn-x"]
    await world.chat.redraw(turn, {3: why})
    after = world.thread().last_message
    assert [file.filename.split("-")[1] for file in after.attachments] == ["4"]
    assert f"#3** {words}" in after.components[0].content
    await world.chat.redraw(turn, {})
    after = world.thread().last_message
    assert sorted(file.filename.split("-")[1] for file in after.attachments) == ["3", "4"]


async def test_moderators_are_told_in_their_channel(world: World) -> None:
    await shown(world, 3)
    await world.chat.announce(world.handlers.received[0].thread, "Report 1: a picture was reported.")
    assert "Report 1" in str(world.thread().last_message.components[0].content)


async def test_a_button_of_another_place_does_nothing(world: World) -> None:
    message = await shown(world, 3)
    elsewhere = world.guild.create_text_channel("elsewhere")
    stored = world.env.backend.messages[message.channel.id][message.id]
    assert elsewhere.id
    for row in stored.components:
        for item in row.get("components", ()):
            item["custom_id"] = str(item.get("custom_id", "")).replace(str(message.channel.id), str(elsewhere.id))
            item["custom_id"] = item["custom_id"].replace(str(world.channel.id), str(elsewhere.id))
    result = await world.ann.click(message, label="Vary")
    assert world.handlers.pressed == []
    assert "another place" in result.followups[0].content


async def test_context_menu_edit_on_a_picture_of_ours(world: World) -> None:
    message = await shown(world, 3)
    form = await world.ann.context_menu(world.thread(), "Edit this picture", message)
    await world.ann.submit_modal(form, {"description": "a green fox"})
    assert world.handlers.pressed[0].text == "a green fox"
    assert world.handlers.pressed[0].change is None


async def test_context_menu_edit_on_somebodys_picture_begins_a_session(world: World) -> None:
    photo = await world.bea.send(world.channel, "my cat", attachments=[("cat.png", png(1))])
    form = await world.ann.context_menu(world.channel, "Edit this picture", photo)
    await world.ann.submit_modal(form, {"description": "as a sticker"})
    [incoming] = world.handlers.received
    assert incoming.text == "as a sticker"
    assert incoming.attachments[0].data == png(1)
    assert incoming.thread.thread == str(photo.id)


async def test_context_menu_edit_takes_all_that_the_form_brings(world: World) -> None:
    photo = await world.bea.send(world.channel, "my cat", attachments=[("cat.png", png(1))])
    form = await world.ann.context_menu(world.channel, "Edit this picture", photo)
    await world.ann.submit_modal(
        form, {"description": "as a sticker", "change": "large", "reference": ("style.png", png(2))}
    )
    [incoming] = world.handlers.received
    assert [file.name for file in incoming.attachments] == ["cat.png", "style.png"]
    assert incoming.text == "as a sticker (change more than details)"


@pytest.mark.parametrize(("menu", "action"), [("Edit this picture", Action.EDIT), ("Use as reference", Action.SELECT)])
async def test_context_menu_on_several_pictures_asks_which(world: World, menu: str, action: Action) -> None:
    message = await shown(world, 3, 4, description="a fox in a hat")
    asked = await world.ann.context_menu(world.thread(), menu, message)
    assert asked.ephemeral
    result = await world.ann.click(asked.response, label="#4")
    if action is Action.EDIT:
        assert result.modal["components"][0]["component"]["value"] == "a fox in a hat"
        await world.ann.submit_modal(result, {"description": "a dog in a hat", "change": "small"})
    assert [(press.action, press.picture) for press in world.handlers.pressed] == [(action, 4)]


async def test_context_menus_in_a_chain_of_replies_mean_its_session(world: World) -> None:
    voice = world.guild.create_voice_channel("voice")
    world.handlers.parts = ()
    await world.ann.send(voice, f"{world.me} a red fox")
    key = world.handlers.received[0].thread
    await world.handlers.reply("turn-z", key, (ready(1, world.store.add(key, 1, "a red fox")),))
    await world.ann.context_menu(voice, "Recipe", voice.last_message)
    assert world.handlers.pressed[0].thread == key


@pytest.mark.parametrize("menu", ["Edit this picture", "Use as reference", "Recipe"])
async def test_context_menus_on_words_say_that_there_is_no_picture(world: World, menu: str) -> None:
    words = await world.ann.send(world.channel, "no picture here")
    result = await world.ann.context_menu(world.channel, menu, words)
    assert "no picture" in (result.followups[-1] if result.followups else result.response).content
    assert world.channel.threads == []


async def test_context_menu_use_as_reference(world: World) -> None:
    photo = await world.bea.send(world.channel, "my cat", attachments=[("cat.png", png(1))])
    await world.ann.context_menu(world.channel, "Use as reference", photo)
    assert world.handlers.received[0].attachments[0].name == "cat.png"
    message = await shown_in(world, 3)
    await world.ann.context_menu(world.thread(), "Use as reference", message)
    assert (world.handlers.pressed[0].action, world.handlers.pressed[0].picture) == (Action.SELECT, 3)


async def test_context_menu_recipe(world: World) -> None:
    message = await shown(world, 3, 4)
    await world.ann.context_menu(world.thread(), "Recipe", message)
    assert [press.picture for press in world.handlers.pressed] == [3, 4]
    words = await world.ann.send(world.thread(), "no picture here")
    result = await world.ann.context_menu(world.thread(), "Recipe", words)
    assert "no picture" in (result.followups[-1] if result.followups else result.response).content


async def shown_in(world: World, number: int) -> Any:
    key = world.handlers.received[-1].thread
    await world.handlers.reply("turn-z", key, (TextPart("look"), ready(number, world.store.add(key, number, "x"))))
    return world.thread().last_message


def menu_with(message: Any, value: str) -> str:
    """The custom id of the menu that has the entry."""
    for row in message.components:
        for item in getattr(row, "children", ()):
            if any(option.value == value for option in getattr(item, "options", ())):
                return str(item.custom_id)
    raise AssertionError(f"no entry {value}")


def _id(message: Any, action: str, number: int) -> str:
    for row in message.components:
        for item in getattr(row, "children", ()):
            id = ButtonId.parse(item.custom_id or "")
            if id is not None and (id.action, id.picture) == (action, number):
                return str(id)
    raise AssertionError(f"no {action} #{number}")


def test_ids_fit_and_come_back() -> None:
    for slot in ("", "slot-1", "s" * 300):
        id = ButtonId("cancel", "9" * 20, "r" + "9" * 20, 123456789, slot)
        assert len(str(id)) <= 100
        read = ButtonId.parse(str(id))
        assert read is not None
        assert (read.action, read.channel, read.thread, read.picture) == (id.action, id.channel, id.thread, id.picture)
        assert read.slot in (slot, "")
    assert ButtonId.parse("e2:other") is None
    assert SlotState.READY
