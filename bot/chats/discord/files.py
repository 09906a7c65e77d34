"""Attachments of people, downloaded with limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import discord

from bot.chats.discord.config import CDN, DiscordConfig
from bot.chats.discord.trouble import FAILURES
from handlers.english import left_out, no_picture, not_fetched, too_large
from handlers.model import Attachment
from handlers.presentation import shorten
from imaging.decoding.scan import ENDINGS

DOWNLOAD_S = 60.0
COVERED = discord.AttachmentFlags.spoiler.flag


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


def attached(message: discord.Message | discord.MessageSnapshot) -> list[discord.Attachment]:
    """The files of a message: those that it lists, and those that its components show, which Discord lists nowhere
    else (message resource, `attachments`)."""
    found = {attachment.id: attachment for attachment in message.attachments}
    for media, description, covered in _shown(message.components):
        if media.attachment_id is not None and media.attachment_id not in found:
            data = _data(media, description, covered)
            found[media.attachment_id] = discord.Attachment(data=cast(Any, data), state=message._state)
    return list(found.values())


def _shown(components: Iterable[Any]) -> Iterator[tuple[discord.UnfurledMediaItem, str | None, bool]]:
    for component in components:
        match component:
            case discord.MediaGalleryComponent(items=items):
                yield from ((item.media, item.description, item.spoiler) for item in items)
            case discord.ThumbnailComponent() | discord.FileComponent():
                yield component.media, getattr(component, "description", None), component.spoiler
            case _:
                accessory = getattr(component, "accessory", None)
                yield from _shown([*getattr(component, "children", ()), *([accessory] if accessory else [])])


def _data(media: discord.UnfurledMediaItem, description: str | None, covered: bool) -> dict[str, Any]:
    """What Discord would say of the file in a list of attachments; it tells no size of it."""
    name = unquote(urlsplit(media.url).path.rpartition("/")[2])
    return {
        "id": media.attachment_id, "filename": name, "size": 0, "url": media.url,
        "proxy_url": media.proxy_url or media.url, "content_type": media.content_type, "description": description,
        "flags": COVERED if covered else 0,
    }  # fmt: skip


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
    more: list[str] = []
    for file in wanted:
        name = shorten(file.name, 60)
        if not file.picture:
            problems.append(no_picture(name))
        elif file.size > config.max_upload_bytes:
            problems.append(too_large(name, config.max_upload_bytes))
        elif len(files) == config.max_attachments:
            more.append(name)
        else:
            try:
                data = await asyncio.wait_for(client.http.get_from_cdn(_address(file.url, config)), DOWNLOAD_S)
            except FAILURES:
                problems.append(not_fetched(name, "Discord"))
            else:
                if len(data) > config.max_upload_bytes:  # of some files Discord does not tell the size before
                    problems.append(too_large(name, config.max_upload_bytes))
                    continue
                files.append(Attachment(file.name, data, file.covered))
    if more:
        problems.append(left_out(config.max_attachments, more))
    return Downloads(tuple(files), tuple(problems))


def _address(url: str, config: DiscordConfig) -> str:
    if config.cdn != CDN and url.startswith(CDN):
        return config.cdn.rstrip("/") + url.removeprefix(CDN)
    return url
