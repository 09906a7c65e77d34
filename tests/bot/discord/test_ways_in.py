"""Every way in goes through the same check. A new way is a row here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest

from handlers.access import Access, Direct, LookupFailed, Membership
from handlers.model import Person
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import FakeHandlers, picture, ready
from tests.bot.discord.test_buttons import shown
from tests.bot.discord.wire import Process
from tests.fakes import png
from tests.peers.discord_peer import DiscordPeer

NOBODY = Access(allow_roles=frozenset({"1"}), allow_tenants=frozenset({"1"}), direct=Direct.OFF)
Way = Callable[[World, Any, Any], Awaitable[Any]]
"""Given a message of ours with picture 3, and the open form of an edit; what the person sees at once."""

WAYS: dict[str, Way] = {
    "mention": lambda w, m, f: w.ann.send(w.channel, f"{w.me} a fox"),
    "message in its thread": lambda w, m, f: w.ann.send(w.thread(), "bluer"),
    "/imagine": lambda w, m, f: w.ann.slash(w.channel, "imagine", text="a fox"),
    "/gallery": lambda w, m, f: w.ann.slash(w.thread(), "gallery"),
    "/export": lambda w, m, f: w.ann.slash(w.thread(), "export"),
    "/forget": lambda w, m, f: w.ann.slash(w.channel, "forget"),
    "completion": lambda w, m, f: w.ann.autocomplete(w.thread(), "cancel", "picture", ""),
    "button": lambda w, m, f: w.ann.click(m, label="Vary"),
    "button of a form": lambda w, m, f: w.ann.click(m, label="Edit…"),
    "menu below a picture": lambda w, m, f: w.ann.select(m, ["recipe:3"]),
    "form": lambda w, m, f: w.ann.submit_modal(f, {"description": "a blue fox"}),
    "form with a file": lambda w, m, f: w.ann.submit_modal(f, {"description": "x", "reference": ("a.png", png(2))}),
    "Apps: edit": lambda w, m, f: w.ann.context_menu(w.thread(), "Edit this picture", m),
    "Apps: reference": lambda w, m, f: w.ann.context_menu(w.thread(), "Use as reference", m),
    "Apps: recipe": lambda w, m, f: w.ann.context_menu(w.thread(), "Recipe", m),
    "reaction": lambda w, m, f: w.ann.react(m, "👍"),
}


def done(handlers: FakeHandlers, seen: Any) -> int:
    """What came of it: what the handlers got, a form that opened, choices that were offered."""
    modal = getattr(seen, "modal", None) is not None
    choices = len(seen) if isinstance(seen, list) else 0
    handled = len(handlers.received) + len(handlers.pressed) + len(handlers.called) + len(handlers.votes)
    return handled + modal + choices


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("allowed", [True, False])
async def test_every_way_in_asks_first(world: World, name: str, allowed: bool) -> None:
    message = await shown(world, 3)
    form = await world.ann.click(message, label="Edit…")
    handlers = world.handlers
    before, asked = done(handlers, None), len(handlers.asked)
    if not allowed:
        handlers.access = NOBODY
    seen = await WAYS[name](world, message, form)
    await world.env.settle()
    assert len(handlers.asked) > asked
    assert (done(handlers, seen) > before) is allowed


async def test_buttons_that_only_the_asker_sees_are_not_shown_to_whom_may_not(world: World) -> None:
    message = await shown(world, 3, 4)
    world.handlers.access = NOBODY
    for menu in ("Edit this picture", "Use as reference"):
        result = await world.ann.context_menu(world.thread(), menu, message)
        assert "Which picture?" not in result.response.content


# Direct messages

DIRECT_WAYS: dict[str, Callable[[World, Any, Any], Awaitable[Any]]] = {
    "message": lambda w, user, m: user.send_dm("a boat"),
    "/imagine": lambda w, user, m: user.slash("imagine", text="a boat"),
    "/usage": lambda w, user, m: user.slash("usage"),
    "completion": lambda w, user, m: user.autocomplete("cancel", "picture", ""),
    "button": lambda w, user, m: user.click(m, label="Vary"),
    "reaction": lambda w, user, m: user.set_reaction(m, "👍", reacted=True),
}


async def conversation(world: World, name: str = "dora", *, member: bool = False, role: Any = None) -> tuple[Any, Any]:
    """Somebody's direct messages with the bot, in which a picture stands; the person and its message."""
    user = world.env.create_user(name)
    if member:
        world.guild.add_member(user, roles=[role] if role is not None else [])
    world.handlers.parts = (picture(1),)
    await user.send_dm("a boat")
    key = world.handlers.received[-1].thread
    await world.handlers.reply("turn-z", key, (ready(1, world.store.add(key, 1, "a boat")),))
    return user, user.dm_channel.last_message


