"""Where and for whom the program works: lists of whoever runs it, and of each server's or workspace's admins.

Both have their say, and deny wins. The admins' rules are settings in the store (`/access` changes them). Places
without a server around them, direct messages and what a person installed for themselves, follow `Direct`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from handlers.errors import NotAllowed, UserError
from handlers.model import CommandCall, Person, ThreadKey, Whereabouts
from handlers.ports import Chat, Store

log = logging.getLogger(__name__)

ROLES = "Your roles do not let you use me here; an admin can change that (/access)."
NOT_DIRECT = "I do not work in direct messages and private installs; use me in a channel where I am switched on."
NOT_A_MEMBER = "Here I work for members of the places where I am switched on; use me there, or ask whoever runs me."
BUSY = "I am very busy right now; please try again in a moment."
DEFAULT = "default"
SCOPE = "access:"
AGE = "age"


class AgeRestricted(StrEnum):
    """What age-restricted channels mean to the program."""

    SAME = "same"
    """They are channels like any other; pictures and words never leave them."""
    NEVER = "never"
    """It does not work in them."""
    ONLY = "only"
    """It works in them alone: for models that may draw what is not for everybody."""


class Direct(StrEnum):
    """Who may use the program in direct messages, and where they installed it for themselves."""

    OFF = "off"
    MEMBERS = "members"
    """Whom the lists let in somewhere."""
    ALL = "all"
    """Anybody; of the lists only denied roles hold, where the platform tells roles there."""


class Rule(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in one server or workspace, as far as lists mean it. `channels` are those of the listed ones that the
    person can see."""

    tenant: str
    roles: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Access:
    """Ids of servers (or workspaces), channels and roles. Empty allow lists allow all; deny wins."""

    allow_tenants: frozenset[str] = frozenset()
    allow_channels: frozenset[str] = frozenset()
    deny_channels: frozenset[str] = frozenset()
    allow_roles: frozenset[str] = frozenset()
    deny_roles: frozenset[str] = frozenset()
    age_restricted: AgeRestricted = AgeRestricted.SAME
    direct: Direct = Direct.ALL

    @property
    def listed(self) -> bool:
        """Whether any list says something."""
        lists = (self.allow_channels, self.deny_channels, self.allow_roles, self.deny_roles)
        return bool(self.allow_tenants) or any(lists)

    def admits(self, member: Membership) -> bool:
        """Whether the lists let somebody in there, in one place at least."""
        return (
            self.takes(member.roles)
            and (not self.allow_tenants or member.tenant in self.allow_tenants)
            and (not self.allow_channels or bool((member.channels - self.deny_channels) & self.allow_channels))
        )

    def takes(self, roles: frozenset[str]) -> bool:
        """Whether the lists of roles let somebody with these in."""
        return not roles & self.deny_roles and (not self.allow_roles or bool(roles & self.allow_roles))

    def refusal(self, where: Whereabouts, person: Person) -> str | None:
        """The sentence for the person, or None when all is well. Whether a person is admitted directly as a member
        somewhere takes a look at the platform, and is not asked here."""
        roles = frozenset(person.roles)
        if where.direct:
            if self.direct is Direct.OFF:
                return NOT_DIRECT
            if roles & self.deny_roles:
                return ROLES
        elif self.allow_tenants and where.thread.tenant not in self.allow_tenants:
            return "Whoever runs me has not switched me on in this place; use me in one of theirs."
        elif where.admin_act:
            return None
        else:
            channels = where.channels | {where.thread.channel, where.thread.thread}
            if channels & self.deny_channels or (self.allow_channels and not channels & self.allow_channels):
                return "I am not switched on in this channel; use me in another one, or ask an admin (/access)."
            if not self.takes(roles):
                return ROLES
        if where.age_restricted and self.age_restricted is AgeRestricted.NEVER:
            return "I do not work in age-restricted channels; use me in another channel."
        if not where.age_restricted and self.age_restricted is AgeRestricted.ONLY:
            return "I am set up for age-restricted channels only; use me in one of them."
        return None


def from_settings(chosen: Mapping[str, str]) -> Access:
    """The rules that admins set; a name or value from another version is passed over."""
    lists: dict[tuple[str, str], set[str]] = {}
    for name, value in chosen.items():
        kind, _, id = name.partition(":")
        lists.setdefault((kind, value), set()).add(id)
    age = chosen.get(AGE, "")
    return Access(
        allow_channels=frozenset(lists.get(("channel", Rule.ALLOW), ())),
        deny_channels=frozenset(lists.get(("channel", Rule.DENY), ())),
        allow_roles=frozenset(lists.get(("role", Rule.ALLOW), ())),
        deny_roles=frozenset(lists.get(("role", Rule.DENY), ())),
        age_restricted=AgeRestricted(age) if age in tuple(AgeRestricted) else AgeRestricted.SAME,
    )


