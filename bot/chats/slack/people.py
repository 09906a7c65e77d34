"""Who wrote: names, admin rights and roles, remembered for a while so that Slack is not asked each time."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.trouble import FAILURES, is_passing
from handlers.model import Person

log = logging.getLogger(__name__)

KEPT = 10_000
FRESH_S = 3_600.0
UNSURE_S = 30.0
"""Somebody who could not be looked up is looked up again after this."""
MEMBER, GUEST, EXTERNAL = "member", "guest", "external"
"""Roles that everybody has one of; lists of access may name them, as they may name user groups by their ids.
`guest` is Slack's word for people who see single channels; `external` is somebody of another organisation in a
Slack Connect channel. Nobody knows the role of a person who could not be looked up."""

_Groups: TypeAlias = tuple[float, Mapping[str, frozenset[str]]]
"""Until when it holds, and the ids of the user groups of each person."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A person, and the workspace that is their own (a stream in a channel must name it)."""

    person: Person
    home: str


class People:
    """A bounded memory of `users.info`. A person who cannot be looked up is still a person."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[float, Profile]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Profile]] = {}
        self._groups: dict[str, _Groups] = {}
        self._asking_groups: dict[str, asyncio.Task[_Groups]] = {}

    async def of(self, client: AsyncWebClient, team: str, user: str) -> Person:
        key = (team, user)
        found = self._known.get(key)
        if found is not None and _now() < found[0]:
            return found[1].person
        asking = self._asking.get(key)
        if asking is None:
            # A task of its own, shared: many messages at once are one question, whoever of them is cancelled.
            asking = asyncio.create_task(self._learn(client, key), name=f"slack-person-{user}")
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return (await asyncio.shield(asking)).person

    def home(self, team: str, user: str) -> str:
        """The workspace of a person who was looked up; until then the one that heard them."""
        found = self._known.get((team, user))
        return found[1].home if found is not None else team

    async def _learn(self, client: AsyncWebClient, key: tuple[str, str]) -> Profile:
        team, user = key
        before = self._known.get(key)
        info = await self._ask(client, user)
        if info is None:
            profile = before[1] if before else Profile(Person(user, user), team)
        else:
            profile = read_profile(info, team, user)
            groups = await self._groups_of(client, team, user)
            profile = replace(profile, person=replace(profile.person, roles=(*profile.person.roles, *sorted(groups))))
        self._known[key] = (_now() + (FRESH_S if info is not None else UNSURE_S), profile)
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return profile

    async def _ask(self, client: AsyncWebClient, user: str) -> Mapping[str, Any] | None:
        try:
            found = (await client.users_info(user=user))["user"]
        except FAILURES as error:
            log.info("users.info failed: %s", error)
            return None
        return found if isinstance(found, Mapping) else None

    async def _groups_of(self, client: AsyncWebClient, team: str, user: str) -> frozenset[str]:
        """Ids of the user groups that a person is in; none where Slack does not tell them."""
        known = self._groups.get(team)
        if known is None or _now() >= known[0]:
            asking = self._asking_groups.get(team)
            if asking is None:
                asking = asyncio.create_task(self._ask_groups(client, team), name=f"slack-groups-{team}")
                self._asking_groups[team] = asking
                asking.add_done_callback(lambda _: self._asking_groups.pop(team, None))
            known = await asyncio.shield(asking)
        return known[1].get(user, frozenset())

    async def _ask_groups(self, client: AsyncWebClient, team: str) -> _Groups:
        members: dict[str, set[str]] = {}
        fresh = FRESH_S
        try:
            for group in (await client.usergroups_list(include_users=True)).get("usergroups") or []:
                for member in group.get("users") or []:
                    members.setdefault(str(member), set()).add(str(group["id"]))
        except (*FAILURES, KeyError, TypeError) as error:
            log.info("user groups are not known: %s", error)
            if is_passing(error):
                fresh = UNSURE_S
        known = (_now() + fresh, {name: frozenset(ids) for name, ids in members.items()})
        self._groups[team] = known
        return known


def read_profile(info: Mapping[str, Any], team: str, user: str) -> Profile:
    """`users.info`, however odd. Admin rights count in one's own workspace only."""
    profile = info.get("profile")
    named = profile if isinstance(profile, Mapping) else {}
    name = named.get("display_name") or named.get("real_name") or info.get("name") or user
    organisation = info.get("enterprise_user")
    teams = organisation.get("teams") if isinstance(organisation, Mapping) else None
    home = str(info.get("team_id") or team)
    ours = home == team or (isinstance(teams, list) and team in teams)
    external = bool(info.get("is_stranger")) or not ours
    admin = not external and bool(info.get("is_admin") or info.get("is_owner"))
    guest = bool(info.get("is_restricted") or info.get("is_ultra_restricted"))
    role = EXTERNAL if external else GUEST if guest else MEMBER
    return Profile(Person(user, str(name)[:80], admin=admin, moderator=admin, roles=(role,)), home)


def _now() -> float:
    return asyncio.get_running_loop().time()
