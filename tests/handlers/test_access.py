"""Where and for whom the program works: the host's lists, the admins' rules, and what people are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.access import Access, AgeRestricted, Direct, Membership, from_settings
from handlers.desk import Desk
from handlers.errors import StoreError
from handlers.model import CommandCall, Person, ThreadKey, Whereabouts
from tests.fakes import ANNA
from tests.fakes import THREAD as PAGE
from tests.handlers.conftest import World

THREAD = replace(PAGE, tenant="s0")
"""In a server: where there is none, there are no channels and roles either."""
ADA = Person("u9", "Ada", admin=True)
PAINTER = replace(ANNA, roles=("painters",))
HERE = Whereabouts(THREAD)
ELSEWHERE = Whereabouts(replace(THREAD, channel="hall"))


async def access(world: World, person: Person = ADA, **options: str) -> str:
    arguments: dict[str, str | int] = dict(options)
    return (await world.desk.command(CommandCall(f"a-{options}", THREAD, person, "access", arguments))).text


async def test_without_rules_everybody_may_everywhere(world: World) -> None:
    assert await world.desk.refusal(HERE, ANNA) is None
    assert "every channel" in await access(world)


async def test_rules_are_for_admins(world: World) -> None:
    assert "Only an admin" in await access(world, ANNA, rule="deny")
    assert await world.desk.refusal(HERE, ANNA) is None


async def test_a_rule_without_a_place_means_this_channel(world: World) -> None:
    assert await access(world, rule="deny") == ("Deny wins; where something is allowed, only that is.\ndeny: <#home>")
    assert "not switched on" in str(await world.desk.refusal(HERE, ANNA))
    assert await world.desk.refusal(ELSEWHERE, ANNA) is None
    await access(world, rule="default")
    assert await world.desk.refusal(HERE, ANNA) is None


async def test_an_allowed_channel_or_role_shuts_the_others_out_and_deny_wins(world: World) -> None:
    await access(world, rule="allow", channel="hall")
    await access(world, rule="allow", role="painters")
    assert await world.desk.refusal(HERE, PAINTER) is not None
    assert "roles" in str(await world.desk.refusal(ELSEWHERE, ANNA))
    assert await world.desk.refusal(ELSEWHERE, PAINTER) is None
    await access(world, rule="deny", role="late")
    assert await world.desk.refusal(ELSEWHERE, replace(PAINTER, roles=("painters", "late"))) is not None


async def test_rules_hold_for_their_own_server_and_outlive_a_restart(world: World) -> None:
    await access(world, age="never")
    restricted = replace(HERE, age_restricted=True)
    other = Whereabouts(ThreadKey("web", "other", "home", "t"), age_restricted=True)
    assert await world.desk.refusal(other, ANNA) is None
    await world.restart()
    assert "age-restricted" in str(await world.desk.refusal(restricted, ANNA))
    assert await world.desk.refusal(HERE, ANNA) is None
    assert "age-restricted channels: never" in await access(world)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"channel": "x"}, "rule too"), ({"rule": "perhaps"}, "allow, deny"), ({"age": "sometimes"}, "never")],
)
async def test_options_that_make_no_sense_change_nothing(world: World, options: dict[str, str], word: str) -> None:
    assert word in await access(world, ADA, **options)
    assert await world.desk.refusal(HERE, ANNA) is None


async def test_the_hosts_lists_have_their_say_too(world: World) -> None:
    desk = Desk(world.store, world.model, world.pictures, {}, access={"web": Access(deny_channels=frozenset({"home"}))})
    assert "not switched on" in str(await desk.refusal(HERE, ANNA))
    assert await desk.refusal(replace(HERE, direct=True), ANNA) is None
    assert await desk.refusal(ELSEWHERE, ANNA) is None


async def test_rules_that_cannot_be_read_let_nobody_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(scope: str) -> dict[str, str]:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(world.store, "chosen", broken)
    assert await world.desk.refusal(HERE, ANNA) == "The disk is full."


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=10)))
def test_rows_of_another_version_are_passed_over(chosen: dict[str, str]) -> None:
    assert isinstance(from_settings(chosen).age_restricted, AgeRestricted)


# Directly


class Knowing:
    """A chat that knows where people are."""

    def __init__(self, *found: Membership) -> None:
        self.found = found

    async def memberships(self, thread: ThreadKey, person: Person, access: Access) -> tuple[Membership, ...]:
        return self.found


LISTS = Access(allow_tenants=frozenset({"s1", "s2"}), deny_roles=frozenset({"late"}), direct=Direct.MEMBERS)
IN_S1 = Membership("s1", frozenset({"painters"}))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((), "members"),
        ((IN_S1,), None),
        ((Membership("s3"),), "members"),
        ((Membership("s3"), IN_S1), None),
        ((IN_S1, Membership("s2", frozenset({"late"}))), "roles"),
        ((IN_S1, Membership("s3", frozenset({"late"}))), "roles"),
        ((Membership("s1", frozenset({"banned"})),), "members"),  # by that server's admins
        ((Membership("s1", frozenset({"banned"})), Membership("s2")), None),
    ],
)
async def test_who_is_denied_in_one_place_is_not_let_in_by_another(
    world: World, found: tuple[Membership, ...], said: str | None
) -> None:
    await world.store.choose("access:web/s1", {"role:banned": "deny"})
    desk = Desk(world.store, world.model, world.pictures, {"web": Knowing(*found)}, access={"web": LISTS})  # type: ignore[dict-item]
    refusal = await desk.refusal(replace(HERE, direct=True), ANNA)
    assert (refusal is None) if said is None else (said in str(refusal))


async def test_a_chat_that_knows_no_members_lets_none_in_directly(world: World) -> None:
    desk = Desk(world.store, world.model, world.pictures, {"web": world.chat}, access={"web": LISTS})
    assert "members" in str(await desk.refusal(replace(HERE, direct=True), ANNA))


async def test_other_servers_are_shut_for_admins_too(world: World) -> None:
    access = {"web": Access(allow_tenants=frozenset({"s1"}), deny_channels=frozenset({"home"}))}
    desk = Desk(world.store, world.model, world.pictures, {}, access=access)
    here = Whereabouts(replace(THREAD, tenant="s1"), admin_act=True)
    assert await desk.refusal(here, ADA) is None
    assert await desk.refusal(replace(here, admin_act=False), ADA) is not None
    assert "not switched me on" in str(await desk.refusal(replace(here, thread=THREAD), ADA))
