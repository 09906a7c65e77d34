"""`easel doctor`: asks everything that a start needs how it is, and says what is wrong with the way out.

Platforms and engines declare what there is to ask of them; the language model's part is `bot.llm.checkup`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from bot.app import CHATS, others_come
from bot.doctor import device, engines, home, limits, running, uploads
from bot.env_file import env_file
from bot.home import Home
from bot.llm import checkup
from bot.marking import checkup as marking
from bot.moderation import checkup as judges
from bot.questions import ask
from bot.settings import Settings, unknown_names
from imaging.engine_table import ENGINES, declared
from imaging.findings import Finding, ok, warning


def names(settings: Settings) -> Iterable[Finding]:
    misspelt = unknown_names()
    yield from (warning("settings", sentence) for sentence in misspelt)
    if not misspelt:
        read = env_file()
        yield ok("settings", "all of them are readable" + (f"; {read} was read" if read else ""))


HERE: tuple[Callable[[Settings], Iterable[Finding]], ...] = (
    names,
    home.disk,
    home.rights,
    home.databases,
    checkup.packaged,
    engines.examine,
    limits.examine,
    uploads.examine,
    marking.examine,
)
"""What is looked at on this machine, one after another."""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what takes time (endpoints, platforms, the device) is asked at once."""
    findings = [finding for check in HERE for finding in check(settings)]
    answers = await asyncio.gather(*_questions(settings))
    return [*findings, *(finding for answer in answers for finding in answer)]


def _questions(settings: Settings) -> Iterable[Awaitable[Iterable[Finding]]]:
    yield from (declared(name).examine(settings.plain(), ask) for name in settings.engines)
    if any(not ENGINES[name].address for name in settings.engines):
        yield device.examine(settings)
    if settings.llm_base_url:
        yield checkup.examine(settings)
    yield judges.examine(settings, others_come(settings))
    if (url := Home(settings.home).running()) is not None:
        yield running.examine(url)
    yield from (row.examine(settings) for row in CHATS if row.wanted(settings))
