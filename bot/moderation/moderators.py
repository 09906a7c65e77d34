"""Every moderator there is, when it is wanted, and how it is built. A new one is one row here and one file."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from bot.moderation.endpoint import ModerationEndpoint
from bot.moderation.local import LocalClassifier
from bot.moderation.program import HostProgram
from bot.moderation.rules import word_rules
from bot.settings import Settings
from handlers.moderation.model import Level
from handlers.moderation.policy import Policy, read_levels
from handlers.observer import Observer
from handlers.ports import Moderator, Store
from handlers.screen import House, Previews, Screen


@dataclass(frozen=True, slots=True)
class ModeratorRow:
    """One kind of moderator."""

    name: str
    wanted: Callable[[Settings], bool]
    build: Callable[[Settings], Moderator]
    words: Callable[[Settings], bool] = lambda settings: True
    pictures: Callable[[Settings], bool] = lambda settings: True
    """What it judges."""


def _endpoint(settings: Settings) -> Moderator:
    return ModerationEndpoint(
        settings.moderation_base_url,
        settings.moderation_api_key.get_secret_value(),
        settings.moderation_model,
        timeout_s=settings.moderation_timeout_s,
        sees=settings.moderation_endpoint_sees,
    )


def _program(settings: Settings) -> Moderator:
    return HostProgram(shlex.split(settings.moderation_command), timeout_s=settings.moderation_timeout_s)


MODERATORS: Final = (
    ModeratorRow("words", lambda s: True, word_rules, pictures=lambda s: False),
    ModeratorRow(
        "endpoint", lambda s: bool(s.moderation_base_url), _endpoint,
        words=lambda s: s.moderation_endpoint_sees != "pictures",
        pictures=lambda s: s.moderation_endpoint_sees != "words",
    ),
    ModeratorRow(
        "local", lambda s: s.moderation_local, lambda s: LocalClassifier(timeout_s=s.moderation_timeout_s),
        words=lambda s: False,
    ),
    ModeratorRow("program", lambda s: bool(s.moderation_command.strip()), _program),
)  # fmt: skip


@runtime_checkable
class _Closes(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Moderation:
    """The moderators that the settings ask for."""

    moderators: Sequence[Moderator]
    pictures: bool
    """Whether any of them judges pictures."""

    async def close(self) -> None:
        for one in self.moderators:
            if isinstance(one, _Closes):
                await one.close()


def moderation(settings: Settings) -> Moderation:
    """Build what is wanted; nothing is asked yet."""
    wanted = [row for row in MODERATORS if row.wanted(settings)]
    return Moderation(tuple(row.build(settings) for row in wanted), any(row.pictures(settings) for row in wanted))


def house(settings: Settings, *, pictures: bool) -> House:
    """What the settings decide for all places; `pictures` says whether anybody judges those."""
    level = settings.moderation_age_restricted
    previews = settings.moderation_previews
    if previews == "auto":
        previews = "none" if pictures else "shown"
    return House(
        Policy(
            settings.moderation_level,
            read_levels(settings.moderation_categories),
            settings.moderation_borderline,
            settings.moderation_likeness,
        ),
        age_restricted=None if level == "same" else Level(level),
        closed=settings.moderation_unavailable == "closed",
        previews=Previews(previews),
    )


def screen(
    settings: Settings, store: Store | None = None, observer: Observer | None = None
) -> tuple[Screen, Callable[[], Awaitable[None]]]:
    """What words and pictures go through, and how to let it go."""
    made = moderation(settings)
    return Screen(made.moderators, house(settings, pictures=made.pictures), store, observer), made.close
