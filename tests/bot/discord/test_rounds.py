"""A round of a brainstorm on Discord: one message that stays one, within its limits, whatever happens to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from bot.chats.discord.ids import read_menu_value
from bot.chats.discord.outgoing.layout import layout
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.render import components, render
from bot.chats.discord.outgoing.views import Button, Buttons, Gallery, Menu, MessageView, Words
from handlers.links import guarded
from handlers.model import Action, Answer, Reply, ReplyPart, SlotState, ThreadKey
from handlers.presentation import Why, round_of, shorten
from handlers.round import Card, Phase, RoundPart
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import ready
from tests.bot.discord.wire import Process
from tests.bot.rounds import CLOSES, draft, rounds, shown
from tests.peers.discord_peer import DiscordPeer
from tests.peers.discord_shapes import invalid

KEY = ThreadKey("discord", "1", "2" * 19, "3" * 19)
COMPONENTS_V2 = 1 << 15


def view_of(parts: tuple[ReplyPart, ...], **more: Any) -> MessageView:
    [view] = render(Reply("turn", KEY, parts, thinking=False, final=True), **more)
    return view


def words_of(view: MessageView) -> str:
    return "\n".join(block.text for block in view.blocks if isinstance(block, Words))


def buttons_of(view: MessageView) -> list[Button]:
    return [button for block in view.blocks if isinstance(block, Buttons) for button in block.items]


def labels_of(view: MessageView) -> list[str]:
    return [button.label for button in buttons_of(view)]


def entries_of(view: MessageView) -> set[tuple[Action, int]]:
    menus = [block for block in view.blocks if isinstance(block, Menu)]
    read = (read_menu_value(value) for menu in menus for _, value in menu.entries)
    return {entry for entry in read if entry is not None}


def cards_of(parts: tuple[ReplyPart, ...]) -> tuple[Card, ...]:
    shown = round_of(parts)
    assert shown is not None
    return shown.cards


def check(view: MessageView) -> None:
    """What Discord checks, as the library would send it; words counted in the way that gives most."""
    built = layout(view, {item.file: item.file for item in view.pictures})
    assert built.total_children_count <= 39
    assert sum(map(components, view.blocks)) == built.total_children_count
    assert invalid({"flags": COMPONENTS_V2, "components": built.to_components()}) is None
    assert len(words_of(view).encode("utf-16-le", "surrogatepass")) // 2 <= 3800
    assert all(1 <= len(button.label) <= 80 for button in buttons_of(view))
    for block in view.blocks:
        match block:
            case Buttons(items):
                assert 1 <= len(items) <= 5
            case Gallery(items):
                assert 1 <= len(items) <= 10
            case Menu(_, placeholder, entries):
                assert 1 <= len(entries) <= 25
                assert len(placeholder) <= 150
                assert all(len(label) <= 100 for label, _ in entries)
            case Words(text):
                assert text.strip()


@given(rounds())
def test_a_round_is_one_message_within_the_limits(parts: tuple[ReplyPart, ...]) -> None:
    view = view_of(parts)
    check(view)
    assert all(f"**#{card.picture}**" in words_of(view) for card in cards_of(parts))
    gone = {part.number: Why.DELETED for part in parts[:1] if not isinstance(part, RoundPart)}  # type: ignore[union-attr]
    check(view_of(parts, gone=gone, covered=frozenset({2})))
    [growing] = render(Reply("turn", KEY, parts, thinking=False))
    check(growing)


@pytest.mark.parametrize("title", ["面包店的吉祥物" * 6, "🦊" * 40, "👩‍👩‍👧‍👦" * 6, "*_<@1>`|" * 5])
def test_eight_ideas_with_the_longest_titles_are_all_there(title: str) -> None:
    title = title[:40]
    cards = tuple(Card(n, title, "why " * 100, (n, n + 1), 10, winner=True) for n in range(101, 109))
    pictures = tuple(draft(card.picture, parents=card.parents, sentence="x") for card in cards)
    part = RoundPart(
        "b", 3, "题" * 300, Phase.OPEN, cards, closes=CLOSES, took_up="采" * 300, remarks=("注" * 300,) * 5
    )
    view = view_of((*pictures, part))
    check(view)
    for card in cards:
        assert f"**#{card.picture}**" in words_of(view)
        assert f"#{card.picture} · 10" in labels_of(view)
    assert words_of(view).count(guarded(plain(shorten(title, 40)))) == 8
    assert len(view.pictures) == 8


def test_an_open_vote_shows_what_there_is_and_how_to_vote() -> None:
    view = view_of(shown(6, closes=CLOSES, took_up="Calmer colours.", remarks=("One idea is missing.",)))
    told = words_of(view)
    for part in ("mascots for a bakery — round 1", "Calmer colours.", "One idea is missing.", "**#6** Idea 6 · 1 vote"):
        assert part in told
    assert f"<t:{int(CLOSES.timestamp())}:R>" in told
    assert [len(block.items) for block in view.blocks if isinstance(block, Buttons)] == [3, 3, 3]
    assert labels_of(view) == [*(f"#{n} · 1" for n in range(1, 7)), "Close vote", "State", "Settings…"]
    [gallery] = [block for block in view.blocks if isinstance(block, Gallery)]
    assert len(gallery.items) == 6


def test_counts_that_are_not_told_stand_nowhere() -> None:
    view = view_of(shown(3, votes=None, anonymous=True))
    assert labels_of(view)[:3] == ["#1", "#2", "#3"]
    assert "vote ·" not in words_of(view)


def test_drafts_have_no_controls_of_their_own_but_one_menu_to_pick_one() -> None:
    view = view_of(shown(3))
    assert entries_of(view) == {(Action.PICK, 1), (Action.PICK, 2), (Action.PICK, 3)}
    assert {button.id.split(":")[1] for button in buttons_of(view)} == {"dot", "close", "state", "settings"}


@pytest.mark.parametrize(
    ("one", "gone", "words"),
    [
        (draft(2, SlotState.FAILED, sentence="The engine is down."), {}, "The engine is down."),
        (draft(2, SlotState.CANCELLED), {}, "was cancelled"),
        (draft(2, SlotState.WAITING, position=3), {}, "3 pictures before it"),
        (draft(2), {2: Why.DELETED}, "was deleted"),
        (draft(2), {2: Why.HIDDEN}, "was reported and is hidden"),
    ],
)
def test_a_draft_that_is_not_there_has_its_line_and_no_vote(one: Any, gone: dict[int, Why], words: str) -> None:
    view = view_of(shown(3, drafts={2: one}), gone=gone)
    assert f"**#2** Idea 2 · 1 vote · {words}" in words_of(view).replace("\\", "")
    assert [label for label in labels_of(view) if label.startswith("#")] == ["#1 · 1", "#3 · 1"]
    assert len(view.pictures) == 2
    assert not {entry for entry in entries_of(view) if entry[1] == 2} - {(Action.CANCEL, 2)}


def test_a_covered_draft_is_covered_and_has_its_line() -> None:
    view = view_of(shown(2, drafts={2: draft(2, spoiler=True)}), covered=frozenset({2}))
    assert [item.covered for item in view.pictures] == [False, True]
    assert "may be sensitive" in words_of(view)


def test_what_the_facilitator_can_do_changes_with_the_phase() -> None:
    assert labels_of(view_of(shown(2, Phase.DRAWING))) == ["State", "Settings…"]
    closed = labels_of(view_of(shown(2, Phase.CLOSED)))
    assert closed == ["Open vote again", "Next round", "Finish", "State", "Settings…"]
    assert labels_of(view_of(shown(2, Phase.OVER))) == []
    assert labels_of(view_of(shown(1, Phase.CLOSED, last=True))) == ["Go on with the winner"]
    assert "🏆 **#1**" in words_of(view_of(shown(2, Phase.CLOSED)))


# On simcord


async def begun(world: World, **fields: Any) -> Any:
    """A thread in which a round stands; its message."""
    world.handlers.parts = ()
    thread = await world.begin()
    key = world.handlers.received[0].thread
    drafts = {n: ready(n, world.store.add(key, n, f"draft {n}", turn="turn-r"), f"draft {n}") for n in (1, 2, 3)}
    await world.handlers.reply("turn-r", key, shown(3, drafts=drafts, **fields))
    return thread.last_message


def id_of(message: Any, action: Action, number: int) -> str:
    return f"e1:{action}:{message.channel.parent_id}:{message.channel.id}:{number}:"


@pytest.mark.parametrize(("action", "number"), [(Action.DOT, 2), (Action.CLOSE, 1), (Action.STATE, 1)])
async def test_a_press_is_acknowledged_and_works_after_a_restart(world: World, action: Action, number: int) -> None:
    message = await begun(world)
    for again in (False, True):
        if again:
            await world.env.restart_bot(world.chat_again().client)
        result = await world.ann.click(message, custom_id=id_of(world.thread().last_message, action, number))
        assert result.acknowledged
        press = world.handlers.pressed[-1]
        assert (press.action, press.picture) == (action, number)
        assert result.followups[0].ephemeral
    assert len(world.handlers.pressed) == 2


async def test_a_press_on_a_round_that_is_over_is_answered_with_a_sentence(world: World) -> None:
    message = await begun(world)
    world.handlers.answer = Answer("This round is over.")
    result = await world.ann.click(message, custom_id=id_of(message, Action.DOT, 1))
    assert [followup.content for followup in result.followups] == ["This round is over."]


async def test_the_settings_are_a_form_that_gives_the_command(world: World) -> None:
    message = await begun(world, dots=3, anonymous=True)
    form = await world.ann.click(message, label="Settings…")
    fields = {label["label"]: label["component"] for label in form.modal["components"]}
    assert fields["Votes"]["value"] == "3"
    assert [option["value"] for option in fields["Anonymous"]["options"] if option.get("default")] == ["yes"]
    await world.env.restart_bot(world.chat_again().client)
    await world.ann.submit_modal(form, {"minutes": "10", "votes": "2", "anonymous": "no"})
    [call] = world.handlers.called
    assert (call.name, call.arguments) == ("brainstorm", {"minutes": 10, "votes": 2, "anonymous": "no"})
    assert call.thread == world.handlers.received[0].thread
    assert call.in_thread


async def test_what_is_wrong_in_the_form_is_told_and_nothing_is_changed(world: World) -> None:
    message = await begun(world)
    form = await world.ann.click(message, label="Settings…")
    result = await world.ann.submit_modal(form, {"minutes": "soon", "votes": "9", "anonymous": "no"})
    assert not world.handlers.called
    [said] = result.followups
    assert said.ephemeral
    assert "minutes must be a number" in said.content
    assert "votes must be between 1 and 5" in said.content


async def test_a_slow_database_does_not_cost_the_form_of_settings(world: World) -> None:
    message = await begun(world)
    world.store.broken = True
    form = await world.ann.click(message, label="Settings…")
    assert form.modal is not None


# On the wire: a round that stands for hours


async def posted(peer: DiscordPeer, process: Process, *, votes: int = 0) -> ThreadKey:
    key = await process.asked()
    await process.handlers.reply("turn-r", key, parts_of(process, key, votes))
    return key


def parts_of(process: Process, key: ThreadKey, votes: int, phase: Phase = Phase.OPEN) -> tuple[ReplyPart, ...]:
    drafts = {n: ready(n, process.store.add(key, n, f"draft {n}", turn="turn-r"), f"draft {n}") for n in (1, 2, 3)}
    return shown(3, phase, votes=votes, drafts=drafts)


async def redraw(process: Process, key: ThreadKey, votes: int, phase: Phase = Phase.OPEN) -> None:
    turn = process.store.turns_["turn-r"]
    process.store.turns_["turn-r"] = turn = type(turn)(
        turn.id, turn.thread, turn.index, turn.role, None, "", turn.created,
        parts=parts_of(process, key, votes, phase), post=turn.post,
    )  # fmt: skip
    await process.chat.redraw(turn, {})


def count_in(message: Any) -> str:
    return next(str(n) for n in range(99) if f"#1 · {n}'" in str(message["components"]))


async def test_votes_change_the_same_message_and_bring_no_picture_again(peer: DiscordPeer, process: Process) -> None:
    key = await posted(peer, process)
    [before] = [dict(message) for message in peer.said(key.thread)]
    files = len(peer.files)
    for votes in (1, 2):
        await redraw(process, key, votes)
    [after] = peer.said(key.thread)
    assert after["id"] == before["id"]
    assert count_in(after) == "2"
    assert len(peer.files) == files


async def test_a_round_too_old_to_be_edited_goes_on_in_one_new_message_even_after_a_restart(
    peer: DiscordPeer, process: Process
) -> None:
    key = await posted(peer, process)
    [old] = peer.said(key.thread)
    peer.too_old.add(old["id"])
    await redraw(process, key, 1)
    [fresh] = peer.said(key.thread)
    assert fresh["id"] != old["id"]
    await process.chat.stop()
    second = Process(peer, process)
    second.handlers.parts = ()  # what it catches up with was answered before
    await second.start()
    await second.done("discord resume")
    try:
        await redraw(second, key, 2)
        [after] = peer.said(key.thread)
        assert after["id"] == fresh["id"]
        assert count_in(after) == "2"
        assert len(after["attachments"]) == 3
    finally:
        await second.chat.stop()


def edits(peer: DiscordPeer) -> int:
    return sum(method == "PATCH" and "/messages/" in path for method, path in peer.requests)


async def test_what_is_shown_already_costs_no_edit_after_a_restart(peer: DiscordPeer, process: Process) -> None:
    key = await posted(peer, process)
    await redraw(process, key, 1)
    await process.chat.stop()
    second = Process(peer, process)
    second.handlers.parts = ()  # what it catches up with was answered before
    await second.start()
    try:
        before = edits(peer)
        await redraw(second, key, 1)
        assert edits(peer) == before
        await redraw(second, key, 2)
        assert edits(peer) == before + 1
    finally:
        await second.chat.stop()


async def test_a_round_that_is_over_stays_where_it_is_when_it_is_too_old_to_be_edited(
    peer: DiscordPeer, process: Process
) -> None:
    key = await posted(peer, process)
    [old] = peer.said(key.thread)
    peer.too_old.add(old["id"])
    await redraw(process, key, 1, Phase.OVER)
    [after] = peer.said(key.thread)
    assert after["id"] == old["id"]


async def test_a_round_whose_message_was_deleted_comes_again_once(peer: DiscordPeer, process: Process) -> None:
    key = await posted(peer, process)
    [old] = peer.said(key.thread)
    del peer.messages[key.thread][old["id"]]
    peer.forget_nonces()
    for votes in (1, 2):
        await redraw(process, key, votes)
    [after] = peer.said(key.thread)
    assert count_in(after) == "2"


async def test_an_archived_thread_is_opened_for_a_vote(peer: DiscordPeer, process: Process) -> None:
    key = await posted(peer, process)
    await peer.archive(key.thread)
    await redraw(process, key, 1)
    [after] = peer.said(key.thread)
    assert count_in(after) == "1"
