"""Attachments of people, downloaded with limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.chats.discord.config import CDN, MIB, DiscordConfig
from bot.chats.discord.text import shorten
from bot.chats.discord.trouble import FAILURES
from handlers.model import Attachment
from imaging.decoding.scan import ENDINGS

DOWNLOAD_S = 60.0


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at Discord: what a message or a form says of it."""

    name: str
    url: str
    size: int
    media_type: str = ""
    covered: bool = False
    """Marked as a spoiler: by a flag, in older messages by its name."""

    @property
    def picture(self) -> bool:
        return self.media_type.startswith("image/") or self.name.lower().endswith(ENDINGS)


def remote(attachment: discord.Attachment) -> Remote:
    name = attachment.filename.removeprefix("SPOILER_")
    return Remote(name, attachment.url, attachment.size, attachment.content_type or "", attachment.is_spoiler())


@dataclass(frozen=True, slots=True)
class Downloads:
    files: tuple[Attachment, ...] = ()
    problems: tuple[str, ...] = ()
    """One sentence for each file that was left out."""


async def download(client: discord.Client, config: DiscordConfig, wanted: Sequence[Remote]) -> Downloads:
    """The pictures among `wanted`; the others, the too large and the too many come back as sentences."""
    files: list[Attachment] = []
    problems: list[str] = []
    for file in wanted:
        name = shorten(file.name, 60)
        if not file.picture:
            problems.append(f"{name} is no picture that I can read; send a PNG, JPEG or WebP.")
        elif file.size > config.max_upload_bytes:
            problems.append(f"{name} is larger than {config.max_upload_bytes // MIB} MiB; send a smaller one.")
        elif len(files) == config.max_attachments:
            problems.append(f"I take {config.max_attachments} pictures at once; {name} was left out.")
        else:
            try:
                data = await asyncio.wait_for(client.http.get_from_cdn(_address(file.url, config)), DOWNLOAD_S)
            except FAILURES:
                problems.append(f"{name} could not be fetched from Discord; send it once more.")
            else:
                files.append(Attachment(file.name, data, file.covered))
    return Downloads(tuple(files), tuple(problems))


def _address(url: str, config: DiscordConfig) -> str:
    if config.cdn != CDN and url.startswith(CDN):
        return config.cdn.rstrip("/") + url.removeprefix(CDN)
    return url
