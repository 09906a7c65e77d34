"""Cancelling over real sockets, with the real conversation core: whose job it is, or a moderator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.chats.discord.build import build_discord
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue
from bot.store.store import SqliteStore
from handlers.commands import COMMANDS
from handlers.desk import Desk
from tests.bot.discord.wire import MENTION
from tests.fakes import FakePictures, FolderFiles, ScriptedModel
from tests.peers import discord_shapes as shapes
from tests.peers.discord_peer import BEN, TOKEN, DiscordPeer

MODERATOR = 1 << 13
"""Manage Messages."""


def buttons(peer: DiscordPeer, thread: str, action: str) -> list[str]:
    ids = [part.get("custom_id", "") for part in shapes.walk(peer.said(thread)[-1]["components"])]
    return [id for id in ids if id.startswith(f"e1:{action}:")]


async def test_a_job_is_cancelled_by_whose_it_is_or_by_a_moderator(peer: DiscordPeer, tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    pictures, chats = FakePictures(), dict[str, Any]()
    pictures.held = True
    desk = Desk(store, ScriptedModel("<image> a fox </image> and <image> a cat </image>"), pictures, chats)
    config = DiscordConfig(TOKEN, peer.api, peer.gateway, peer.cdn, edit_interval_s=0, arriving_s=0.05)
    chat = chats["discord"] = build_discord(config, desk, store, COMMANDS, InMemoryKeyValue())
    try:
        await chat.start()
        await peer.until(lambda: peer.identified == 1)
        thread = (await peer.say(f"{MENTION} a fox and a cat"))["id"]
        await peer.until(lambda: bool(peer.said(thread)) and len(buttons(peer, thread, "cancel")) == 2)
        first, second = buttons(peer, thread, "cancel")
        answers = len(peer.followups)
        await peer.click(peer.said(thread)[-1], first, by=BEN)
        await peer.until(lambda: len(peer.followups) > answers)
        assert "somebody" not in peer.followups[-1]["content"]
        assert "for Ann; they or a moderator can cancel it" in peer.followups[-1]["content"]
        await peer.click(peer.said(thread)[-1], first, by=BEN, permissions=MODERATOR)
        await peer.click(peer.said(thread)[-1], second)
        await peer.until(lambda: not buttons(peer, thread, "stop"))
        assert str(peer.said(thread)[-1]["components"]).count("was cancelled") == 2
        assert [by for _, by in pictures.cancelled] == ["Ben", "Ann"]
    finally:
        await chat.stop()
        await desk.close()
        await store.close()
