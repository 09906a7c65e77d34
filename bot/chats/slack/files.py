"""Files to and from Slack: the external upload flow, and downloads that keep the token at home."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.web.async_client import AsyncWebClient

from handlers.model import Attachment

log = logging.getLogger(__name__)

POLLS = 20
"""How often a new file is looked at before its card is tried anyway."""
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff")


class Refused(Exception):
    """A file that we do not take; `str()` is the sentence for the person who sent it."""


async def upload(client: AsyncWebClient, name: str, data: bytes, alt: str, *, poll_seconds: float = 0.3) -> str:
    """Upload privately and wait until Slack has processed the file, so that an image block may name it.

    A block with an unprocessed `slack_file` is refused with `invalid_blocks`. A picture counts as
    processed when Slack knows its size or has made a thumbnail.

    Returns:
        The file's id.
    """
    answer = await client.files_upload_v2(
        file_uploads=[{"file": data, "filename": name, "title": name, "alt_txt": alt}]
    )
    file_id = str(answer["files"][0]["id"])
    for attempt in range(POLLS):
        info = await client.files_info(file=file_id)
        found: dict[str, Any] = info["file"] or {}
        if found.get("original_w") or found.get("thumb_64") or found.get("thumb_360"):
            return file_id
        await asyncio.sleep(min(2.0, poll_seconds * (1 + attempt)))
    log.warning("file %s was not processed in time; its card is tried anyway", file_id)
    return file_id


def is_home(url: str, hosts: tuple[str, ...]) -> bool:
    """Whether the bot token may be sent there: https (or a loopback peer that the settings name) on Slack's hosts."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    named = any(host == h or host.endswith("." + h) for h in hosts)
    return named and (parts.scheme == "https" or host in ("127.0.0.1", "localhost", "::1"))


async def download(file: dict[str, Any], token: str, hosts: tuple[str, ...], max_bytes: int) -> Attachment:
    """One file of a message. The token goes to Slack's hosts only; a redirect is not followed.

    Raises:
        Refused: not a picture, too large, not on Slack's hosts, or access denied; with the sentence.
    """
    import aiohttp

    name = str(file.get("name") or "picture")
    if file.get("file_access") == "access_denied" or file.get("mode") == "hidden_by_limit":
        raise Refused(f"Slack does not let me open {name}; share it in this channel or send it again.")
    if not str(file.get("mimetype", "")).startswith("image/"):
        raise Refused(f"{name} is not a picture; send a PNG, JPEG, WebP or GIF.")
    if int(file.get("size") or 0) > max_bytes:
        raise Refused(f"{name} is larger than {max_bytes // 2**20} MiB; send a smaller copy.")
    url = str(file.get("url_private_download") or file.get("url_private") or "")
    if not is_home(url, hosts):
        raise Refused(f"{name} is not stored at Slack; upload the picture itself.")
    timeout = aiohttp.ClientTimeout(total=60)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False) as answer,
        ):
            if answer.status != 200 or answer.content_type == "text/html":
                raise Refused(f"Slack did not hand out {name}; check that I may read files, or send it again.")
            return Attachment(name, await _bounded(answer, name, max_bytes))
    except (aiohttp.ClientError, TimeoutError):
        raise Refused(f"{name} could not be fetched from Slack just now; send it again.") from None


async def _bounded(answer: Any, name: str, max_bytes: int) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        data += chunk
        if len(data) > max_bytes:
            raise Refused(f"{name} is larger than {max_bytes // 2**20} MiB; send a smaller copy.")
    return bytes(data)
