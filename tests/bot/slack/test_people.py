"""Who writes from where: members, guests, other organisations, user groups; and the pictures that they bring."""

from __future__ import annotations

from typing import Any

import pytest

from bot.chats.slack.people import read_profile
from handlers.access import Access
from handlers.model import Person, ThreadKey, Whereabouts
from tests.bot.slack.conftest import World
from tests.peers.slack_peer import PeerFile
from tests.peers.slack_socket import TEAM


@pytest.mark.parametrize(
    ("info", "admin", "role", "home"),
    [
        ({}, False, "member", TEAM),
        ({"is_admin": True}, True, "member", TEAM),
        ({"is_owner": True}, True, "member", TEAM),
        ({"is_restricted": True}, False, "guest", TEAM),
        ({"is_ultra_restricted": True}, False, "guest", TEAM),
        ({"team_id": "T9", "is_admin": True}, False, "external", "T9"),
        ({"is_stranger": True, "is_owner": True}, False, "external", TEAM),
        ({"team_id": "T5", "enterprise_user": {"teams": ["T5", TEAM]}, "is_admin": True}, True, "member", "T5"),
        ({"profile": 7, "enterprise_user": [], "team_id": None}, False, "member", TEAM),
    ],
)
def test_rights_and_roles_are_slacks_and_count_in_the_own_workspace_only(
    info: dict[str, Any], admin: bool, role: str, home: str
) -> None:
    profile = read_profile(info, TEAM, "U1")
    assert (profile.person.admin, profile.person.moderator, profile.person.roles) == (admin, admin, (role,))
    assert profile.home == home


async def test_user_groups_are_roles_that_access_may_name(world: World) -> None:
    world.peer.groups = [{"id": "S1", "users": ["U1", "U2"]}, {"id": "S2", "users": ["U2"]}]
    await world.mention()
    await world.mention(user="U2")
    assert [i.person.roles for i in world.handlers.received] == [("member", "S1"), ("member", "S1", "S2")]
    assert len(world.peer.called("usergroups.list")) == 1


async def test_without_the_scope_for_user_groups_people_are_served_all_the_same(world: World) -> None:
    world.peer.scopes = world.peer.scopes.replace("usergroups:read", "")
    await world.mention()
    assert world.handlers.received[0].person.roles == ("member",)


async def test_guests_and_other_organisations_can_be_kept_out(world: World) -> None:
    access = Access(deny_roles=frozenset({"guest", "external"}))
    world.handlers.refuses = access.refusal
    world.peer.people |= {"U7": {"is_restricted": True}, "U9": {"team_id": "T9"}}
    for user in ("U7", "U9"):
        await world.peer.send_event(world.peer.said("<@UBOT> a fox", user=user) | {"type": "app_mention"})
    await world.peer.until(lambda: len(world.peer.ephemeral) == 2)
    assert {said["user"] for said in world.peer.ephemeral} == {"U7", "U9"}
    await world.mention()
    assert [i.person.id for i in world.handlers.received] == ["U1"]


async def test_somebody_slack_cannot_look_up_is_served_without_any_right(world: World) -> None:
    world.peer.people["U9"] = {"error": "user_not_found"}
    await world.mention(user="U9")
    assert world.handlers.received[0].person == Person("U9", "U9")


async def test_a_slack_connect_channel_is_served_in_our_workspace(world: World) -> None:
    """The event comes with the other side's team; who is authorised says whose it is."""
    world.peer.people["U9"] = {"team_id": "T9", "profile": {"display_name": "Grace"}}
    event = world.peer.said("<@UBOT> a fox", user="U9", user_team="T9", source_team="T9", team="T9")
    await world.peer.send_event(event | {"type": "app_mention"}, is_ext_shared_channel=True)
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.thread.tenant, incoming.person.name) == (TEAM, "Grace")


# Files


def brought(world: World, id: str = "FX", data: bytes = b"data", **more: Any) -> dict[str, Any]:
    world.peer.files[id] = PeerFile(id, f"{id}.png", len(data), "", data, done=True)
    url = f"{world.peer.base}/files/{id}"
    return {
        "id": id,
        "name": f"{id}.png",
        "mimetype": "image/png",
        "size": len(data),
        "url_private_download": url,
    } | more


async def told_and_taken(world: World, *files: dict[str, Any]) -> tuple[list[str], list[bytes]]:
    """What is said of the files of a message, and what was taken of them."""
    await world.mention(files=list(files))
    incoming = world.handlers.received[-1]
    return list(incoming.problems), [attachment.data for attachment in incoming.attachments]


