"""What is shown of pictures: the same decision in every chat."""

from __future__ import annotations

import ast
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.chats.discord.ids import button_id
from bot.chats.discord.incoming.buttons import ActionButton
from bot.chats.discord.outgoing.controls import controls, group_controls
from bot.chats.discord.outgoing.render import render as discord_render
from bot.chats.discord.outgoing.views import Buttons, Menu, Words
from bot.chats.slack import ids
from bot.chats.slack.outgoing import render
from bot.chats.slack.outgoing.status import line
from bot.chats.terminal import Screen
from bot.chats.web import views
from bot.store import rows
from handlers.english import Sentence, words
from handlers.model import Action, NoticePart, PicturePart, Reply, ReplyPart, SelectPart, SlotState, ThreadKey
from handlers.presentation import (
    KEEPS,
    LABELS,
    OFFERS,
    Waiting,
    Why,
    activity,
    caption,
    duration,
    offered,
    progress,
    shorten,
)
from imaging.model import Operation

ROOT_FOLDER = Path(__file__).parents[2]
KEY = ThreadKey("discord", "1", "2", "3")
ROOT = PicturePart("s", 1, Operation.IMAGE, "a fox", state=SlotState.READY, sha256="ab")
CHILD = replace(ROOT, number=2, operation=Operation.EDIT, parents=(1,))
UPLOAD = replace(ROOT, number=3, operation=Operation.UPLOAD)
LARGEST = replace(CHILD, number=5, operation=Operation.REFINE, largest=True)
WAITING = replace(ROOT, number=4, state=SlotState.WAITING, sha256=None)
PARTS = (ROOT, CHILD, UPLOAD, WAITING, LARGEST)


def on_discord(part: PicturePart) -> set[Action]:
    found: set[str] = set()
    for view in discord_render(Reply("t", KEY, (part,), thinking=False, final=True)):
        for block in view.blocks:
            if isinstance(block, Buttons):
                found |= {button.id.split(":")[1] for button in block.items}
            elif isinstance(block, Menu):
                found |= {value.split(":")[0] for _, value in block.entries}
    return set(map(Action, found))


def on_slack(part: PicturePart) -> set[Action]:
    [message] = render.render(Reply("t", KEY, (part,)), {part.slot: "F"})
    elements = [element for block in message.blocks if block["type"] == "actions" for element in block["elements"]]
    named = [element["action_id"] for element in elements if element["type"] == "button"]
    named += [option["value"] for element in elements for option in element.get("options", ())]
    found = [ids.read_action_id(name) for name in named]
    return {mark.action for mark in found if mark is not None}


def on_the_page(part: PicturePart) -> set[Action]:
    return {Action(offer["action"]) for offer in views.part(part)["offers"]}


@pytest.mark.parametrize("part", PARTS, ids=["drawn", "edited", "brought", "waiting", "largest"])
def test_a_picture_offers_the_same_in_every_chat(part: PicturePart) -> None:
    wanted = {offer.action for offer in offered(part)}
    assert on_discord(part) == on_slack(part) == on_the_page(part) == wanted


def test_what_was_asked_for_again_says_of_what() -> None:
    redone = replace(ROOT, number=6, again=1)
    assert words(caption(redone)) == views.part(redone)["made"] == "#1 again, with a new seed"
    assert rows.part_from_json(rows.part_to_json(redone)) == redone
    [message] = render.render(Reply("t", KEY, (redone,)), {"s": "F"})
    assert "again, with a new seed" in str(message.blocks)
    assert views.part(CHILD)["made"] == words(caption(CHILD)) == "edit of #1"
    assert views.part(UPLOAD)["made"] == ""


def test_only_a_chat_that_cannot_cover_a_picture_offers_to_show_it() -> None:
    covered = replace(CHILD, spoiler=True)
    assert Action.SHOW in on_slack(covered)
    assert Action.SHOW not in on_slack(CHILD)
    assert on_discord(covered) == on_the_page(covered) == on_discord(CHILD)
    assert views.part(covered)["covered"] == "#2 may be sensitive"
    assert views.part(CHILD)["covered"] is None
    out = io.StringIO()
    Screen(lambda part: "2.png", out, progress=False).show(Reply("t", KEY, (covered,), thinking=False, final=True))
    assert "#2 may be sensitive" in out.getvalue()


