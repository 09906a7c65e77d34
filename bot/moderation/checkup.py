"""What doctor says of moderation: whether each moderator answers, and what a host still has to decide, in one line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from PIL import Image

from bot.moderation.moderators import MODERATORS, moderation
from bot.settings import PREFIX, Settings, SettingsError
from handlers.moderation.model import Kind, Subject
from handlers.ports import Moderator, ModeratorUnavailable
from imaging.findings import Finding, broken, ok, warning

WHAT: Final = "moderation"
WORDS: Final = Subject(Kind.DESCRIPTION, "a red ball on a table")


async def examine(settings: Settings, others: bool) -> list[Finding]:
    """Ask each moderator about a harmless picture and its words.

    Args:
        others: Whether anybody but who sits at the machine can come.
    """
    try:
        made = moderation(settings)
    except SettingsError as error:
        return [broken(WHAT, " ".join(str(error).split()))]
    try:
        found = [await _asked(one, settings) for one in made.moderators]
    finally:
        await made.close()
    return [*found, _to_decide(settings, made.pictures, others)]


async def _asked(moderator: Moderator, settings: Settings) -> Finding:
    row = next(row for row in MODERATORS if row.name == moderator.name)
    judged: dict[str, Subject] = {}
    if row.words(settings):
        judged["words"] = WORDS
    if row.pictures(settings):
        judged["pictures"] = Subject(Kind.PICTURE, WORDS.text, _harmless())
    try:
        found = [finding for subject in judged.values() for finding in await moderator.look(subject)]
    except ModeratorUnavailable as error:
        then = "nothing is drawn" if settings.moderation_unavailable == "closed" else "the others decide alone"
        return broken(WHAT, f"{moderator.name} cannot judge, so {then}: {error}")
    if found:
        why = ", ".join(f"{one.category} ({one.why})" for one in found)
        return warning(WHAT, f"{moderator.name} objects to a red ball on a table: {why}")
    return ok(WHAT, f"{moderator.name} judges {' and '.join(judged)}")


def _harmless() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(out, "PNG")
    return out.getvalue()


def _to_decide(settings: Settings, pictures: bool, others: bool) -> Finding:
    """What was left as it came is named where others come; a value that was set, the default too, is a decision."""
    level = f"level {settings.moderation_level}"
    open_ = list(_undecided(settings, pictures))
    if not open_:
        return ok(WHAT, f"{level}; everything is decided")
    told = "; ".join(open_)
    if not others:
        return ok(WHAT, f"{level}; before others come, decide: {told} (docs/moderation.md)")
    return warning(WHAT, f"{level}; still to decide: {told} (docs/moderation.md)")


def _undecided(settings: Settings, pictures: bool) -> Iterator[str]:
    chosen = settings.model_fields_set
    if not pictures:
        ways = "EASEL_MODERATION_BASE_URL, _LOCAL or _COMMAND"
        yield f"who looks at finished pictures and uploads, which nobody does now ({ways})"
    for name, what in (
        ("moderation_level", "how much is refused"),
        ("moderation_borderline", "borderline pictures"),
        ("moderation_likeness", "real people"),
    ):
        if name not in chosen:
            yield f"{what} ({PREFIX}{name.upper()}, now {getattr(settings, name)})"