async def test_pictures_are_fetched_with_the_token_and_others_are_refused_one_by_one(world: World) -> None:
    told, taken = await told_and_taken(
        world,
        brought(world),
        brought(world, "FE", url_private_download="https://evil.example/y.png"),
        brought(world, "FP", mimetype="application/pdf"),
        brought(world, "FB", size=21 * 2**20),
    )
    assert taken == [b"data"]
    assert [sentence.split()[0] for sentence in told] == ["FE.png", "FP.png", "FB.png"]
    assert "is not stored at Slack" in told[0]


async def test_more_files_than_are_taken_are_left_out_with_a_sentence(world: World) -> None:
    told, taken = await told_and_taken(world, *(brought(world, f"F{n}") for n in range(6)))
    assert len(taken) == 4
    assert told == ["I take 4 pictures with a message; F4.png and F5.png were left out."]


async def test_files_of_a_slack_connect_channel_are_asked_for_by_name(world: World) -> None:
    brought(world)
    bare = {"id": "FX", "mode": "file_access", "file_access": "check_file_info"}
    assert await told_and_taken(world, bare) == ([], [b"data"])


@pytest.mark.parametrize("file", [{"file_access": "access_denied"}, {"mode": "hidden_by_limit"}, {"mode": "tombstone"}])
async def test_a_file_that_slack_keeps_from_us_says_what_to_do(world: World, file: dict[str, str]) -> None:
    told, taken = await told_and_taken(world, brought(world) | file)
    assert (len(told), taken) == (1, [])
    assert "share it in this channel or send it again" in told[0]


async def test_a_denied_file_of_a_slack_connect_channel_says_what_to_do(world: World) -> None:
    brought(world)
    world.peer.files["FX"].denied = True
    told, taken = await told_and_taken(world, {"id": "FX", "file_access": "check_file_info"})
    assert taken == []
    assert "does not let me open that file" in told[0]


async def test_the_token_is_not_carried_along_a_redirect(world: World) -> None:
    file = brought(world)
    world.peer.fail("download", f"{world.peer.base}/files/FX?elsewhere", status=302)
    told, taken = await told_and_taken(world, file)
    assert taken == []
    assert "Slack did not hand out FX.png" in told[0]


async def test_a_sign_in_page_instead_of_a_picture_is_no_picture(world: World) -> None:
    file = brought(world)
    world.peer.files["FX"].denied = True
    told, taken = await told_and_taken(world, file)
    assert taken == []
    assert "check that I may read files" in told[0]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_file_host_that_has_no_time_is_asked_again(world: World, status: int) -> None:
    file = brought(world)
    world.peer.fail("download", "", status=status)
    assert await told_and_taken(world, file) == ([], [b"data"])


async def test_a_file_that_is_larger_than_slack_said_is_cut_off(world: World) -> None:
    file = brought(world, data=b"x" * 2**20, size=4)
    world.service.chat.arrivals._config = type(world.service.chat.config)(
        api_base=world.service.chat.config.api_base, max_upload_bytes=2**19
    )
    told, taken = await told_and_taken(world, file)
    assert taken == []
    assert "is larger than" in told[0]


@pytest.mark.parametrize("size", ["big", None, -1, 2.5])
async def test_a_strange_size_is_no_reason_to_fail(world: World, size: Any) -> None:
    assert await told_and_taken(world, brought(world, size=size)) == ([], [b"data"])


def test_access_names_roles() -> None:
    access = Access(allow_roles=frozenset({"member"}))
    from handlers.model import ThreadKey

    where = Whereabouts(ThreadKey("slack", TEAM, "C1", "1.1"))
    assert access.refusal(where, Person("U1", "Ada", roles=("member",))) is None
    assert access.refusal(where, Person("U9", "U9")) is not None


async def test_the_gallery_shows_what_is_in_channels_that_somebody_is_in(world: World) -> None:
    here = ThreadKey("slack", TEAM, "C9", "1.1")
    threads = [ThreadKey("slack", TEAM, channel, "2.2") for channel in ("C1", "C2", "G3", "D4")]
    world.peer.inside = {"C1": ["U1"], "G3": ["U1"], "C8": ["U1"]}
    seen = world.service.chat.seen
    assert await seen(Person("U1", "Ann", roles=("member",)), here, threads) == [threads[0], threads[2]]
    assert await seen(Person("U2", "Ben", roles=("member",)), here, threads) == []
    assert await seen(Person("U1", "Ann"), here, threads) == [], "nobody knows who it is"
    assert await seen(Person("U1", "Ann", roles=("external",)), here, threads) == []
    world.peer.scopes = world.peer.scopes.replace("channels:read", "")
    assert await seen(Person("U5", "Cleo", roles=("member",)), here, threads) == []