def test_what_is_offered_makes_sense() -> None:
    assert not {Action.UNDO, Action.COMPARE} & on_the_page(ROOT)
    assert {Action.UNDO, Action.COMPARE, Action.REDO, Action.VOTE} <= on_the_page(CHILD)
    assert not {Action.REDO, Action.RECIPE} & on_the_page(UPLOAD)
    assert on_the_page(WAITING) == {Action.CANCEL}
    assert on_the_page(CHILD) - on_the_page(LARGEST) == {Action.REFINE}
    for state in (SlotState.FAILED, SlotState.CANCELLED):
        assert offered(replace(ROOT, state=state)) == ()


def test_every_action_is_in_the_table_once_and_discord_knows_its_button() -> None:
    assert sorted(offer.action for offer in OFFERS) == sorted(Action)
    assert set(LABELS) == set(Action)
    template: Any = ActionButton.__discord_ui_compiled_template__
    for action in Action:
        assert template.fullmatch(button_id(action, KEY, 1))
    assert not template.fullmatch(button_id(Action.VARY, KEY, 1).replace("vary", "varied"))


def test_a_group_offers_for_each_picture_what_it_offers_alone() -> None:
    parts = [CHILD, UPLOAD]
    shown = {
        value if isinstance(block, Menu) else ":".join((id.split(":")[1], id.split(":")[4]))
        for block in group_controls(parts, KEY)
        for id, value in (
            ((entry[1], entry[1]) for entry in block.entries)
            if isinstance(block, Menu)
            else ((button.id, button.id) for button in block.items)  # type: ignore[union-attr]
        )
    }
    assert shown == {f"{offer.action}:{part.number}" for part in parts for offer in offered(part)}
    assert all(len(block.entries) <= 25 for block in group_controls(parts * 2, KEY) if isinstance(block, Menu))
    assert list(controls(ROOT, KEY))


@pytest.mark.parametrize(
    ("before", "eta_s", "told"),
    [
        (None, None, "waiting"),
        (0, None, "next"),
        (1, 0.2, "1 picture before it, about 1 s"),
        (2, 89.0, "2 pictures before it, about 89 s"),
        (7, 300.0, "7 pictures before it, about 5 min"),
    ],
)
def test_waiting_is_told_in_the_same_words_in_every_chat(before: int | None, eta_s: float | None, told: str) -> None:
    part = replace(WAITING, position=before, eta_s=eta_s)
    assert words(progress(part)) == told
    [view] = discord_render(Reply("t", KEY, (part,), thinking=False, final=True))
    assert any(told in block.text for block in view.blocks if isinstance(block, Words))
    assert render.under_way(part).endswith(f" — {told}")
    assert views.part(part)["status"].casefold() == told
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    Screen(str, out).show(Reply("t", KEY, (part,), thinking=False))
    assert told in out.getvalue()


def test_drawing_is_told_in_steps() -> None:
    part = replace(WAITING, state=SlotState.RENDERING, operation=Operation.EDIT)
    assert words(progress(part)) == "starting"
    part = replace(part, step=3, total=10, eta_s=4.0)
    assert words(progress(part)) == "step 3 of 10, about 4 s"
    assert views.part(part)["status"] == "Editing · step 3 of 10, about 4 s"
    assert "▓▓▓░░░░░░░ step 3 of 10" in render.under_way(part)


def on_the_terminal(reply: Reply) -> str:
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    Screen(str, out).show(reply)
    return out.getvalue()


