"""Files to and from Slack: the external upload flow, and downloads that keep the token at home."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.config import SlackConfig
from bot.chats.slack.trouble import FAILURES, code, is_passing
from handlers.english import no_picture, not_fetched, too_large
from handlers.model import Attachment
from imaging.decoding.scan import ENDINGS

log = logging.getLogger(__name__)

POLLS = 20
"""How often a new file is looked at before its card is tried anyway."""
TRIES = 3
"""Of a download that Slack's file hosts could not serve just now."""
UPLOAD_S = 120.0


class FileRefused(Exception):
    """A file that we do not take; `str()` is the sentence for the person who sent it."""


async def upload(
    client: AsyncWebClient, name: str, data: bytes, alt: str, *,
    known: str | None, note: Callable[[str], Awaitable[None]], poll_s: float = 0.3,
) -> str:  # fmt: skip
    """Upload privately and wait until Slack has processed the file, so that an image block may name it.

    A block with an unprocessed `slack_file` is refused with `invalid_blocks`. A picture counts as
    processed when Slack knows its size or has made a thumbnail.

    Args:
        known: The id that an earlier process was given for this picture, if any: the file may be there already.
        note: Told the id before the bytes are sent, so that a restart does not upload the same again.

    Returns:
        The file's id.
    """
    if known is not None and await is_there(client, known):
        await processed(client, known, poll_s)
        return known
    place = await client.files_getUploadURLExternal(filename=name, length=len(data), alt_txt=alt)
    file_id = str(place["file_id"])
    await note(file_id)
    await _send(str(place["upload_url"]), data)
    await client.files_completeUploadExternal(files=[{"id": file_id, "title": name}])
    await processed(client, file_id, poll_s)
    return file_id


async def is_there(client: AsyncWebClient, file_id: str) -> bool:
    """
    Raises:
        what Slack or the network raises and may pass.
    """
    try:
        found: Mapping[str, Any] = (await client.files_info(file=file_id))["file"] or {}
    except SlackApiError as error:
        if is_passing(error):
            raise
        return False  # the bytes never arrived
    return not found.get("is_deleted")


async def _send(url: str, data: bytes) -> None:
    """The bytes to the address that Slack gave for them; it needs no token."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=UPLOAD_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for attempt in range(TRIES):
            async with session.post(url, data=data, allow_redirects=False) as answer:
                if answer.status == 200:
                    return
                last = attempt == TRIES - 1
                if last or (answer.status != 429 and answer.status < 500):
                    raise OSError(f"Slack's upload address answers {answer.status}")
                wait = _seconds(answer.headers.get("Retry-After"), 2.0**attempt)
            await asyncio.sleep(wait)


async def processed(client: AsyncWebClient, file_id: str, poll_s: float) -> None:
    """Wait until Slack knows a file's size or has made a thumbnail; not for ever."""
    for attempt in range(POLLS):
        found: Mapping[str, Any] = (await client.files_info(file=file_id))["file"] or {}
        if found.get("original_w") or found.get("thumb_64") or found.get("thumb_360"):
            return
        await asyncio.sleep(min(2.0, poll_s * (1 + attempt)))
    log.warning("file %s was not processed in time; its card is tried anyway", file_id)


async def share(client: AsyncWebClient, channel: str, files: list[dict[str, Any]], thread_ts: str | None) -> None:
    """Files for people to take, in a conversation: exports, comparisons."""
    await client.files_upload_v2(channel=channel, file_uploads=files, thread_ts=thread_ts)


# Downloads


def is_home(url: str, hosts: tuple[str, ...], stand_in: str | None = None) -> bool:
    """Whether the bot token may be sent there: https on Slack's hosts, or the very server that stands in for Slack."""
    parts = urlsplit(url)
    if stand_in is not None and f"{parts.scheme}://{parts.netloc}" == stand_in:
        return True
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and any(host == h or host.endswith("." + h) for h in hosts)


async def fetch(client: AsyncWebClient, file: Mapping[str, Any], token: str, config: SlackConfig) -> Attachment:
    """One file of a message. The token goes to Slack's hosts only; a redirect is not followed.

    Raises:
        FileRefused: not a picture, too large, not on Slack's hosts, or access denied; with the sentence.
    """
    if file.get("file_access") == "check_file_info":
        file = await _told(client, file)  # Slack Connect: the event names the file only
    refusal = why_not(file, config)
    if refusal is not None:
        raise FileRefused(refusal)
    name = name_of(file)
    url = str(file.get("url_private_download") or file.get("url_private") or "")
    if not is_home(url, config.file_hosts, config.stand_in):
        raise FileRefused(f"{name} is not stored at Slack; upload the picture itself.")
    return Attachment(name, await _download(url, token, name, config.max_upload_bytes))


def name_of(file: Mapping[str, Any]) -> str:
    return str(file.get("name") or file.get("title") or "The file")[:120]


def why_not(file: Mapping[str, Any], config: SlackConfig) -> str | None:
    """The sentence for a file that is refused by what Slack says of it; None when it may be fetched."""
    name = name_of(file)
    if file.get("file_access") == "access_denied" or file.get("mode") in ("hidden_by_limit", "tombstone"):
        return f"Slack does not let me open {name}; share it in this channel or send it again."
    kind = str(file.get("mimetype") or "")
    # Of some kinds Slack does not know what they are.
    if not (kind.startswith("image/") or (not kind and name.lower().endswith(ENDINGS))):
        return no_picture(name)
    size = file.get("size")
    if isinstance(size, int) and size > config.max_upload_bytes:
        return too_large(name, config.max_upload_bytes)
    return None


async def _told(client: AsyncWebClient, file: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = (await client.files_info(file=str(file.get("id") or "")))["file"]
    except SlackApiError as error:
        log.info("files.info refuses a file: %s", code(error))
        raise FileRefused("Slack does not let me open that file; share it in this channel or send it again.") from None
    except FAILURES:
        raise FileRefused("Slack could not tell me about that file just now; send it again.") from None
    return found if isinstance(found, Mapping) else {}


async def _download(url: str, token: str, name: str, max_bytes: int) -> bytes:
    import aiohttp

    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            for attempt in range(TRIES):
                async with session.get(url, headers=headers, allow_redirects=False) as answer:
                    if answer.status == 200 and answer.content_type != "text/html":
                        return await _bounded(answer, name, max_bytes)
                    if attempt == TRIES - 1 or (answer.status != 429 and answer.status < 500):
                        break
                    wait = _seconds(answer.headers.get("Retry-After"), 2.0**attempt)
                await asyncio.sleep(min(30.0, wait))
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise FileRefused(not_fetched(name, "Slack")) from None
    # A page or a redirect instead of the bytes is Slack's way to ask for a sign-in.
    raise FileRefused(f"Slack did not hand out {name}; check that I may read files, or send it again.")


async def _bounded(answer: Any, name: str, max_bytes: int) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        data += chunk
        if len(data) > max_bytes:
            raise FileRefused(too_large(name, max_bytes))
    return bytes(data)


def _seconds(text: str | None, default: float) -> float:
    try:
        return max(0.0, float(text)) if text is not None else default
    except ValueError:
        return default
