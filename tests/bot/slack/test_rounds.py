"""A round of a brainstorm on Slack: one message that stays one, its drafts on one sheet, whatever happens to it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from PIL import Image

from bot.chats.slack import ids
from bot.chats.slack.outgoing import render, sheets
from handlers.model import Action, Answer, Reply, ReplyPart, SlotState, ThreadKey, Turn
from handlers.ports import ChatUnavailable
from handlers.presentation import Why, round_of
from handlers.round import Card, Phase, RoundPart
from tests.bot.rounds import CLOSES, draft, rounds, shown
from tests.bot.slack.conftest import World, answers_with_pictures, click, submitted
from tests.fakes import png
from tests.peers import block_kit

KEY = ThreadKey("slack", "T1", "C1", "1.2")
Blocks = tuple[dict[str, Any], ...]


def blocks_of(parts: tuple[ReplyPart, ...], *, uploaded: bool = True, **more: Any) -> Blocks:
    pictures = sheets.of_round(parts)
    files = {sheets.slot_of(pictures): "F1"} if pictures and uploaded else {}
    [message] = render.render(Reply("t", KEY, parts, thinking=False, final=True), files, **more)
    assert block_kit.problems(message.blocks) == []
    assert 1 <= len(message.text) <= 4_000
    return message.blocks


def labels_of(blocks: Blocks) -> list[list[str]]:
    rows = [block["elements"] for block in blocks if block["type"] == "actions"]
    return [[element["text"]["text"] for element in row] for row in rows]


def line_of(blocks: Blocks, number: int) -> dict[str, Any]:
    return next(block for block in blocks if block.get("block_id") == f"idea.{number}")


def menu_of(blocks: Blocks, number: int) -> set[str]:
    menu = line_of(blocks, number).get("accessory", {"options": []})
    return {option["value"].split(".")[1] for option in menu["options"]}


@given(rounds())
def test_a_round_is_one_message_within_the_limits(parts: tuple[ReplyPart, ...]) -> None:
    blocks = blocks_of(parts)
    assert len(blocks) <= 20
    part = round_of(parts)
    assert part is not None
    assert all(line_of(blocks, card.picture) for card in part.cards)
    blocks_of(parts, uploaded=False)


@pytest.mark.parametrize("title", ["面包店的吉祥物" * 6, "🦊" * 40, "&<>" * 13, "*_~`" * 10])
def test_eight_ideas_with_the_longest_titles_are_all_there(title: str) -> None:
    cards = tuple(Card(n, title[:40], "&" * 900, (n, n + 1), 10, winner=True) for n in range(101, 109))
    pictures = tuple(draft(card.picture, parents=card.parents, sentence="&" * 300) for card in cards)
    part = RoundPart("b", 3, "题" * 300, Phase.OPEN, cards, closes=CLOSES, took_up="&" * 600, remarks=("<" * 600,) * 6)
    blocks = blocks_of((*pictures, part))
    assert labels_of(blocks)[:2] == [[f"#{n} · 10" for n in range(m, m + 4)] for m in (101, 105)]


def test_an_open_vote_shows_what_there_is_and_how_to_vote() -> None:
    blocks = blocks_of(shown(6, closes=CLOSES, took_up="Calmer colours.", remarks=("One idea is missing.",)))
    told = json.dumps(blocks)
    for words in ("mascots for a bakery \\u2014 round 1", "Calmer colours.", "One idea is missing.", "*#6* Idea 6"):
        assert words in told
    assert f"<!date^{int(CLOSES.timestamp())}^" in told
    assert labels_of(blocks) == [
        [f"#{n} · 1" for n in (1, 2, 3)], [f"#{n} · 1" for n in (4, 5, 6)], ["Close vote", "State", "Settings…"],
    ]  # fmt: skip
    [sheet] = [block for block in blocks if block["type"] == "image"]
    assert "#6: draft 6" in sheet["alt_text"]
    assert sheet["alt_text"].endswith("(made with AI)")


def test_drafts_have_no_controls_of_their_own_but_all_they_can_do_in_a_menu() -> None:
    blocks = blocks_of(shown(3, drafts={3: draft(3, parents=(1,))}))
    assert {"recipe", "report", "delete", "edit", "vary", "compare"} <= menu_of(blocks, 3)
    assert "vote" not in menu_of(blocks, 3)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (draft(2, SlotState.FAILED, sentence="The engine is down."), "The engine is down."),
        (draft(2, SlotState.CANCELLED), "was cancelled"),
        (draft(2, SlotState.WAITING, position=3), "3 pictures before it"),
    ],
)
def test_a_draft_that_is_not_there_has_its_line_and_no_vote(one: Any, words: str) -> None:
    blocks = blocks_of(shown(3, drafts={2: one}))
    assert f"*#2* Idea 2 · 1 vote · {words}" in line_of(blocks, 2)["text"]["text"]
    assert labels_of(blocks)[0] == ["#1 · 1", "#3 · 1"]
    assert menu_of(blocks, 2) <= {"cancel"}


def test_a_covered_draft_is_on_no_sheet_and_is_shown_to_who_asks() -> None:
    parts = shown(2, drafts={2: draft(2, spoiler=True)})
    assert [part.number for part in sheets.of_round(parts)] == [1]
    blocks = blocks_of(parts)
    assert "may be sensitive" in line_of(blocks, 2)["text"]["text"]
    assert "show" in menu_of(blocks, 2)
    assert labels_of(blocks)[0] == ["#1 · 1", "#2 · 1"]


def test_what_the_facilitator_can_do_changes_with_the_phase() -> None:
    assert labels_of(blocks_of(shown(2, Phase.DRAWING))) == [["State", "Settings…"]]
    closed = labels_of(blocks_of(shown(2, Phase.CLOSED)))
    assert closed == [["Open vote again", "Next round", "Finish", "State", "Settings…"]]
    assert labels_of(blocks_of(shown(2, Phase.OVER))) == []
    assert labels_of(blocks_of(shown(1, Phase.CLOSED, last=True))) == [["Go on with the winner"]]
    assert ":trophy: *#1*" in str(blocks_of(shown(2, Phase.CLOSED)))


# On the wire


class Standing:
    """A round that was posted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.thread = ""
        world.store.picture_bytes = self._bytes  # type: ignore[method-assign]

    async def _bytes(self, sha256: str) -> bytes:
        return png(int(sha256, 16))

    def parts(self, votes: int) -> tuple[ReplyPart, ...]:
        return shown(3, votes=votes, drafts={n: draft(n, sha256=f"{n:064x}") for n in (1, 2, 3)})

    async def post(self) -> None:
        self.thread = await self.world.mention()
        post = self.world.post(self.thread, turn="turn-r")
        drawing = {n: draft(n, SlotState.WAITING) for n in (1, 2, 3)}
        post.show(Reply("turn-r", self.key, shown(3, Phase.DRAWING, drafts=drawing), thinking=False))
        await self.world.peer.until(lambda: bool(self.messages))
        reference = await post.finish(Reply("turn-r", self.key, self.parts(0), False, True))
        for number in (1, 2, 3):
            self.world.store.add_picture(number, f"draft {number}", thread=self.thread, turn="turn-r")
        self.world.store.add_turn("turn-r", self.thread, self.parts(0), reference)

    @property
    def key(self) -> ThreadKey:
        return self.world.handlers.received[0].thread

    @property
    def messages(self) -> list[Any]:
        return self.world.peer.answers(self.thread)

    async def redraw(self, votes: int = 0, gone: dict[int, Why] | None = None) -> None:
        turn = self.world.store.stored["turn-r"]
        self.world.store.stored["turn-r"] = turn = replace(turn, parts=self.parts(votes))
        assert isinstance(turn, Turn)
        await self.world.service.chat.redraw(turn, gone or {})

    def counts(self) -> str:
        [message] = self.messages
        return str(labels_of(message["blocks"])[0])


