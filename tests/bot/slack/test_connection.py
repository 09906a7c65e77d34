"""The Socket Mode connection: asked to go, broken, deaf, mute, refused, and Slack away at the start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.chats.slack.config import Patience
from bot.chats.slack.gateway.connection import Connection, SlackRefused
from tests.bot.slack.conftest import World


async def heard(world: World) -> None:
    """A message gets through now."""
    await world.mention()


async def test_slack_asks_for_a_new_connection_and_nothing_is_lost(world: World) -> None:
    before = world.peer.connections
    await world.peer.sockets.refresh()
    await world.peer.until(lambda: world.peer.connections > before, 30)
    await heard(world)
    await world.until(lambda: world.service._connection is not None and world.service._connection.problem is None)


@pytest.mark.parametrize("how", ["close", "cut"])
async def test_a_broken_socket_is_opened_again(world: World, how: str) -> None:
    before = world.peer.connections
    if how == "close":
        await world.peer.sockets.close()
    else:
        world.peer.sockets.cut()
    await world.peer.until(lambda: world.peer.connections > before, 30)
    await heard(world)


async def test_a_socket_that_was_never_greeted_is_replaced(world: World) -> None:
    """After a reconnect of the SDK's own, too: only the first connection would be looked at otherwise."""
    world.peer.sockets.say_hello = False
    before = world.peer.connections
    await world.peer.sockets.refresh()
    await world.peer.until(lambda: world.peer.connections > before, 30)
    await world.until(lambda: "hears nothing" in (problem(world) or ""), 30)
    world.peer.sockets.say_hello = True
    await world.until(lambda: problem(world) is None, 30)
    await heard(world)


def problem(world: World) -> str | None:
    assert world.service._connection is not None
    return world.service._connection.problem


async def test_a_socket_that_answers_no_ping_is_replaced(world: World) -> None:
    world.peer.sockets.mute = True
    before = world.peer.connections
    await world.peer.sockets.refresh()
    await world.peer.until(lambda: world.peer.connections > before, 30)
    world.peer.sockets.mute = False
    muted = world.peer.connections
    await world.peer.until(lambda: world.peer.connections > muted, 30)
    await heard(world)


async def test_a_socket_that_is_silent_for_long_is_renewed_without_a_gap(world: World) -> None:
    """A connection that went deaf after its hello looks like one where nobody says anything."""
    await world.service.stop()
    world.service = world.build(patience=Patience(look=0.05, quiet=0.4, ping=1.0))
    await world.service.start()
    before = world.peer.connections
    await world.peer.until(lambda: world.peer.connections > before, 30)
    assert problem(world) is None
    await heard(world)


async def test_a_slack_that_is_away_at_the_start_is_waited_for(world: World) -> None:
    await world.service.stop()
    world.peer.fail("auth.test", "internal_error", status=500, times=2)
    service = world.build()
    await service.start()
    assert "Slack cannot be reached" in str(await service.problem())
    world.service = service
    await world.until(lambda: service._problem is None and problem(world) is None, 30)
    await heard(world)
    assert world.handlers.resumed == 2


async def test_a_socket_address_that_leads_nowhere_is_asked_for_anew(world: World) -> None:
    """The address is good once: trying the same one for ever is being deaf for ever."""
    await world.service.stop()
    lies = 2

    def somewhere(_: Any) -> Any:
        nonlocal lies
        lies -= 1
        base = world.peer.base if lies < 0 else "http://127.0.0.1:9"
        return {"url": base.replace("http://", "ws://") + "/socket"}

    world.peer._apps_connections_open = somewhere  # type: ignore[method-assign]
    from bot.chats.slack.gateway import connection

    shorter = pytest.MonkeyPatch()
    shorter.setattr(connection, "CONNECT_S", 0.3)
    try:
        world.service = world.build()
        await world.service.start()
        await world.until(lambda: world.service._problem is None, 30)
    finally:
        shorter.undo()
    await heard(world)


async def test_a_wrong_bot_token_stops_the_start_with_the_way_out(world: World) -> None:
    world.peer.fail("auth.test", "invalid_auth")
    service = world.build()
    with pytest.raises(SlackRefused, match="copy the Bot User OAuth Token again"):
        await service.start()
    await service.stop()


async def test_a_wrong_app_token_stops_the_start_with_the_way_out(world: World) -> None:
    service = world.build(app_token="xapp-wrong")
    async with asyncio.timeout(10):
        with pytest.raises(SlackRefused, match=r"EASEL_SLACK_APP_TOKEN \(invalid_auth\).*connections:write"):
            await service.start()
    await service.stop()


async def test_a_token_that_is_taken_back_later_is_told_by_health(world: World) -> None:
    await world.peer.send_event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["UBOT"]}})
    await world.until(lambda: "was removed from Slack" in str(world.service._problem))
    assert "EASEL_SLACK_BOT_TOKEN" in str(await world.service.problem())


async def test_a_connection_that_is_not_watched_any_more_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "_trouble", breaks)
    await world.until(lambda: "not watched any more" in (problem(world) or ""), 30)
    assert "not watched any more" in (await world.service.problem() or "")
    assert "slack-watch failed" in caplog.text
