"""The gallery on Slack: a sheet of pictures for the asker alone, and who sees what was made where."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers.english import gallery_words
from handlers.errors import PictureGone
from handlers.model import Answer, GalleryPage, Hung
from tests.bot.slack.conftest import World, slash
from tests.fakes import png
from tests.peers import block_kit
from tests.peers.slack_socket import TEAM


def answer(world: World, *numbers: int, post: str = "7.7", covered: int = 0, older: str | None = None) -> Answer:
    pictures = [world.store.add_picture(number, f"<fox> & {number}") for number in numbers]
    hung = tuple(
        Hung(
            replace(picture, spoiler=picture.number == covered),
            100 + picture.number,
            1,
            "Foxes",
            f'{{"ts":["{post}"]}}',
        )
        for picture in pictures
    )
    page = GalleryPage("fox", hung, older=older)
    return Answer(gallery_words(page), gallery=page)


async def shown(world: World, text: str = "gallery fox") -> dict[str, Any]:
    before = len(world.peer.called("chat.postEphemeral"))
    await world.peer.send("slash_commands", slash(text))
    await world.peer.until(lambda: len(world.peer.called("chat.postEphemeral")) > before)
    return dict(world.peer.called("chat.postEphemeral")[-1])


def blocks_of(told: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = told["blocks"]
    return json.loads(blocks) if isinstance(blocks, str) else list(blocks)


async def test_a_page_is_one_sheet_with_lines_and_links_that_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def file(sha256: str) -> bytes:
        return png(1)

    monkeypatch.setattr(world.store, "picture_bytes", file)
    post = await world.mention()
    world.handlers.answer = answer(world, 3, 2, 1, post=post, covered=2, older="fox older:101")
    told = await shown(world)
    assert (told["user"], told["channel"]) == ("U1", "C1")
    blocks = blocks_of(told)
    assert block_kit.problems(blocks) == []
    image, lines, row = blocks
    assert image["slack_file"]["id"] in world.peer.files
    assert image["alt_text"].endswith("(made with AI)")
    assert "& 2" not in image["alt_text"]  # Slack cannot cover it
    assert f"*1.* <https://peer.slack.com/archives/C1/p{post}|#3> · &lt;fox&gt; &amp; 3" in lines["text"]["text"]
    assert "may be sensitive" in lines["text"]["text"]
    world.handlers.answer = answer(world, 9)
    await world.restart()
    before = len(world.peer.called("chat.postEphemeral"))
    body = {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "channel": {"id": "C1"},
        "trigger_id": "tr-2", "actions": [{**row["elements"][0], "block_id": "gallery.turn", "action_ts": "1.1"}],
    }  # fmt: skip
    await world.peer.send("interactive", body)
    await world.peer.until(lambda: len(world.peer.called("chat.postEphemeral")) > before)
    assert world.handlers.called[-1].name == "gallery"
    assert world.handlers.called[-1].arguments == {"search": "fox older:101"}


async def test_what_cannot_be_drawn_is_told_in_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.handlers.answer = answer(world, 1)

    async def gone(sha256: str) -> bytes:
        raise PictureGone("gone")

    monkeypatch.setattr(world.store, "picture_bytes", gone)
    blocks = blocks_of(await shown(world))
    assert [block["type"] for block in blocks] == ["section"]