@pytest.fixture
async def round(world: World) -> Standing:
    made = Standing(world)
    await made.post()
    return made


async def test_votes_change_the_same_message_upload_nothing_and_read_no_thread(round: Standing, world: World) -> None:
    [before] = [message["ts"] for message in round.messages]
    [sheet] = answers_with_pictures(round.messages[0])
    with Image.open(io.BytesIO(world.peer.files[sheet].data)) as image:
        assert image.width > 2.5 * image.height
    reads = len(world.peer.called("conversations.replies"))
    for votes in (1, 2):
        await round.redraw(votes)
    assert [message["ts"] for message in round.messages] == [before]
    assert round.counts() == str(["#1 · 2", "#2 · 2", "#3 · 2"])
    assert answers_with_pictures(round.messages[0]) == [sheet]
    assert len(world.peer.files) == 1
    assert len(world.peer.called("conversations.replies")) == reads


@pytest.mark.parametrize("why", [Why.DELETED, Why.HIDDEN])
async def test_a_draft_that_is_gone_is_on_no_sheet_any_more(round: Standing, world: World, why: Why) -> None:
    [old] = answers_with_pictures(round.messages[0])
    await round.redraw(gone={2: why})
    [fresh] = answers_with_pictures(round.messages[0])
    assert world.peer.files[old].deleted
    assert fresh != old
    assert round.counts() == str(["#1 · 0", "#3 · 0"])
    assert f"Picture #2 was {'deleted' if why is Why.DELETED else 'reported'}" in str(round.messages[0]["blocks"])
    await world.restart()
    await round.redraw(1, gone={2: why})
    assert answers_with_pictures(round.messages[0]) == [fresh]
    assert len(world.peer.files) == 2
    await round.redraw(1)
    [again] = answers_with_pictures(round.messages[0])
    assert again not in (old, fresh)
    assert world.peer.files[fresh].deleted