def everywhere(reply: Reply) -> dict[str, str]:
    """What each chat shows, without the marks that set numbers apart."""
    slack = [str(message.blocks) for message in render.render(reply, {"s": "F"})]
    discord = [str(view.blocks) for view in discord_render(reply)]
    shown = {
        "slack": slack,
        "discord": discord,
        "page": [str(views.reply(reply))],
        "terminal": [on_the_terminal(reply)],
    }
    return {name: " ".join(texts).replace("*", "") for name, texts in shown.items()}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (replace(WAITING, state=SlotState.FAILED), Sentence.FAILED.value),
        (replace(WAITING, state=SlotState.FAILED, sentence="Out of memory."), "Out of memory."),
        (replace(WAITING, state=SlotState.CANCELLED), "was cancelled"),
        (replace(ROOT, sentence="A fox for your vixen."), "A fox for your vixen."),
        (SelectPart(3, "a fox"), "#3 is the current picture"),
        (NoticePart("1 picture was left out."), "1 picture was left out."),
    ],
    ids=["failed", "why", "cancelled", "remark", "select", "notice"],
)
def test_what_has_become_of_it_is_told_in_the_same_words_in_every_chat(part: ReplyPart, told: str) -> None:
    for name, shown in everywhere(Reply("t", KEY, (part,), final=True)).items():
        assert told in shown, name


@pytest.mark.parametrize(("part", "told"), [(CHILD, "edit of #1"), (UPLOAD, "your picture")])
def test_both_platforms_tell_what_a_picture_was_made_from(part: PicturePart, told: str) -> None:
    shown = everywhere(Reply("t", KEY, (part,), final=True))
    assert told in shown["discord"]
    assert told in shown["slack"]
    assert words(caption(part, gone=Why.DELETED)) == "was deleted"


def test_what_is_being_done_is_one_decision() -> None:
    thinking = Reply("t", KEY, (), thinking=True)
    for name in ("discord", "slack", "terminal"):
        assert "thinking" in everywhere(thinking)[name].casefold()
    drawing = replace(WAITING, slot="r", number=5, state=SlotState.RENDERING)
    writing = partial(Reply, "t", KEY, thinking=False)
    replies = [thinking, writing((ROOT,)), writing((ROOT, WAITING, drawing)), writing((WAITING,))]
    told = ["thinking", "writing", "drawing #4 (2 of 3)", "drawing #4"]
    assert [words(doing) for reply in replies if (doing := activity(reply)) is not None] == told
    assert [line(reply) for reply in replies] == [f"is {one}…" for one in told]
    assert activity(replace(thinking, final=True)) is None


def _sentences(path: Path) -> set[str]:
    """What a module may say to people: its strings of four words and more, but docstrings and lines of the log."""
    said: dict[int, str] = {}
    aside: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant()):
                aside.add(id(node.value))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
                aside.update(map(id, ast.walk(node)))
            case ast.Constant(value=str(text)) if len(text.split()) > 3:
                said[id(node)] = text.strip(" .;:")
    return {text for node, text in said.items() if node not in aside}


def test_no_two_chats_have_words_of_their_own_for_the_same() -> None:
    where: dict[str, set[str]] = {}
    for path in (ROOT_FOLDER / "bot" / "chats").rglob("*.py"):
        if path.name == "checkup.py":  # what doctor tells the host
            continue
        for sentence in _sentences(path):
            where.setdefault(sentence, set()).add(path.relative_to(ROOT_FOLDER / "bot" / "chats").parts[0])
    assert {sentence: chats for sentence, chats in where.items() if len(chats) > 1} == {}
    known = {sentence.value.strip(" .;:") for sentence in Sentence} | {keep.hint.strip(".") for keep in KEEPS}
    assert known.isdisjoint(where)
    page = (ROOT_FOLDER / "bot/chats/web/static/page.html").read_text("utf-8")
    form = [
        Sentence.WHOLE,
        Sentence.HOW_FAR,
        Sentence.DRAW,
        *(word for keep in KEEPS for word in (keep.label, keep.hint)),
    ]
    assert [words for words in form if words not in page] == []


def test_durations_and_short_lines() -> None:
    assert [words(duration(s)) for s in (0.0, 89.4, 90.0, 3600.0)] == ["1 s", "89 s", "2 min", "60 min"]
    assert words(Waiting(3)) == "3 pictures before it"
    assert shorten("a  long\nline of words", 10) == "a long li…"