@runtime_checkable
class KnowsMembers(Protocol):
    """A chat that can look up where somebody is a member."""

    async def memberships(self, thread: ThreadKey, person: Person, access: Access) -> Sequence[Membership]:
        """Of the servers or workspaces that the lists are about; of others at least one where there is one.

        Raises:
            LookupFailed: the platform does not say now.
        """


class LookupFailed(Exception):
    """Where somebody is a member is not known now."""


class Gate:
    """Asks both lists. The admins' rules are read once a server: only `change` changes them.

    Args:
        configured: The lists of whoever runs the program, by chat.
        chats: By name; one that `KnowsMembers` is asked who may use it directly.
    """

    def __init__(self, store: Store, configured: Mapping[str, Access], chats: Mapping[str, Chat]) -> None:
        self._store = store
        self._configured = configured
        self._chats = chats
        self._rules: dict[str, Access] = {}

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        """The sentence for the person, or None when all is well.

        Raises:
            UserError: the rules cannot be read.
        """
        configured = self._configured.get(where.thread.chat)
        if configured is not None:
            refused = configured.refusal(where, person)
            if refused is None and where.direct and configured.direct is Direct.MEMBERS:
                refused = await self._not_a_member(where.thread, person, configured)
            if refused is not None:
                return refused
        return (await self._rules_of(where.thread.tenant_scope)).refusal(where, person)

    async def _rules_of(self, scope: str) -> Access:
        if scope not in self._rules:
            self._rules[scope] = from_settings(await self._store.chosen(SCOPE + scope))
        return self._rules[scope]

    async def _not_a_member(self, thread: ThreadKey, person: Person, access: Access) -> str | None:
        """Why somebody may not use the program directly. Who is denied in one place is not let in by another."""
        chat: object = self._chats.get(thread.chat)
        if not isinstance(chat, KnowsMembers):
            return NOT_A_MEMBER
        try:
            found = await chat.memberships(thread, person, access)
        except LookupFailed as error:
            log.warning("whether %s may use me directly cannot be told: %s", person.id, error)
            return BUSY
        if any(member.roles & access.deny_roles for member in found):
            return ROLES
        rules = await asyncio.gather(*(self._rules_of(f"{thread.chat}/{member.tenant}") for member in found))
        admitted = any(access.admits(one) and own.takes(one.roles) for one, own in zip(found, rules, strict=True))
        return None if admitted else NOT_A_MEMBER

    async def change(self, call: CommandCall) -> str:
        """Carry out `/access`; returns what holds now, for the admin.

        Raises:
            NotAllowed: not an admin.
            UserError: the options do not go together.
        """
        if not call.person.admin:
            raise NotAllowed("Only an admin can say where I work.")
        changes = _changes(call.arguments, call.thread)
        scope = call.thread.tenant_scope
        if changes:
            await self._store.choose(SCOPE + scope, changes)
            self._rules.pop(scope, None)
        return _told(await self._store.chosen(SCOPE + scope))


def _changes(arguments: Mapping[str, str | int], thread: ThreadKey) -> dict[str, str | None]:
    given = {name: str(value).strip() for name, value in arguments.items()}
    changes: dict[str, str | None] = {}
    rule, channel, role, age = (given.get(name) for name in ("rule", "channel", "role", AGE))
    if rule is None and (channel or role):
        raise UserError("Say the rule too: allow, deny or default.")
    if rule is not None:
        if rule not in (*Rule, DEFAULT):
            raise UserError("A rule is allow, deny or default.")
        value = None if rule == DEFAULT else rule
        if role:
            changes[f"role:{role}"] = value
        if channel or not role:
            changes[f"channel:{channel or thread.channel}"] = value
    if age is not None:
        if age not in (*AgeRestricted, DEFAULT):
            raise UserError("Age-restricted channels are same, never, only or default.")
        changes[AGE] = None if age == DEFAULT else age
    return changes


def _told(chosen: Mapping[str, str]) -> str:
    """`<#…>` and `<@&…>` are names to whoever reads it in a chat that knows such ids."""
    lines = []
    for name, value in sorted(chosen.items()):
        kind, _, id = name.partition(":")
        match kind:
            case "channel":
                lines.append(f"{value}: <#{id}>")
            case "role":
                lines.append(f"{value}: <@&{id}>")
            case "age":
                lines.append(f"age-restricted channels: {value}")
    if not lines:
        return "I work in every channel that I can see, for everybody."
    return "\n".join(["Deny wins; where something is allowed, only that is.", *lines])