async def test_a_round_whose_message_was_deleted_comes_again_once_even_after_a_restart(
    round: Standing, world: World
) -> None:
    world.peer.messages.remove(round.messages[0])
    await round.redraw(1)
    await world.restart()
    await round.redraw(2)
    assert round.counts() == str(["#1 · 2", "#2 · 2", "#3 · 2"])


async def test_a_message_that_came_again_before_a_crash_is_found(round: Standing, world: World) -> None:
    before = dict(world.memory.data)
    world.peer.messages.remove(round.messages[0])
    await round.redraw(1)
    world.memory.data = before  # killed before it was written down
    await round.redraw(2)
    assert round.counts() == str(["#1 · 2", "#2 · 2", "#3 · 2"])


async def test_an_archived_channel_is_told_to_the_handlers(round: Standing, world: World) -> None:
    world.peer.archived.add("C1")
    with pytest.raises(ChatUnavailable, match="archived"):
        await round.redraw(1)
    world.peer.archived.clear()
    await round.redraw(2)
    assert round.counts() == str(["#1 · 2", "#2 · 2", "#3 · 2"])


@pytest.mark.parametrize(("action", "number"), [(Action.DOT, 2), (Action.CLOSE, 1), (Action.STATE, 1)])
async def test_a_press_is_acknowledged_and_answered_to_the_asker(
    round: Standing, world: World, action: Action, number: int
) -> None:
    world.handlers.answer = Answer("This round is over.")
    await world.restart()
    envelope = await world.peer.send("interactive", click(action, number, round.thread))
    await world.peer.until(lambda: bool(world.peer.ephemeral) and envelope in world.peer.acks)
    assert world.peer.slowest_ack_s < 3
    [press] = world.handlers.pressed
    assert (press.action, press.picture, press.thread) == (action, number, round.key)
    assert world.peer.ephemeral[0]["text"] == "This round is over."


async def test_an_entry_of_a_drafts_menu_is_what_a_button_is(round: Standing, world: World) -> None:
    body = click(Action.RECIPE, 2, round.thread)
    value = ids.action_id(Action.RECIPE, 2)
    body["actions"][0] |= {"type": "static_select", "action_id": "easel.menu.2", "selected_option": {"value": value}}
    await world.peer.send("interactive", body)
    await world.until(lambda: bool(world.handlers.pressed))
    assert (world.handlers.pressed[0].action, world.handlers.pressed[0].picture) == (Action.RECIPE, 2)


async def form(round: Standing, world: World) -> dict[str, Any]:
    await world.peer.send("interactive", click(Action.SETTINGS, 1, round.thread))
    await world.peer.until(lambda: bool(world.peer.views))
    return dict(world.peer.views[-1])


def filled(**values: str) -> dict[str, Any]:
    return {
        name: {"value": {"type": "static_select", "selected_option": {"value": value}} if name == "anonymous" else
               {"type": "plain_text_input", "value": value}}
        for name, value in values.items()
    }  # fmt: skip


async def test_the_settings_are_a_form_that_gives_the_command(round: Standing, world: World) -> None:
    view = await form(round, world)
    elements = {block["block_id"]: block["element"] for block in view["blocks"]}
    assert elements["votes"]["initial_value"] == "2"
    assert elements["anonymous"]["initial_option"]["value"] == "no"
    await world.restart()
    await world.peer.send("interactive", submitted(view, filled(minutes="10", votes="3", anonymous="yes")))
    await world.until(lambda: bool(world.handlers.called))
    [call] = world.handlers.called
    assert (call.name, call.arguments) == ("brainstorm", {"minutes": 10, "votes": 3, "anonymous": "yes"})
    assert call.thread == round.key
    assert call.in_thread
    await world.peer.until(lambda: bool(world.peer.ephemeral))


async def test_what_is_wrong_in_the_form_is_told_at_its_field(round: Standing, world: World) -> None:
    view = await form(round, world)
    envelope = await world.peer.send("interactive", submitted(view, filled(minutes="soon", votes="9", anonymous="no")))
    await world.peer.until(partial(world.peer.acks.__contains__, envelope))
    errors = world.peer.acks[envelope]["errors"]
    assert set(errors) == {"minutes", "votes"}
    assert "between 1 and 5" in errors["votes"]
    assert not world.handlers.called


async def test_a_round_that_is_not_known_in_time_has_an_empty_form(round: Standing, world: World) -> None:
    world.store.pictures.clear()
    view = await form(round, world)
    assert "initial_value" not in json.dumps(view)
