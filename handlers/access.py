"""Where and for whom the program works: lists of whoever runs it, and of each server's or workspace's admins.

Both have their say, and deny wins. The admins' rules are settings in the store (`/access` changes them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handlers.errors import NotAllowed, UserError
from handlers.model import CommandCall, Person, ThreadKey, Whereabouts
from handlers.ports import Store

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


class Rule(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Access:
    """Ids of channels and roles. Empty allow lists allow all; deny wins."""

    allow_channels: frozenset[str] = frozenset()
    deny_channels: frozenset[str] = frozenset()
    allow_roles: frozenset[str] = frozenset()
    deny_roles: frozenset[str] = frozenset()
    age_restricted: AgeRestricted = AgeRestricted.SAME

    def refusal(self, where: Whereabouts, person: Person) -> str | None:
        """The sentence for the person, or None when all is well."""
        channels = where.channels | {where.thread.channel, where.thread.thread}
        roles = frozenset(person.roles)
        closed = channels & self.deny_channels or (self.allow_channels and not channels & self.allow_channels)
        if closed and not where.direct:
            return "I am not switched on in this channel; use me in another one, or ask an admin (/access)."
        if roles & self.deny_roles or (self.allow_roles and not roles & self.allow_roles):
            return "Your roles do not let you use me here; an admin can change that (/access)."
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


class Gate:
    """Asks both lists. The admins' rules are read once a server: only `change` changes them.

    Args:
        configured: The lists of whoever runs the program, by chat.
    """

    def __init__(self, store: Store, configured: Mapping[str, Access]) -> None:
        self._store = store
        self._configured = configured
        self._rules: dict[str, Access] = {}

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        """The sentence for the person, or None when all is well.

        Raises:
            UserError: the rules cannot be read.
        """
        configured = self._configured.get(where.thread.chat)
        refused = configured.refusal(where, person) if configured is not None else None
        if refused is not None:
            return refused
        scope = where.thread.tenant_scope
        if scope not in self._rules:
            self._rules[scope] = from_settings(await self._store.chosen(SCOPE + scope))
        return self._rules[scope].refusal(where, person)

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
