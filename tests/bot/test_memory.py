"""The chats' memory outlives a restart and keeps its corners apart."""

from __future__ import annotations

from pathlib import Path

from bot.memory import Memory


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    memory = await Memory.open(tmp_path / "memory.db")
    slack, discord = memory.corner("slack"), memory.corner("discord")
    await slack.put("a", "1")
    await slack.put("a", "2")
    await slack.put("ab%", "3")
    await discord.put("a", "other")
    await memory.close()

    memory = await Memory.open(tmp_path / "memory.db")
    slack, discord = memory.corner("slack"), memory.corner("discord")
    assert await slack.items("a") == [("a", "2"), ("ab%", "3")]
    assert await discord.get("a") == "other"
    await slack.delete("a")
    await discord.put("a", None)
    assert await slack.get("a") is None
    assert await discord.items("") == []
    await memory.close()
