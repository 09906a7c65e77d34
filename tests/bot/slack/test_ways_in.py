"""Every way in goes through the same check. A new way is a row here."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from bot.chats.slack import ids
from bot.chats.slack.incoming.members import whereabouts
from handlers.access import Access, Direct, Gate
from handlers.blocking import BLOCKED
from handlers.model import NOWHERE, Action, Person, ThreadKey
from handlers.ports import Store
from tests.bot.slack.conftest import World, click, slash, submitted, words_of
from tests.bot.slack.test_forms import brought, opened, ours, shortcut
from tests.bot.slack.test_home import home_of
from tests.peers.slack_socket import BOT_USER, TEAM

REFUSED = "I am not switched on here."
Way = Callable[[World, dict[str, Any]], Awaitable[Any]]
"""Given the open form of an edit."""


async def said(world: World, **more: Any) -> None:
    event = world.peer.said("<@UBOT> a fox", **more)
    await world.peer.send_event(event | {"type": "app_mention"})


async def direct(world: World) -> None:
    await world.peer.send_event(world.peer.said("a fox", channel="DU1") | {"channel_type": "im"})


async def in_its_thread(world: World) -> None:
    world.store.known.add("5.5")
    await world.peer.send_event(world.peer.said("bluer", thread_ts="5.5"))


async def reaction(world: World) -> None:
    blocks = [{"type": "image", "block_id": ids.card_id(1)}]
    message = {"ts": "6.6", "thread_ts": "5.5", "channel": "C1", "user": "UBOT", "blocks": blocks}
    world.peer.messages.append(message)
    item = {"type": "message", "channel": "C1", "ts": "6.6"}
    event = {"type": "reaction_added", "user": "U2", "reaction": "+1", "item": item, "item_user": "UBOT"}
    await world.peer.send_event(event | {"event_ts": "9.9"})


async def home_button(world: World, name: str) -> None:
    button = {"type": "button", "action_id": f"easel.home.{name}", "value": "DU1", "block_id": "b", "action_ts": "1.1"}
    body = {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": "tr9",
        "container": {"type": "view"}, "actions": [button],
    }  # fmt: skip
    await world.peer.send("interactive", body)


async def settings_form(world: World) -> None:
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": ids.SETTINGS_VIEW,
        "private_metadata": json.dumps({"channel": "DU1"}),
        "blocks": [],
    }
    await world.peer.send("interactive", submitted(view, {"style": {"value": {"value": "pixel art"}}}))


async def home(world: World) -> None:
    await home_of(world)


async def sends(world: World, body: dict[str, Any]) -> None:
    await world.peer.send("interactive", body)


def theirs(world: World) -> dict[str, Any]:
    return {"ts": "7.7", "thread_ts": "5.5", "user": "U2", "files": [brought(world)]}


WAYS: dict[str, Way] = {
    "mention": lambda w, f: said(w),
    "message in its thread": lambda w, f: in_its_thread(w),
    "direct message": lambda w, f: direct(w),
    "mention in a shared channel": lambda w, f: said(w, user="U9", team="T9", user_team="T9"),
    "/easel imagine": lambda w, f: w.peer.send("slash_commands", slash("imagine a fox")),
    "/easel usage": lambda w, f: w.peer.send("slash_commands", slash("usage")),
    "/easel usage directly": lambda w, f: w.peer.send("slash_commands", slash("usage", channel="DU1")),
    "button": lambda w, f: sends(w, click(Action.VARY, 1, "5.5", stamp="3.3")),
    "button of a form": lambda w, f: sends(w, click(Action.EDIT, 1, "5.5", stamp="3.3")),
    "form of an edit": lambda w, f: sends(w, submitted(f, {"description": words_of("a blue fox")}, id="V7")),
    "shortcut: new": lambda w, f: sends(w, shortcut("new", None, trigger="tr7")),
    "shortcut: edit ours": lambda w, f: sends(w, shortcut("edit", ours(w, 1), trigger="tr7")),
    "shortcut: edit theirs": lambda w, f: sends(w, shortcut("edit", theirs(w), trigger="tr7")),
    "shortcut: reference ours": lambda w, f: sends(w, shortcut("reference", ours(w, 1), trigger="tr7")),
    "shortcut: reference theirs": lambda w, f: sends(w, shortcut("reference", theirs(w), trigger="tr7")),
    "home page": lambda w, f: home(w),
    "settings of the home page": lambda w, f: home_button(w, "settings"),
    "new picture of the home page": lambda w, f: home_button(w, "new"),
    "usage of the home page": lambda w, f: home_button(w, "usage"),
    "commands of the home page": lambda w, f: home_button(w, "commands"),
    "form of the settings": lambda w, f: settings_form(w),
    "reaction": lambda w, f: reaction(w),
}


def done(world: World) -> int:
    """What came of it: what the handlers got, forms that opened, a home page with more than a sentence and a button."""
    handlers, views = world.handlers, world.peer.views
    opened = sum(view["type"] == "modal" or len(view["blocks"]) > 2 for view in views)
    return len(handlers.received) + len(handlers.pressed) + len(handlers.called) + len(handlers.votes) + opened


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("allowed", [True, False])
async def test_every_way_in_asks_first(world: World, name: str, allowed: bool) -> None:
    form = await opened(world)
    world.peer.people["U9"] = {"team_id": "T9"}
    before, asked = done(world), len(world.handlers.asked)
    world.handlers.refused = None if allowed else REFUSED
    await WAYS[name](world, form)
    await world.until(lambda: len(world.handlers.asked) > asked)
    if allowed:
        await world.until(lambda: done(world) > before)
    else:
        await world.until(lambda: not world.open_entries())
        await world.service.stop()  # what is still under way has ended then
        assert done(world) == before


QUIET = ("mention", "direct message", "/easel usage", "button", "button of a form", "form of an edit")


def told(world: World) -> int:
    peer = world.peer
    return len(peer.ephemeral) + len(peer.responded) + sum(one["user"] == BOT_USER for one in peer.messages)


@pytest.mark.parametrize("name", QUIET)
async def test_who_was_told_today_of_a_block_is_kept_out_without_a_word(world: World, name: str) -> None:
    form = await opened(world)
    before, asked, heard = done(world), len(world.handlers.asked), told(world)
    world.handlers.refuses = lambda where, person: BLOCKED if where.untold else ""
    await WAYS[name](world, form)
    await world.until(lambda: len(world.handlers.asked) > asked)
    await world.until(lambda: not world.open_entries())
    await world.service.stop()  # what is still under way has ended then
    assert (done(world), told(world)) == (before, heard)


async def test_who_is_blocked_can_still_have_their_data_deleted(world: World) -> None:
    world.handlers.refuses = lambda where, person: None if where.own_data else BLOCKED
    await world.peer.send("slash_commands", slash("forget yes"))
    await world.until(lambda: bool(world.handlers.called))
    assert world.handlers.called[0].name == "forget"


async def test_moderators_mean_the_channel_and_not_its_latest_thread(world: World) -> None:
    await world.mention()
    await world.peer.send("slash_commands", slash("moderation log:here", trigger="a"))
    await world.peer.send("slash_commands", slash("gallery", trigger="b"))
    await world.until(lambda: len(world.handlers.called) == 2)
    threads = {call.name: call.thread.thread for call in world.handlers.called}
    assert threads["moderation"] == NOWHERE
    assert threads["gallery"] != NOWHERE


# Directly


def gate(world: World, **lists: Any) -> Gate:
    access = Access(**lists)
    return Gate(cast(Store, Chosen()), {"slack": access}, {"slack": world.service.chat})


class Chosen:
    async def chosen(self, scope: str) -> dict[str, str]:
        return {}


PEOPLE: dict[str, dict[str, Any]] = {"U1": {}, "U2": {"is_restricted": True}, "U9": {"team_id": "T9"}}


@pytest.mark.parametrize(
    ("lists", "let_in"),
    [
        ({"direct": Direct.OFF}, set()),
        ({"direct": Direct.ALL}, {"U1", "U2", "U9"}),
        ({"direct": Direct.MEMBERS}, {"U1", "U2"}),
        ({"direct": Direct.MEMBERS, "allow_roles": frozenset({"member"})}, {"U1"}),
        ({"direct": Direct.MEMBERS, "allow_roles": frozenset({"external"})}, {"U9"}),
        ({"direct": Direct.MEMBERS, "deny_roles": frozenset({"guest"})}, {"U1"}),
        ({"direct": Direct.MEMBERS, "allow_channels": frozenset({"C3"})}, {"U2"}),
        ({"direct": Direct.MEMBERS, "allow_channels": frozenset({"C8"})}, set()),
        ({"direct": Direct.MEMBERS, "allow_tenants": frozenset({"T77"})}, set()),
        ({"direct": Direct.ALL, "deny_roles": frozenset({"external"})}, {"U1", "U2"}),
    ],
)
async def test_members_are_those_whom_the_lists_let_in_somewhere(
    world: World, lists: dict[str, Any], let_in: set[str]
) -> None:
    world.peer.people |= PEOPLE
    world.peer.inside |= {"C1": ["U1", "U2"], "C2": ["U2"], "C3": ["U2"]}
    world.handlers.gate = gate(world, **lists)
    for user in PEOPLE:
        await world.peer.send_event(world.peer.said("a fox", channel=f"D{user}", user=user) | {"channel_type": "im"})
    await world.until(lambda: len(world.handlers.asked) == len(PEOPLE) and not world.open_entries())
    assert {incoming.person.id for incoming in world.handlers.received} == let_in


async def test_without_the_scope_nobody_is_let_in_by_a_channel_and_the_host_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.peer.scopes = world.peer.scopes.replace("channels:read", "")
    world.peer.inside["C3"] = ["U1"]
    world.handlers.gate = gate(world, direct=Direct.MEMBERS, allow_channels=frozenset({"C3"}))
    await direct(world)
    await world.until(lambda: bool(world.handlers.asked) and not world.open_entries())
    assert not world.handlers.received
    assert "EASEL_SLACK_DIRECT=all" in caplog.text


async def test_whom_slack_does_not_know_comes_in_nowhere_directly(world: World) -> None:
    world.peer.people["U1"] = {"error": "user_not_found"}
    access = gate(world, direct=Direct.MEMBERS)
    where = whereabouts(ThreadKey("slack", TEAM, "DU1", NOWHERE))
    assert "very busy" in str(await access.refusal(where, Person("U1", "U1")))
