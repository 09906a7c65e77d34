"""Doctor asks Discord: a refused token, a missing intent, permission or scope, and the way into a server."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.chats.discord import checkup as doctor_discord
from bot.settings import load_settings
from imaging.findings import Finding, Level
from tests.peers.discord_peer import GUILD, TOKEN, DiscordPeer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "discord.md").read_text().partition("## Troubleshooting")[2]


def quoted() -> list[re.Pattern[str]]:
    """What the page for hosts quotes, with anything where its dots are."""
    quotes = re.findall(r'^\| [^|]*"([^"|]+)"', PAGE, re.MULTILINE)
    return [re.compile(".*".join(map(re.escape, re.split(" ?… ?", quote)))) for quote in quotes]


def explained(found: Finding) -> bool:
    return any(pattern.search(found.sentence) for pattern in quoted())


def test_what_the_page_quotes_is_what_the_program_says() -> None:
    files = [
        ROOT / "handlers" / "run.py",
        *(ROOT / "bot/chats/discord").rglob("*.py"),
    ]
    said = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if (
            parts := node.values
            if isinstance(node, ast.JoinedStr)
            else [node]
            if isinstance(node, ast.Constant)
            else []
        )
    ]
    assert len(quoted()) > 10
    assert [p.pattern for p in quoted() if not any(p.search(text) for text in said)] == []


@pytest.fixture
async def peer() -> AsyncIterator[DiscordPeer]:
    made = DiscordPeer()
    await made.start()
    yield made
    await made.stop()


async def examined(peer: DiscordPeer, home: Path, token: str = TOKEN, **changes: Any) -> list[Finding]:
    given = {"discord_token": SecretStr(token), "discord_api_base": peer.api} | changes
    return await doctor_discord.examine(load_settings(home=home).model_copy(update=given))


async def test_servers_of_others_are_told(peer: DiscordPeer, tmp_path: Path) -> None:
    peer.public = True
    _, public, _ = await examined(peer, tmp_path)
    assert (public.level, explained(public)) == (Level.WARNING, True)
    _, strange, _ = await examined(peer, tmp_path, discord_servers_allowed="77")
    assert (strange.level, explained(strange)) == (Level.WARNING, True)
    assert len(await examined(peer, tmp_path, discord_servers_allowed=f"77, {GUILD}")) == 2


async def test_all_is_well(peer: DiscordPeer, tmp_path: Path) -> None:
    token, server = await examined(peer, tmp_path)
    assert (token.level, token.sentence) == (Level.OK, "the token is good: Easel")
    assert server.level is Level.OK
    assert "1 server(s) grant every permission; invite it elsewhere with https://discord.com/oauth2" in server.sentence


async def test_a_refused_token_is_broken(peer: DiscordPeer, tmp_path: Path) -> None:
    [found] = await examined(peer, tmp_path, "wrong")
    assert (found.what, found.level) == ("discord", Level.BROKEN)
    assert "refuses EASEL_DISCORD_TOKEN" in found.sentence
    assert explained(found)


async def test_what_is_no_token_is_not_even_sent_to_discord(peer: DiscordPeer, tmp_path: Path) -> None:
    [found] = await examined(peer, tmp_path, "xoxb-1", discord_api_base="https://discord.com/api/v10")
    assert found.level is Level.BROKEN
    assert "not the shape" in found.sentence
    assert "xoxb-1" not in found.sentence
    assert explained(found)


async def test_everything_that_is_missing_is_named_with_the_way_out(peer: DiscordPeer, tmp_path: Path) -> None:
    peer.privileged = False
    peer.permissions &= ~(1 << 3 | 1 << 11)
    peer.with_commands = False
    found = await examined(peer, tmp_path)
    assert {finding.level for finding in found} == {Level.WARNING}
    assert all(map(explained, found))
    intent, permission, scope = (finding.sentence for finding in found)
    assert "Message Content Intent is off; switch it on (Bot page)" in intent
    assert permission == "in the server Studio it lacks: Send Messages; an admin can grant it to its role"
    assert "the commands do not show; an admin can invite again with https://" in scope


async def test_without_a_server_it_says_how_to_get_into_one(peer: DiscordPeer, tmp_path: Path) -> None:
    del peer.servers[GUILD]
    found = await examined(peer, tmp_path)
    assert "in no server yet; invite it with https://discord.com/oauth2/authorize?client_id=1000" in found[1].sentence


@pytest.mark.parametrize("status", [500, 503, 418])
async def test_an_odd_answer_is_no_fault_of_the_token(peer: DiscordPeer, tmp_path: Path, status: int) -> None:
    peer.fail("GET", "/oauth2/applications/@me", status)
    [found] = await examined(peer, tmp_path)
    assert found.level is Level.WARNING
    assert str(status) in found.sentence


@pytest.mark.parametrize("body", [{"message": "odd"}, {"id": "x"}, {"id": "7", "flags": "many"}])
async def test_strange_answers_break_nothing(peer: DiscordPeer, tmp_path: Path, body: dict[str, Any]) -> None:
    peer.fail("GET", "/oauth2/applications/@me", 200, body)
    peer.fail("GET", "/users/@me/guilds", 200, {"not": "a list"})
    assert await examined(peer, tmp_path)