@pytest.mark.parametrize("name", DIRECT_WAYS)
@pytest.mark.parametrize("allowed", [True, False])
async def test_every_way_in_directly_asks_first(world: World, name: str, allowed: bool) -> None:
    user, message = await conversation(world)
    if not allowed:
        world.handlers.access = Access(direct=Direct.OFF)
    before, asked = done(world.handlers, None), len(world.handlers.asked)
    seen = await DIRECT_WAYS[name](world, user, message)
    await world.env.settle()
    assert len(world.handlers.asked) > asked
    assert world.handlers.asked[-1].direct
    assert (done(world.handlers, seen) > before) is allowed


@pytest.mark.parametrize("what", ["stranger", "member", "painter", "denied", "elsewhere"])
@pytest.mark.parametrize(
    ("lists", "let_in"),
    [
        ("tenants", {"member", "painter", "denied"}),
        ("roles", {"painter"}),
        ("denied", {"member", "painter", "elsewhere"}),
        ("channels", {"painter"}),
        ("all of them", {"painter"}),
    ],
)
async def test_members_are_those_whom_the_lists_let_in_somewhere(
    world: World, what: str, lists: str, let_in: set[str]
) -> None:
    painters, late = world.guild.create_role("Painters"), world.guild.create_role("Late")
    closed = discord.PermissionOverwrite(view_channel=False)
    opened = discord.PermissionOverwrite(view_channel=True)
    studio = world.guild.create_text_channel("studio", overwrites={world.guild.default_role: closed, painters: opened})
    other = world.env.create_guild("Other")
    roles = {"painter": painters, "denied": late}
    user = world.env.create_user("dora")
    if what == "elsewhere":
        other.add_member(user)
    elif what != "stranger":
        world.guild.add_member(user, roles=[roles[what]] if what in roles else [])
    given: dict[str, dict[str, Any]] = {
        "tenants": {"allow_tenants": frozenset({str(world.guild.id)})},
        "roles": {"allow_roles": frozenset({str(painters.id)})},
        "denied": {"deny_roles": frozenset({str(late.id)})},
        "channels": {"allow_channels": frozenset({str(studio.id)})},
    }
    given["all of them"] = {name: ids for lists in given.values() for name, ids in lists.items()}
    world.handlers.access = Access(**given[lists], direct=Direct.MEMBERS)
    await user.send_dm("a boat")
    assert bool(world.handlers.received) is (what in let_in)
    if what not in let_in:
        assert "members" in user.dm_channel.last_message.content or "roles" in user.dm_channel.last_message.content


async def test_where_discord_does_not_say_nobody_is_let_in_and_it_is_asked_again(world: World) -> None:
    access = Access(allow_tenants=frozenset({str(world.guild.id)}), direct=Direct.MEMBERS)
    person = Person(str(world.ann.id), "Ann")
    world.env.inject_error("GET", f"/guilds/{world.guild.id}/members/{world.ann.id}", status=403, code=50001)
    with pytest.raises(LookupFailed):
        await world.chat.memberships(None, person, access)  # type: ignore[arg-type]
    [found] = await world.chat.memberships(None, person, access)  # type: ignore[arg-type]
    assert isinstance(found, Membership)
    asked = len(world.env.http_requests)
    await world.chat.memberships(None, person, access)  # type: ignore[arg-type]
    assert len(world.env.http_requests) == asked  # it is remembered


# Where only the person installed the program


@pytest.mark.parametrize("direct", [Direct.ALL, Direct.OFF])
async def test_what_somebody_installed_for_herself_follows_the_same_rule_as_direct_messages(
    peer: DiscordPeer, process: Process, direct: Direct
) -> None:
    process.handlers.access = Access(direct=direct)
    await peer.slash("imagine", server="900", channel="901", text="a fox")
    await peer.until(lambda: bool(process.handlers.asked))
    assert process.handlers.asked[-1].direct
    if direct is Direct.ALL:
        await peer.until(lambda: bool(process.handlers.received))
    else:
        await peer.until(lambda: any(path.endswith("/callback") for _, path in peer.requests))
        assert not process.handlers.received
